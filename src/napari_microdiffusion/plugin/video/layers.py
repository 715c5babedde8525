"""Events in, layer updates out: the volumes of a video as they come, what stays the same, and the regions."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ...stacks.metadata import METADATA_KEY
from ...stacks.placement import Placement
from ...tasks.redraw_pace import RedrawPace
from ...tasks.video.resolving import FrameStored, StructureMade, VideoResolved
from ..jobs.job import TICK_MS
from ..layers.result import add_volume

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Image, Labels


# So that what they are regions of is seen; napari draws outlines in 2D alone, and warns of it in 3D.
_FAINT = 0.3


class VideoLayers:
    """The layers of one video.

    Parameters
    ----------
    projections : napari.layers.Image
        The frames; the layers are called after it and lie along its time axis.
    placement : Placement
        Of the volumes.
    known : dict
        What is noted of step length and beam.
    has_regions : bool
        Whether a layer holds the regions already.
    """

    def __init__(
        self,
        viewer: "Viewer",
        projections: "Image",
        placement: Placement,
        known: dict[str, Any],
        has_regions: bool,
    ) -> None:
        self.viewer, self.placement, self._known = viewer, placement, known
        self._has_regions = has_regions
        self.name, self._projections = projections.name, projections
        self._time: dict[str, Any] = {
            "scale": float(projections.scale[0]),
            "translate": float(projections.translate[0]),
            "unit": str(projections.units[0]),
            "label": str(projections.axis_labels[0]),
        }
        self.volumes: Image | None = None
        self.structure: Image | None = None
        self._reference: Image | None = None
        self.regions: Labels | None = None
        self.follow = True
        self._frames: Any = None
        self._limits, self._was_visible = (0.0, 1.0), True
        self._changed: set[int] = set()
        self._latest = 0
        self._pace = RedrawPace(TICK_MS / 1000)
        self._followed_to = self._point()
        # Adding a layer takes long; in between the window has its turn.
        self._waiting: list[Callable[[], None]] = []

    @property
    def all(self) -> "list[Any]":
        """Those that are there."""
        found = (self.structure, self._reference, self.volumes, self.regions)
        return [layer for layer in found if layer is not None and layer in self.viewer.layers]

    def handle(self, event: Any) -> None:
        """Take one event of the run; `flush` then redraws."""
        if isinstance(event, StructureMade):
            self._frames, self._limits = event.frames, event.limits
            self._waiting = [
                lambda: self._add_structure(event),
                lambda: self._add_reference(event),
                self._add_volumes,
            ]
            if not self._has_regions:
                self._waiting.append(lambda: self._add_regions(event.regions))
        elif isinstance(event, FrameStored):
            self._latest = event.index
            self._changed.add(event.index)
        elif isinstance(event, VideoResolved):
            self._finish(event)

    def flush(self) -> None:
        """Redraw what changed, unless the last redraw was too short ago."""
        in_3d = self.viewer.dims.ndisplay == 3
        if self._waiting:
            self._waiting.pop(0)()
            return
        if not self._changed or self.volumes is None:
            return
        if self._point() != self._followed_to:
            self.follow = False  # the person moved the slider
        if not self._pace.is_due(in_3d, False):
            return
        if self.follow:
            self.go_to(self._latest)
        elif self.frame in self._changed and self.volumes.visible:
            self.volumes.refresh(extent=False, thumbnail=False, highlight=False)
        self._changed.clear()
        self._pace.drawn(in_3d, False)

    def remove(self) -> None:
        """Take the layers away: the run was cancelled."""
        if self.volumes is not None:
            self._projections.visible = self._was_visible
        for layer in self.all:
            self.viewer.layers.remove(layer)

    def keep_unfinished(self) -> None:
        """After a failure, keep the frames that were done under an honest name."""
        if self.volumes is not None:
            self._keep(self._latest + 1, " (incomplete)")

    # The frame on screen

    @property
    def frame(self) -> int:
        """The frame that the viewer shows."""
        return round((self._point() - self._time["translate"]) / (self._time["scale"] or 1.0))

    def go_to(self, frame: int) -> None:
        """Show a frame."""
        if self.viewer.dims.ndim >= 4:
            world = self._time["translate"] + frame * self._time["scale"]
            self.viewer.dims.set_point(self.viewer.dims.ndim - 4, world)
        self._followed_to = self._point()

    def _point(self) -> float:
        point = self.viewer.dims.point
        return float(point[-4]) if len(point) >= 4 else 0.0

    # Layers

    def _add_volumes(self) -> None:
        self.volumes = self.viewer.add_image(
            self._frames,
            name=f"{self.name} volumes (running)",
            contrast_limits=self._limits,
            metadata={METADATA_KEY: {"role": "video", **self._known}},
            **self.placement.over_time(**self._time),
        )
        # The volumes cover them, and both would be read and drawn for every frame.
        self._was_visible, self._projections.visible = self._projections.visible, False
        self._followed_to = self._point()

    def _add_structure(self, event: StructureMade) -> None:
        result = event.structure
        known = {**self._known, "provenance": result.provenance}
        self.structure = self._add_hidden("structure", "volume", result.volume, event.structure_limits, known)

    def _add_reference(self, event: StructureMade) -> None:
        found = event.structure.reference
        if found is not None:
            look = {"colormap": "green", "blending": "additive"}
            limits = event.structure_limits
            self._reference = self._add_hidden("reference", "reference", found, limits, self._known, **look)

    def _add_hidden(
        self, what: str, role: str, values: np.ndarray, limits: Any, known: dict[str, Any], **look: Any
    ) -> "Image":
        selected = set(self.viewer.layers.selection)
        name = f"{self.name} {what}"
        made = add_volume(
            self.viewer, name, role, values, self.placement, limits, known, visible=False, **look
        )
        self.viewer.layers.selection = selected
        return made

    def _add_regions(self, regions: np.ndarray) -> None:
        selected = set(self.viewer.layers.selection)
        self.regions = self.viewer.add_labels(
            regions,
            name=f"{self.name} regions",
            metadata={METADATA_KEY: {"role": "regions", **self._known}},
            opacity=_FAINT,
            **self.placement.layer_arguments(),
        )
        self.viewer.layers.selection = selected

    def _finish(self, event: VideoResolved) -> None:
        while self._waiting:
            self._waiting.pop(0)()
        assert self.volumes is not None
        finished = event.finished
        self.volumes.metadata[METADATA_KEY]["provenance"] = finished.provenance
        self._keep(len(finished.traces.light), " (stopped)" if finished.stopped else "")

    def _keep(self, frames: int, suffix: str) -> None:
        """Show so many frames, the run being over."""
        assert self.volumes is not None
        if frames < len(self._frames):
            self.volumes.data = self._frames[:frames]
        self.volumes.name = f"{self.name} volumes{suffix}"
        self.volumes.refresh()
