"""Stacks of one layer, such as the time points of a recording, whose volumes become one image."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from .placement import FurtherAxis, Placement
from .projections import Projections

CHANNEL_LABELS, TIME_LABELS = ("c", "channel"), ("t", "time")
"""What an axis of channels, and one of time points, may be called."""


@dataclass(frozen=True)
class SeriesPlacement(Placement):
    """Where volumes of one image lie: `before` gives the axes before z, y and x, from the first on."""

    before: tuple[FurtherAxis, ...] = ()

    def layer_arguments(self) -> dict[str, Any]:
        """What napari's `add_image` takes for the image."""
        return self._arguments(self.before)


@dataclass(frozen=True, eq=False)
class ProjectionSeries:
    """Stacks of projections inside one layer.

    Attributes
    ----------
    layer : napari.layers.Image
    choices : tuple of tuple
        Along each axis before the last three the indices that are used; None is the mean over the axis.
    """

    layer: Any
    choices: tuple[tuple[int | None, ...], ...]

    def __len__(self) -> int:
        return math.prod(len(choice) for choice in self.choices)

    @property
    def stacks(self) -> list[Projections]:
        """The stacks, along the last axis first."""
        return [Projections(self.layer, chosen) for chosen in product(*self.choices)]

    @property
    def first(self) -> Projections:
        """The first of the stacks."""
        return Projections(self.layer, tuple(choice[0] for choice in self.choices))

    @property
    def shape(self) -> tuple[int, ...]:
        """How many stacks lie along each axis of the image; axes before the first with several are left out.

        A later axis stays, with one place, so that the viewer has the same slider for both layers.
        """
        return tuple(len(choice) for choice in self.choices[self._left_out :])

    @property
    def axes(self) -> str:
        """The letters of the image's axes; one without a name counts as time."""
        return "".join(axis.label for axis in self._axes) + "zyx"

    @property
    def noun(self) -> str:
        """What one of the stacks is."""
        varied = {axis.label for axis, size in zip(self._axes, self.shape, strict=True) if size > 1}
        return {"t": "time point", "c": "channel"}["".join(varied)] if len(varied) == 1 else "stack"

    def placement(self, n: int) -> SeriesPlacement:
        """Where the volumes will lie."""
        return SeriesPlacement(**vars(self.first.volume_placement(n)), before=self._axes)

    def is_same_as(self, other: "ProjectionSeries | None") -> bool:
        """Whether another series is the same part of the same data."""
        return other is not None and self.choices == other.choices and self.first.is_same_as(other.first)

    def index_of(self, number: int) -> tuple[int, ...]:
        """Where in the image the volume of a stack goes."""
        return tuple(int(index) for index in np.unravel_index(number, self.shape))

    def chosen_of(self, number: int) -> dict[str, int]:
        """Which time point or channel of the layer a stack is, by the letter of the axis."""
        chosen = self.stacks[number].chosen[self._left_out :]
        return {
            axis.label: index for axis, index in zip(self._axes, chosen, strict=True) if index is not None
        }

    @property
    def _left_out(self) -> int:
        return next((axis for axis, choice in enumerate(self.choices) if len(choice) > 1), len(self.choices))

    @property
    def _axes(self) -> tuple[FurtherAxis, ...]:
        layer, found = self.layer, []
        for axis in range(self._left_out, len(self.choices)):
            is_channel = str(layer.axis_labels[axis]).lower() in CHANNEL_LABELS
            label = "c" if is_channel else "t"
            first, scale = self.choices[axis][0] or 0, float(layer.scale[axis])
            begins = float(layer.translate[axis]) + first * scale
            found.append(FurtherAxis(label, scale, begins, str(layer.units[axis])))
        return tuple(found)


def stack_on_screen(layer: Any, point: Sequence[float]) -> tuple[int, ...]:
    """Index along each axis before the last three of what the viewer shows of a layer at a point."""
    count = layer.ndim - 3
    if count <= 0:
        return ()
    here = layer.world_to_data(tuple(point)[-layer.ndim :]) if len(point) >= layer.ndim else np.zeros(count)
    sizes = layer.data.shape[:count]
    return tuple(min(max(round(float(at)), 0), size - 1) for at, size in zip(here, sizes, strict=False))
