"""Which volumes are compared: the ground truth, and the reconstructions of the same place."""

from math import prod
from typing import Any

import numpy as np
from napari import Viewer
from napari.layers import Image
from qtpy.QtWidgets import QListWidgetItem

from ...optics import Acquisition
from ...optics.beam.sampling import BEAMS
from ...optics.recorded_beam import KEY
from ...stacks.metadata import known_of
from ...stacks.roles import why_no_volume
from ...stacks.stack import Stack
from ...tasks.comparing import MOST_VOXELS, CompareSettings
from ..document import FormSettings
from ..widgets.form import Form
from ..widgets.layer_chooser import LayerChooser
from ..widgets.layer_list import VolumeList
from ..widgets.section import Section, form, label, title_of


class VolumesSection(Section):
    """Choice of the truth, the reconstructions and the step length."""

    def __init__(self, viewer: Viewer) -> None:
        super().__init__("Volumes", is_open=True)
        self._viewer = viewer
        self.settings = FormSettings(model=CompareSettings)
        self.truth = LayerChooser(viewer, why_no_volume, "ground truth", "The volume as a point scan saw it.")
        self.list = VolumeList(
            "reconstructions", "Volumes of the same height and width; tick those to be measured."
        )
        self.list.itemChanged.connect(self._ticked)
        self._hint = label(tone="dim", wrap=True)
        layout = form()
        layout.addRow(title_of("Ground truth", self.truth), self.truth)
        layout.addRow(title_of("Compared", self.list))
        layout.addRow(self.list)
        layout.addRow(self._hint)
        layout.addRow(Form(self.settings, CompareSettings.model_fields, unset={"step_length": "not known"}))
        self.set_content(layout)
        self.settings.events.revision.connect(self._tell)
        self.truth.refresh()
        self._prefer_truth()
        self._refill()
        self.truth.changed.connect(self._truth_changed)

    @property
    def truth_stack(self) -> Stack | None:
        """The truth."""
        layer = self.truth.layer
        return None if layer is None else Stack(layer, self.truth.chosen)

    @property
    def chosen(self) -> list[Stack]:
        """The reconstructions that are ticked, in the viewer's order."""
        return [Stack(layer, self._index_like_truth(layer)) for layer in self.list.ticked]

    @property
    def n(self) -> int | None:
        """The step length, where it is known."""
        n: int | None = self.settings.value("step_length")
        return n

    @property
    def profile(self) -> np.ndarray | None:
        """Axial weights of the beam of the first reconstruction, where they are known."""
        known = [known_of(stack.layer) for stack in self.chosen]
        beams = {str(k["beam"]): k for k in known if k.get("beam") in BEAMS}
        if self.n is None or len(beams) != 1:
            return None
        name, first = beams.popitem()
        fields = first.get(KEY, {}) if first.get("step_length") == self.n else {}
        try:
            return Acquisition(step_length=self.n, beam=name, **fields).profile
        except ValueError:
            return None  # written by another program

    def reason(self) -> str:
        """Why nothing can be compared; nothing where it can."""
        if self.truth.layer is None:
            return "Open a ground truth first: a volume as a point scan saw it."
        if not self.list.layers:
            return self._hint.text()
        if not self.chosen:
            return "Tick a reconstruction."
        truth = self.truth_stack
        for stack in (*([truth] if truth is not None else []), *self.chosen):
            if not isinstance(stack.data, np.ndarray) and (count := prod(stack.shape)) > MOST_VOXELS:
                return (
                    f"“{stack.name}” lies in a file and has {count / 1e6:,.0f} million voxels; up to "
                    f"{MOST_VOXELS / 1e6:,.0f} million can be compared here: open a part of it."
                )
        n = self.n
        for stack in self.chosen:
            if n is not None and stack.shape[0] % n:
                return (
                    f"“{stack.name}” has {stack.shape[0]} slices, no whole number of slabs of {n}: check the "
                    "step length."
                )
        return ""

    def choose(self, truth: Any, reconstructions: list[Any]) -> None:
        """Choose the truth and tick some reconstructions, no others."""
        self.truth.select(truth)
        self._refill(ticked=reconstructions)
        self._tell()

    def refresh(self) -> None:
        """Take the lists from the viewer."""
        had = self.truth.layer
        self.truth.refresh()
        if had is None:
            self._prefer_truth()
        self._refill()
        self._tell()

    def _prefer_truth(self) -> None:
        for layer in self.truth.layers:
            if known_of(layer).get("role") == "ground truth":
                self.truth.select(layer)
                return

    def _refill(self, ticked: list[Any] | None = None) -> None:
        candidates = [layer for layer in self._viewer.layers if self._fits(layer)]
        made_here = [layer for layer in candidates if known_of(layer).get("role") in ("volume", "INR")]
        self.list.show_layers(candidates, made_here if ticked is None else ticked, only=ticked is not None)
        truth = self.truth_stack
        self.list.setVisible(bool(self.list.layers))
        self._hint.setVisible(truth is not None and not self.list.layers)
        if truth is not None:
            _, height, width = truth.shape
            self._hint.setText(
                f"No other image layer has {height} rows and {width} columns, and no more slices than the "
                f"truth's {truth.shape[0]}."
            )
        self._suggest_step_length()

    def _suggest_step_length(self) -> None:
        known = {int(known_of(stack.layer).get("step_length") or 0) for stack in self.chosen} - {0}
        if len(known) == 1 and known != {self.n}:
            self.settings.ask({"step_length": known.pop()})

    def _fits(self, layer: Any) -> bool:
        truth = self.truth_stack
        if truth is None or layer == truth.layer or why_no_volume(layer):
            return False
        if known_of(layer).get("role") == "projections":
            return False
        depth, height, width = Stack(layer).shape
        return (height, width) == truth.shape[1:] and depth <= truth.shape[0]

    def _index_like_truth(self, layer: Image) -> tuple[int | None, ...]:
        """The truth's channel or time where the layer has as many axes, else the first."""
        further = Stack(layer).layer.ndim - 3
        chosen = self.truth.chosen
        return chosen if len(chosen) == further else (0,) * further

    def _truth_changed(self) -> None:
        self._refill()
        self._tell()

    def _ticked(self, _item: QListWidgetItem) -> None:
        self._suggest_step_length()
        self._tell()

    def _tell(self, *_: Any) -> None:
        truth, count = self.truth.layer, len(self.chosen)
        word = "reconstruction" if count == 1 else "reconstructions"
        self.set_state("none" if truth is None else f"{count} {word} against {truth.name}")
        self.changed.emit()
