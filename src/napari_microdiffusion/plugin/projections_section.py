"""Which layer holds the projections, and what of it is used."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QFormLayout, QPushButton

from ..io import suggest_step_length
from ..io.images import ImageStack
from .contributions import METADATA_KEY
from .fields import narrow
from .placement import Placement
from .section import Section, form, label, row

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Image

_AXIS_WORDS = {"c": "channel", "channel": "channel", "t": "time", "time": "time"}
_OURS = {"volume", "uncertainty", "INR", "ground truth"}


@dataclass(frozen=True, eq=False)
class Projections:
    """A stack (N, H, W) inside a layer.

    Attributes
    ----------
    layer : napari.layers.Image
    chosen : tuple of int
        Index along each axis before the last three.
    """

    layer: "Image"
    chosen: tuple[int, ...] = ()

    @property
    def data(self) -> Any:
        """The stack, as lazy as the layer's data are."""
        return self.layer.data[self.chosen] if self.chosen else self.layer.data

    @property
    def shape(self) -> tuple[int, int, int]:
        """Slabs, rows, columns."""
        slabs, height, width = self.layer.data.shape[-3:]
        return int(slabs), int(height), int(width)

    @property
    def name(self) -> str:
        """The layer's name with what was chosen."""
        marks = "".join(f" {index}" for index in self.chosen)
        return f"{self.layer.name}{marks}"

    @property
    def placement(self) -> Placement:
        """Where the stack lies."""
        return Placement.of_layer(self.layer)

    @property
    def known(self) -> dict[str, Any]:
        """What our reader found in the file: step length, beam, path, notes."""
        found = self.layer.metadata.get(METADATA_KEY)
        return found if isinstance(found, dict) else {}

    def suggest_step_length(self) -> tuple[int, str] | None:
        """A step length with how it is known, as `io.suggest_step_length`."""
        placement = self.placement
        image = ImageStack(
            data=np.empty((0, 0, 0)),
            scale=placement.scale,
            step_length=self.known.get("step_length"),
        )
        return suggest_step_length(image)


def can_be_projections(layer: object) -> bool:
    """Whether a layer is an image of at least two grey planes that the dock did not make itself."""
    from napari.layers import Image

    if not isinstance(layer, Image) or layer.rgb or layer.multiscale:
        return False
    shape = layer.data.shape
    found = layer.metadata.get(METADATA_KEY)
    role = found.get("role") if isinstance(found, dict) else None
    return len(shape) >= 3 and shape[-3] >= 2 and role not in _OURS


class ProjectionsSection(Section):
    """Choice of the projections.

    `changed` is emitted when another stack is chosen or what is known of it changed.
    """

    open_wanted = Signal()
    calibration_wanted = Signal()

    def __init__(self, viewer: "Viewer") -> None:
        super().__init__("Projections", is_open=True)
        self._viewer = viewer
        self._layers: list[Image] = []
        self._axis_boxes: list[QComboBox] = []
        self.layer_box = narrow(QComboBox())
        self.layer_box.setObjectName("projections")
        self.layer_box.setToolTip(
            "<qt>Image layers that can be projections: stacks of at least two grey planes.</qt>"
        )
        self.layer_box.currentIndexChanged.connect(self._choose)
        self._open = QPushButton("…")
        self._open.setFixedWidth(36)
        self._open.setToolTip("Open a TIFF of projections")
        self._open.clicked.connect(self.open_wanted)
        self._about = label(tone="dim", wrap=True)
        self._calibrate = QPushButton("Read the scale from the file")
        self._calibrate.clicked.connect(self.calibration_wanted)
        self._form: QFormLayout = form()
        self._form.addRow(row(self.layer_box, self._open, stretch=0))
        self._form.addRow(self._about)
        self._form.addRow(self._calibrate)
        self.set_content(self._form)
        self.refresh()

    @property
    def layer(self) -> "Image | None":
        """The chosen layer."""
        index = self.layer_box.currentIndex()
        return self._layers[index] if 0 <= index < len(self._layers) else None

    @property
    def projections(self) -> Projections | None:
        """The chosen stack."""
        layer = self.layer
        return (
            None
            if layer is None
            else Projections(layer, tuple(box.currentIndex() for box in self._axis_boxes))
        )

    def select(self, layer: "Image") -> None:
        """Choose a layer, if it is on the list."""
        if layer in self._layers:
            self.layer_box.setCurrentIndex(self._layers.index(layer))

    def refresh(self) -> None:
        """Take the list from the viewer, keeping the choice where it still exists."""
        before = self.layer
        self._layers = [layer for layer in self._viewer.layers if can_be_projections(layer)]
        self.layer_box.blockSignals(True)
        self.layer_box.clear()
        self.layer_box.addItems([layer.name for layer in self._layers])
        if before is not None and before in self._layers:
            self.layer_box.setCurrentIndex(self._layers.index(before))
        self.layer_box.blockSignals(False)
        self.layer_box.setEnabled(bool(self._layers))
        if self.layer is not before or before is None:
            self._choose()

    def describe(self) -> None:
        """Say what the chosen stack is."""
        found = self.projections
        self._calibrate.setVisible(False)
        if found is None:
            self._about.setText("No image layer can be projections yet.")
            self.set_state("none")
            return
        slabs, height, width = found.shape
        placement = found.placement
        voxel = placement.describe_voxel() if placement.is_known else "voxel size not known"
        text = f"{slabs} slabs of {height} × {width} · {voxel} · {found.layer.dtype}"
        notes = " ".join(found.known.get("notes", ()))
        self._about.setText(f"{text}\n{notes}" if notes else text)
        self._calibrate.setVisible(
            not placement.is_known and not found.known and bool(found.layer.source.path)
        )
        self.set_state(found.name)

    def _choose(self, _index: int = 0) -> None:
        while self._axis_boxes:
            self._form.removeRow(self._axis_boxes.pop())
        layer = self.layer
        if layer is not None:
            for axis, size in enumerate(layer.data.shape[:-3]):
                self._add_axis(axis, size, str(layer.axis_labels[axis]))
        self.describe()
        self.changed.emit()

    def _add_axis(self, axis: int, size: int, name: str) -> None:
        box = narrow(QComboBox(), 4)
        box.addItems([str(index) for index in range(size)])
        step = self._viewer.dims.current_step
        offset = len(step) - len(self.layer.data.shape) if self.layer is not None else 0
        box.setCurrentIndex(min(max(step[offset + axis], 0), size - 1) if offset >= 0 else 0)
        box.currentIndexChanged.connect(partial(_describe_and_tell, self))
        self._axis_boxes.append(box)
        self._form.insertRow(1 + axis, _AXIS_WORDS.get(name.lower(), f"axis {axis}"), box)


def _describe_and_tell(section: ProjectionsSection, _index: int) -> None:
    section.describe()
    section.changed.emit()
