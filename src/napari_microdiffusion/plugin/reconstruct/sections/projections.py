"""Which layer holds the projections, and what of it is used."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QPushButton, QVBoxLayout

from ....io import suggest_step_length
from ....io.images import ImageStack
from ...layers.roles import why_no_projections
from ...layers.stack import Stack
from ...widgets.section import Section, label
from ...widgets.stack_chooser import StackChooser

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Image


@dataclass(frozen=True, eq=False)
class Projections(Stack):
    """A stack of projections (N, H, W) inside a layer."""

    def suggest_step_length(self) -> tuple[int, str] | None:
        """A step length with how it is known, as `io.suggest_step_length`."""
        placement = self.placement
        image = ImageStack(
            data=np.empty((0, 0, 0)),
            scale=placement.scale,
            step_length=self.known.get("step_length"),
        )
        return suggest_step_length(image)


class ProjectionsSection(Section):
    """Choice of the projections.

    `changed` is emitted when another stack is chosen or what is known of it changed.
    """

    open_wanted = Signal()
    calibration_wanted = Signal()
    reopening_wanted = Signal()

    def __init__(self, viewer: "Viewer") -> None:
        super().__init__("Projections", is_open=True)
        self._open = QPushButton("…")
        self._open.setFixedWidth(36)
        self._open.setToolTip("Open a TIFF of projections")
        self._open.clicked.connect(self.open_wanted)
        self.chooser = StackChooser(viewer, why_no_projections, "projections", self._open)
        self.layer_box = self.chooser.box
        self.layer_box.setToolTip(
            "<qt>Image layers that can be projections: stacks of at least two grey planes.</qt>"
        )
        self._about = label(tone="dim", wrap=True)
        self.flaws = label(tone="warning", wrap=True)
        self.flaws.hide()
        self.calibrate = QPushButton("Read the scale from the file")
        self.calibrate.setToolTip("<qt>Another reader opened this file and lost its voxel size.</qt>")
        self.calibrate.clicked.connect(self.calibration_wanted)
        self.reopen = QPushButton("Open the file with these apart")
        self.reopen.setToolTip("<qt>Read the file again with our reader; this layer stays, hidden.</qt>")
        self.reopen.clicked.connect(self.reopening_wanted)
        self.reopen.hide()
        column = QVBoxLayout()
        for widget in (self.chooser, self._about, self.flaws, self.reopen, self.calibrate):
            column.addWidget(widget)
        self.set_content(column)
        self.chooser.changed.connect(self._choose)
        self.refresh()

    @property
    def layer(self) -> "Image | None":
        """The chosen layer."""
        return self.chooser.layer

    @property
    def projections(self) -> Projections | None:
        """The chosen stack."""
        layer = self.chooser.layer
        return None if layer is None else Projections(layer, self.chooser.chosen)

    def select(self, layer: "Image") -> None:
        """Choose a layer, if it is on the list."""
        self.chooser.select(layer)

    def refresh(self) -> None:
        """Take the list from the viewer, keeping the choice where it still exists."""
        self.chooser.refresh()

    def show_flaws(self, flaws: list[str], is_mixed: bool = False) -> None:
        """Warn of what would ruin a result; offer to read the file again where that would mend it."""
        self.reopen.setVisible(is_mixed)
        self.flaws.setText("\n".join(f"⚠ {flaw}" for flaw in flaws))
        self.flaws.setVisible(bool(flaws))

    def describe(self) -> None:
        """Say what the chosen stack is."""
        found = self.projections
        self.calibrate.setVisible(False)
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
        self.calibrate.setVisible(
            not placement.is_known and not found.known and bool(found.layer.source.path)
        )
        self.set_state(found.name)

    def _choose(self) -> None:
        self.describe()
        self.changed.emit()
