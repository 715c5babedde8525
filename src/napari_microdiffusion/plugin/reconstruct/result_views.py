"""How the result is looked at: its uncertainty, in 3D, beside the other layers."""

from napari import Viewer
from napari.layers import Image

from ..layers.result import ResultLayers

ATTENUATION = 0.05
MARGIN_3D = 0.3
ANGLES_3D = (-20.0, 30.0, 150.0)
# What every graphics card can hold along one side of a volume; larger ones may be shown reduced.
SAFE_TEXTURE_SIDE = 2048


class Views:
    """Switches of the viewer that give back what they changed."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._hidden: list[Image] = []
        self._before_grid: list[tuple[Image, bool]] = []

    def show_uncertainty(self, layers: ResultLayers, on: bool) -> None:
        """Show the uncertainty in place of the volume, or the volume again."""
        if layers.uncertainty is None:
            return
        layers.uncertainty.visible = on
        layers.volume.visible = not on

    def show_3d(self, layers: ResultLayers, on: bool) -> str:
        """Show the volume alone in 3D, or go back; returns a warning or nothing."""
        viewer = self._viewer
        if not on:
            viewer.dims.ndisplay = 2
            for layer in self._hidden:
                if layer in viewer.layers:
                    layer.visible = True
            self._hidden.clear()
            viewer.reset_view()
            return ""
        shown = (
            layers.uncertainty
            if layers.uncertainty is not None and layers.uncertainty.visible
            else layers.volume
        )
        self._hidden = [layer for layer in viewer.layers if layer.visible and layer != shown]
        for layer in self._hidden:
            layer.visible = False
        shown.visible = True
        shown.rendering = "attenuated_mip"
        shown.attenuation = ATTENUATION
        viewer.dims.ndisplay = 3
        viewer.canvas.overlays.scale_bar.visible = True
        viewer.reset_view(layers=[shown], margin=MARGIN_3D)
        viewer.scene.camera.angles = ANGLES_3D
        longest = max(layers.shape)
        if longest > SAFE_TEXTURE_SIDE:
            return (
                f"The volume is {longest} voxels long: where the graphics card holds fewer, 3D shows it at "
                "reduced resolution. The data are whole."
            )
        return ""

    def show_side_by_side(self, layers: ResultLayers, on: bool) -> None:
        """Put volume and ground truth, or else all visible layers, beside each other, or go back."""
        viewer, truth = self._viewer, layers.truth
        if on:
            self._before_grid = [(layer, layer.visible) for layer in viewer.layers]
            if truth is not None and truth in viewer.layers:
                for layer in viewer.layers:
                    layer.visible = layer == truth or layer == layers.volume
        else:
            for layer, visible in self._before_grid:
                if layer in viewer.layers:
                    layer.visible = visible
            self._before_grid = []
        viewer.canvas.grid.enabled = on
        self._viewer.reset_view()
