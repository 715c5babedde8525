"""Events in, layer updates out: the volumes of a series as they grow, one after the other."""

from typing import TYPE_CHECKING, Any

import numpy as np

from ...optics import Acquisition
from ...reconstruction.events import SliceReady, StageStarted
from ...stacks.series import ProjectionSeries, SeriesPlacement
from ...tasks.progress import StackBegun
from ...tasks.several.series import EmptyUncertainty, StackDone
from .result import ResultLayers

if TYPE_CHECKING:
    from napari import Viewer


class SeriesLayers(ResultLayers):
    """The layers of a series; their arrays are written elsewhere, and only shown here.

    Parameters
    ----------
    viewer : Viewer
    series : ProjectionSeries
    placement : SeriesPlacement
        Of the volumes.
    empty : ndarray, shape (..., slices, rows, columns)
        Where the volumes are written to.
    acquisition : Acquisition
    limits : tuple of float
        Contrast limits to begin with.
    """

    def __init__(
        self,
        viewer: "Viewer",
        series: ProjectionSeries,
        placement: SeriesPlacement,
        empty: Any,
        acquisition: Acquisition,
        limits: Any,
    ) -> None:
        self._series, self._axes = series, placement.before
        super().__init__(viewer, series.layer.name, placement, empty, acquisition, limits)
        self._go_to_stack(0)

    def handle(self, event: Any) -> None:
        """Take one event of the runs."""
        if isinstance(event, StackBegun):
            self._go_to_stack(event.number)
        elif isinstance(event, EmptyUncertainty):
            self._add_spread(event.values, 1e-6 * max(self._limits[1], 1e-30))
        elif isinstance(event, StackDone):
            self._has_result = True
            for changed in self._changed.values():
                changed.update(range(self.shape[-3]))
        elif isinstance(event, StageStarted):
            self._stage = event.stage
            self._stage_is_new = True
        else:
            super().handle(event)

    def _go_to_stack(self, number: int) -> None:
        index = self._series.index_of(number)
        self._before = tuple(axis.world(at) for axis, at in zip(self._axes, index, strict=True))

    def _write(self, event: SliceReady) -> None:
        if event.quantity == "volume":
            self._latest_z = event.z
        elif self.uncertainty is not None:
            top = float(np.percentile(event.plane[::4, ::4], 99.9))
            low, high = self.uncertainty.contrast_limits
            if top > high:
                self.uncertainty.contrast_limits = (low, top)
        self._changed[event.quantity].add(event.z)
