"""How two volumes are looked at together in the viewer; each way gives back what it changed."""

from typing import Any

import numpy as np
from napari import Viewer
from napari.layers import Image, Vectors

from ...stacks.metadata import METADATA_KEY
from ...stacks.placement import Placement
from ...stacks.stack import Stack, curtain_column, mixed
from ..layers.result import show_names

MODES = {
    "side by side": "Side by side",
    "overlay": "Overlay",
    "curtain": "Curtain",
    "checkerboard": "Checkerboard",
}
_TRUTH_COLOUR, _OTHER_COLOUR = "green", "magenta"
_LINE_COLOUR = "#ff8026"
# Of the image's width: seen at a glance, and narrower than what it stands between.
_LINE_WIDTH = 0.004
_ERROR_COLOURS = [[0.3, 0.65, 1.0, 1.0], [0.0, 0.0, 0.0, 1.0], [1.0, 0.5, 0.15, 1.0]]
_KEPT = (
    *("visible", "colormap", "blending", "opacity", "contrast_limits"),
    *("scale", "translate", "units", "axis_labels"),
)


class CompareViews:
    """One way of looking at a time."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self.mode = ""
        self.mixed: Image | None = None
        self.line: Vectors | None = None
        self._before: list[tuple[Any, dict[str, Any]]] = []
        self._named: list[Any] = []
        self._had_grid = False
        self._pair: tuple[Any, Any] = (None, None)

    def show(self, mode: str, truth: Stack, chosen: Stack, all_chosen: list[Stack]) -> None:
        """Look in one way, after giving back what another one changed."""
        self.end()
        viewer = self._viewer
        self.mode = mode
        self._before = [(layer, {name: getattr(layer, name) for name in _KEPT}) for layer in _images(viewer)]
        self._had_grid = viewer.canvas.grid.enabled
        shown = all_chosen if mode == "side by side" else [chosen]
        wanted = [truth.layer, *(stack.layer for stack in shown)]
        for layer in viewer.layers:
            layer.visible = any(layer == other for other in wanted)
        for layer in wanted[1:]:
            layer.contrast_limits = truth.layer.contrast_limits
            # Scores compare slice with slice, wherever the layers lie; so does what is shown.
            truth.placement.put(layer)
        if mode == "side by side":
            viewer.canvas.grid.enabled = True
            viewer.reset_view()
        elif mode == "overlay":
            truth.layer.colormap, chosen.layer.colormap = _TRUTH_COLOUR, _OTHER_COLOUR
            lower, upper = sorted((truth.layer, chosen.layer), key=viewer.layers.index)
            lower.blending, upper.blending = "opaque", "additive"
        else:
            self._mix(mode, truth, chosen)
        # Of a curtain the name tells what is left and what is right of it.
        self._named = wanted if self.mixed is None else [self.mixed]
        show_names(self._named, True)

    def move_curtain(self, position: float) -> None:
        """Hang the curtain elsewhere, 0 at the left to 1 at the right."""
        if self.mode == "curtain" and self.mixed is not None:
            self.mixed.data = mixed(*self._pair, "curtain", position)
            if self.line is not None:
                self.line.data = _line(self.mixed.data.shape, position)

    def end(self) -> None:
        """Give back the view as it was."""
        if not self.mode:
            return
        viewer, self.mode = self._viewer, ""
        show_names(self._named, False)
        self._named = []
        ours, self.mixed, self.line = (self.mixed, self.line), None, None
        for layer in ours:
            if layer is not None and layer in viewer.layers:
                viewer.layers.remove(layer)
        for layer, looks in self._before:
            if layer in viewer.layers:
                for name, value in looks.items():
                    setattr(layer, name, value)
        self._before, self._pair = [], (None, None)
        if viewer.canvas.grid.enabled != self._had_grid:
            viewer.canvas.grid.enabled = self._had_grid
            viewer.reset_view()

    def _mix(self, pattern: str, truth: Stack, chosen: Stack) -> None:
        selected = set(self._viewer.layers.selection)
        self._pair = (truth.data, chosen.data)
        self.mixed = self._viewer.add_image(
            mixed(truth.data, chosen.data, pattern),
            name=f"{truth.name} | {chosen.name}",
            contrast_limits=truth.layer.contrast_limits,
            colormap=truth.layer.colormap,
            metadata={METADATA_KEY: {"role": "mixed"}},
            **truth.placement.layer_arguments(),
        )
        truth.layer.visible = chosen.layer.visible = False
        if pattern == "curtain":
            self.line = self._viewer.add_vectors(
                _line(self.mixed.data.shape, 0.5),
                name="curtain",
                vector_style="line",
                edge_color=_LINE_COLOUR,
                edge_width=max(0.5, _LINE_WIDTH * self.mixed.data.shape[-1]),
                metadata={METADATA_KEY: {"role": "mixed"}},
                **truth.placement.layer_arguments(),
            )
        self._viewer.layers.selection = selected


def _line(shape: tuple[int, ...], position: float) -> np.ndarray:
    """Of each plane (z, y, x) the line where the curtain hangs: its start and its length, (Z, 2, 3)."""
    depth, height, width = shape
    lines = np.zeros((depth, 2, 3), np.float32)
    lines[:, 0, 0] = np.arange(depth)
    # Between two pixels, whose centres are at whole numbers.
    lines[:, 0, 1:] = -0.5, curtain_column(width, position) - 0.5
    lines[:, 1, 1] = height
    return lines


def add_error(viewer: Viewer, name: str, error: np.ndarray, bound: float, placement: Placement) -> Image:
    """Add an error map: black where the reconstruction is right, orange too bright, blue too dark."""
    from napari.utils.colormaps import Colormap

    added = viewer.add_image(
        error,
        name=f"{name} error",
        contrast_limits=(-bound, bound),
        colormap=Colormap(_ERROR_COLOURS, name="error"),
        metadata={METADATA_KEY: {"role": "error"}},
        **placement.layer_arguments(),
    )
    added.colorbar.visible = True
    return added


def _images(viewer: Viewer) -> list[Any]:
    from napari.layers import Image

    return [layer for layer in viewer.layers if isinstance(layer, Image)]
