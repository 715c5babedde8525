"""Events in, layer updates out: the volume and its uncertainty as they grow."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from ...optics import Acquisition
from ...reconstruction.events import BlockReady, Finished, SliceReady, StageStarted
from ...stacks.metadata import METADATA_KEY, UNCERTAINTY_COLOURS, known_beam
from ...stacks.placement import Placement
from ...tasks.contrast import Contrast
from ...tasks.redraw_pace import RedrawPace
from ..jobs.job import TICK_MS

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Image

    from ...tasks.large_stacks.reconstructing import GrowingVolumes


class ResultLayers:
    """The layers of one reconstruction.

    Parameters
    ----------
    name : str
        Of the projections; the layers are called after it.
    placement : Placement
        Of the volume.
    empty : ndarray, shape (..., slices, rows, columns), or GrowingVolumes
        Room for the volume, taken over; or volume and uncertainty that grow on disk.
    acquisition : Acquisition
        Step length and beam.
    limits : tuple of float
        Contrast limits to begin with.
    truth : napari.layers.Image, optional
        Shares its contrast limits with the volume.
    """

    def __init__(
        self,
        viewer: "Viewer",
        name: str,
        placement: Placement,
        empty: "np.ndarray | GrowingVolumes",
        acquisition: Acquisition,
        limits: tuple[float, float],
        truth: "Image | None" = None,
    ) -> None:
        self.viewer, self.name, self.placement = viewer, name, placement
        self._growing = None if isinstance(empty, np.ndarray) else empty
        data: Any = empty if self._growing is None else self._growing.volume.levels
        self.shape: tuple[int, ...] = data[0].shape if self._growing else data.shape
        self.step_length = acquisition.step_length
        self._known = known_beam(acquisition)
        self.truth = truth
        self._follows = True
        self.uncertainty: Image | None = None
        self._limits = limits
        self._stage = "preview"
        self._bright = 1.0
        self._has_result = False
        self._stage_is_new = False
        self._changed: dict[str, set[int]] = {"volume": set(), "uncertainty": set()}
        self._pace = RedrawPace(TICK_MS / 1000)
        self._latest_z: int | None = None
        # Where the volume that grows lies along axes before its slices.
        self._before: tuple[float, ...] = ()
        # Adding a layer and drawing it for the first time both take long; in between the window has its turn.
        # In 3D an empty volume would take as long to draw as a full one.
        self._is_covered = True
        self.volume: Image = self._add("volume", " (preview)", data, self._limits, visible=False)
        self._named, self._asked_name = self.volume.name, f"{name} volume (preview)"
        self._started_at = self._followed_to = self._point()

    def handle(self, event: Any) -> None:
        """Take one event of the run; `flush` then redraws."""
        if isinstance(event, SliceReady):
            self._write(event)
        elif isinstance(event, BlockReady):
            self._take_block()
        elif isinstance(event, Contrast):
            self._settle_contrast(event)
        elif isinstance(event, StageStarted):
            self._stage = event.stage
            self._stage_is_new = True
            self._rename("" if event.stage == "samples" else " (preview)")
        elif isinstance(event, Finished):
            self._finish(event)

    @property
    def follow(self) -> bool:
        """Whether the viewer shows the slices as they come; it ends when the person moves the slider."""
        return self._follows

    @follow.setter
    def follow(self, on: bool) -> None:
        if on and not self._follows:
            self._followed_to = self._point()
        self._follows = on

    def flush(self) -> None:
        """Redraw what changed, unless the last redraw was too short ago."""
        in_3d = self.viewer.dims.ndisplay == 3
        if self._growing is not None:
            self._growing.focus.point = looked_at(self.viewer, self.volume)
            self._uncover()  # there are projections to see in it
        if not in_3d and self._point() != self._followed_to:
            self._follows = False  # the person moved the slider
        if not self._pace.is_due(in_3d, self._stage_is_new) or not any(self._changed.values()):
            return
        self._stage_is_new = False
        self._uncover()
        # Another slice on screen has been read anew from all layers.
        if not (self.follow and self._follow()):
            for quantity, layer in (("volume", self.volume), ("uncertainty", self.uncertainty)):
                changed = self._changed[quantity]
                if layer is not None and changed and self._shows(layer, changed):
                    layer.refresh(extent=False, thumbnail=False, highlight=False)
        for slices in self._changed.values():
            slices.clear()
        self._pace.drawn(in_3d, self._stage == "preview")

    def remove(self) -> None:
        """Take the layers away: the run was cancelled."""
        for layer in (self.volume, self.uncertainty):
            if layer is not None and layer in self.viewer.layers:
                self.viewer.layers.remove(layer)
        self._return()

    def keep_unfinished(self) -> bool:
        """After a failure, keep what is better than a preview under an honest name; say whether there was."""
        if not self._has_result:
            self.remove()
            return False
        self._uncover()
        self._rename(" (incomplete)")
        for layer in (self.volume, self.uncertainty):
            if layer is not None and layer in self.viewer.layers:
                layer.refresh()
        return True

    def _add(self, role: str, suffix: str, data: Any, limits: Any, **look: Any) -> "Image":
        return add_volume(
            self.viewer,
            f"{self.name} {role}{suffix}",
            role,
            data,
            self.placement,
            limits,
            self._known,
            **look,
        )

    def _rename(self, suffix: str) -> None:
        name = f"{self.name} volume{suffix}"
        # A person's name stays. napari appends [1] where ours is taken; asking again would count on.
        if self.volume.name == self._named and name != self._asked_name:
            self.volume.name = self._asked_name = name
            self._named = self.volume.name

    def _write(self, event: SliceReady) -> None:
        if event.quantity == "uncertainty":
            if self.uncertainty is None:
                self._add_uncertainty(event)
            assert self.uncertainty is not None
            self.uncertainty.data[(event.z, *event.region.index)] = event.plane
        else:
            self.volume.data[(event.z, *event.region.index)] = event.plane
            self._has_result |= event.stage != "preview"
            self._latest_z = event.z
        self._changed[event.quantity].add(event.z)

    def _take_block(self) -> None:
        """All slices have changed, in a part."""
        assert self._growing is not None
        if self.uncertainty is None and self._growing.uncertainty is not None:
            self._add_spread(self._growing.uncertainty.levels, self._bright)
        self._has_result = True
        for changed in self._changed.values():
            changed.update(range(self.shape[0]))

    def _add_uncertainty(self, event: SliceReady) -> None:
        top = max(float(np.percentile(event.plane, 99.9)), 1e-6 * max(self._limits[1], 1e-30))
        self._add_spread(np.zeros(self.shape, np.float32), top)

    def _finish(self, event: Finished) -> None:
        result = event.result
        if self._growing is not None:
            # What shows where no block was finished has changed.
            self._take_block()
            self.volume.refresh()
        else:
            # The engine's own arrays hold the same values; taking them frees the copies made here.
            self.volume.data = result.volume
        if self._growing is None and result.uncertainty is not None:
            if self.uncertainty is None:
                self._add_spread(result.uncertainty, 1.0)
            assert self.uncertainty is not None
            self.uncertainty.data = result.uncertainty
        if self.uncertainty is not None:
            self.uncertainty.contrast_limits = (0.0, self._bright)
        if result.reference is not None:
            self._add_hidden(
                "reference", result.reference, self._limits, colormap="green", blending="additive"
            )
        for layer in (self.volume, self.uncertainty):
            if layer is not None:
                # So that napari's own "save" keeps what made it.
                layer.metadata[METADATA_KEY]["provenance"] = result.provenance
        self._uncover()
        self._rename(" (stopped)" if result.stopped else "")
        self._return()

    def _add_spread(self, values: Any, top: float) -> None:
        self.uncertainty = self._add_hidden("uncertainty", values, (0.0, top), colormap=UNCERTAINTY_COLOURS)

    def _add_hidden(self, role: str, values: Any, limits: Any, **look: Any) -> "Image":
        selected = set(self.viewer.layers.selection)
        added = self._add(role, "", values, limits, visible=False, **look)
        # A hidden layer that comes by itself must not take the controls from the one in use.
        self.viewer.layers.selection = selected
        return added

    def _settle_contrast(self, contrast: Contrast) -> None:
        """Fit the contrast of volume and truth to the volume, unless the person changed it."""
        self._bright = contrast.uncertainty
        if tuple(self.volume.contrast_limits) != tuple(self._limits):
            return
        for layer in (self.volume, self.truth):
            if layer is not None:
                layer.contrast_limits = (contrast.low, contrast.high)
        self._limits = tuple(self.volume.contrast_limits)

    def _uncover(self) -> None:
        """Show the volume once there is something in it."""
        if self._is_covered:
            self._is_covered = False
            self.volume.visible = True

    # The slice on screen

    def _point(self) -> tuple[float, ...]:
        """Where the viewer is along z and the axes before it."""
        return tuple(map(float, self.viewer.dims.point[-len(self.shape) : -2]))

    def _follow(self) -> bool:
        """Go to the newest slice; say whether it is another than before."""
        if self._latest_z is None or self.viewer.dims.ndisplay == 3 or self.viewer.dims.ndim < 3:
            return False
        # The middle of a slab that arrived whole says more than its last slice.
        n = self.step_length
        before = self._followed_to
        z = min(self._latest_z // n * n + n // 2, self.shape[-3] - 1)
        self._go_to((*self._before, self.placement.translate[0] + z * self.placement.scale[0]))
        self._latest_z = None
        return self._followed_to != before

    def _go_to(self, point: tuple[float, ...]) -> None:
        dims = self.viewer.dims
        dims.set_point(tuple(range(dims.ndim - 2 - len(point), dims.ndim - 2)), point)
        self._followed_to = self._point()

    def _return(self) -> None:
        """After the run, go back to where the person was."""
        if self.follow and self.viewer.dims.ndisplay == 2 and self.viewer.dims.ndim >= 3:
            self._go_to(self._started_at)

    def _shows(self, layer: "Image", slices: set[int]) -> bool:
        """Whether one of the slices is on screen."""
        dims = self.viewer.dims
        if not layer.visible:
            return False
        if dims.ndisplay == 3 or tuple(dims.displayed) != (dims.ndim - 2, dims.ndim - 1):
            return True
        *before, point = self._point()
        z = (point - self.placement.translate[0]) / self.placement.scale[0]
        return round(z) in slices and np.allclose(before, self._before)


def looked_at(viewer: "Viewer", layer: "Image") -> tuple[float, float]:
    """Row and column of a layer under the cursor, or else in the middle of the window."""
    point = viewer.cursor.position if viewer.mouse_over_canvas else viewer.scene.camera.center
    whole = [0.0] * (viewer.dims.ndim - len(point)) + list(point)
    row, column = layer.world_to_data(whole)[-2:]
    return float(row), float(column)


def show_names(layers: Iterable[Any], on: bool) -> None:
    """Write the names of layers on the canvas, in napari's own overlay, or no longer."""
    for layer in layers:
        layer.name_overlay.visible = on


def add_volume(
    viewer: "Viewer",
    name: str,
    role: str,
    data: Any,
    placement: Placement,
    limits: Any,
    known: dict[str, Any],
    **look: Any,
) -> "Image":
    """Add an image layer that the dock made, with what is known of it; never under another layer's name.

    `data` is an array, or a list of one at several resolutions.
    """
    return viewer.add_image(
        data,
        name=name,
        multiscale=isinstance(data, list),
        contrast_limits=limits,
        metadata={METADATA_KEY: {"role": role, **known}},
        **placement.layer_arguments(),
        **look,
    )
