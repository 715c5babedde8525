"""The result that the dock's buttons belong to: the chosen one of the layers, made here or opened again."""

from typing import Any

from napari import Viewer
from napari.layers import Image
from qtpy.QtCore import QObject, Signal

from ...stacks.metadata import known_of
from ...stacks.roles import is_result, record_of
from ...stacks.stack import array_of
from ..layers.result import show_names
from .document import ReconstructionDocument

ATTENUATION = 0.05
MARGIN_3D = 0.3
ANGLES_3D = (-20.0, 30.0, 150.0)
# What every graphics card can hold along one side of a volume; larger ones may be shown reduced.
SAFE_TEXTURE_SIDE = 2048


class Results(QObject):
    """Follows the viewer: which result is chosen, and how it is looked at.

    All states are read from the viewer, so that napari's own buttons and ours never differ. `changed` is
    emitted when one may have changed.

    Attributes
    ----------
    runs : dict
        Of the volumes that were made here, the finished runs (`activities.Reconstructing`).
    volume : napari.layers.Image or None
        The chosen result.
    """

    changed = Signal()

    def __init__(self, viewer: Viewer, document: ReconstructionDocument, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer, self._document = viewer, document
        self.runs: dict[Image, Any] = {}
        self.volume: Image | None = None
        self._watched: list[Image] = []
        self._before: list[tuple[Image, bool]] = []
        self._named: list[Any] = []
        self._is_arranging = False

    def follow(self, _event: Any = None) -> None:
        """Take the chosen result from the viewer's selection, or else keep it, or take the newest."""
        if self._is_arranging:
            return
        layers = self._viewer.layers
        volumes = [layer for layer in layers if is_result(layer)]
        active = layers.selection.active
        owner = next((v for v in volumes if active is not None and self._uncertainty_of(v) == active), None)
        kept = self.volume if self.volume in volumes else volumes[-1] if volumes else None
        self.volume = active if active in volumes else owner or kept
        if self._before and not (self.is_3d or self.is_beside):
            # Also where napari's own buttons ended it.
            before, self._before = self._before, []
            for layer, visible in before:
                if layer in layers:
                    layer.visible = visible
            self._name(False)
        watched = [layer for layer in (self.volume, self.uncertainty) if layer is not None]
        for layer in self._watched:
            layer.events.visible.disconnect(self.follow)
        for layer in watched:
            layer.events.visible.connect(self.follow)
        self._watched = watched
        self.changed.emit()

    def layer_removed(self, layer: Any) -> None:
        """Show the volume again where its uncertainty was shown in its place."""
        volume = self.volume
        if (
            volume is not None
            and layer in self._watched
            and layer != volume
            and volume in self._viewer.layers
        ):
            volume.visible = True

    def release(self) -> None:
        """Let go of the layers; the dock is going."""
        for layer in self._watched:
            layer.events.visible.disconnect(self.follow)
        self._watched = []

    # What belongs to the chosen result

    @property
    def run(self) -> Any:
        """The run that made it here, None for one from a file."""
        return None if self.volume is None else self.runs.get(self.volume)

    @property
    def unsaved(self) -> list[str]:
        """Names of the results made here that no file holds."""
        layers = self._viewer.layers
        return [layer.name for layer, run in self.runs.items() if layer in layers and not run.is_saved]

    @property
    def uncertainty(self) -> Image | None:
        """Its uncertainty, if there is that layer."""
        return None if self.volume is None else self._uncertainty_of(self.volume)

    @property
    def truth(self) -> Image | None:
        """The truth that it was measured against, or else the chosen one if it has its size."""
        if self.volume is None:
            return None
        own = None if self.run is None else self.run.layers.truth
        truth = own if own is not None and own in self._viewer.layers else self._document.truth
        if truth is None:
            return None
        shape, own_shape = array_of(truth).shape, array_of(self.volume).shape
        return truth if shape[1:] == own_shape[1:] and shape[0] >= own_shape[0] else None

    def _uncertainty_of(self, volume: Image) -> Image | None:
        run, record = self.runs.get(volume), record_of(volume)
        for layer in reversed(self._viewer.layers):
            if known_of(layer).get("role") != "uncertainty":
                continue
            is_of_run = run is not None and layer == run.layers.uncertainty
            is_of_file = run is None and record and record_of(layer) == record
            if is_of_run or (is_of_file and array_of(layer).shape == array_of(volume).shape):
                return layer
        return None

    # How it is looked at

    @property
    def is_3d(self) -> bool:
        """Whether the viewer shows three dimensions."""
        return bool(self._viewer.dims.ndisplay == 3)

    @property
    def is_beside(self) -> bool:
        """Whether layers are shown beside each other."""
        return bool(self._viewer.canvas.grid.enabled)

    @property
    def shows_uncertainty(self) -> bool:
        """Whether the uncertainty is shown in place of the volume."""
        return self.volume is not None and self.uncertainty is not None and self.uncertainty.visible

    def show_uncertainty(self, on: bool) -> None:
        """Show the uncertainty in place of the volume, or the volume again."""
        if self.volume is not None and self.uncertainty is not None:
            self.uncertainty.visible, self.volume.visible = on, not on
            self.uncertainty.colorbar.visible = on  # which grey levels its colours are

    def show_3d(self, on: bool) -> str:
        """Show the result alone, or with what is beside it, in 3D, or go back; gives a warning or nothing."""
        shown = self._arrange(on, self.is_beside)
        if not on or shown is None:
            return ""
        longest = max(array_of(shown).shape[-3:])
        if longest <= SAFE_TEXTURE_SIDE:
            return ""
        return (
            f"The volume is {longest} voxels long: where the graphics card holds fewer, 3D shows it at "
            "reduced resolution. The data are whole."
        )

    def show_beside(self, on: bool) -> None:
        """Put result and truth, or else all visible layers, beside each other, or go back."""
        self._arrange(self.is_3d, on)

    def _name(self, on: bool) -> None:
        """Write on the canvas what is what, while several are beside each other."""
        show_names(self._named, False)
        self._named = [layer for layer in self._viewer.layers if layer.visible] if on else []
        show_names(self._named, True)

    def _arrange(self, in_3d: bool, beside: bool) -> Image | None:
        viewer, shown = self._viewer, self.uncertainty if self.shows_uncertainty else self.volume
        if shown is None:
            return None
        self._is_arranging = True
        try:
            if not self._before:
                self._before = [(layer, layer.visible) for layer in viewer.layers]
            if in_3d or beside:
                others = [layer for layer, visible in self._before if visible]
                others = [self.truth] if self.truth is not None else others
                for layer in viewer.layers:
                    layer.visible = layer == shown or (beside and layer in others)
            viewer.canvas.grid.enabled = beside
            self._name(beside)
            if in_3d:
                for layer in viewer.layers:
                    if layer.visible and isinstance(layer, Image):
                        layer.rendering, layer.attenuation = "attenuated_mip", ATTENUATION
                viewer.canvas.overlays.scale_bar.visible = True
            viewer.dims.ndisplay = 3 if in_3d else 2
        finally:
            self._is_arranging = False
        self.follow()
        if in_3d:
            viewer.reset_view(layers=[layer for layer in viewer.layers if layer.visible], margin=MARGIN_3D)
            viewer.scene.camera.angles = ANGLES_3D
        else:
            viewer.reset_view()
        return shown
