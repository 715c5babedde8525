"""Which prior the diffusion uses, and how many samples it draws."""

from pathlib import Path
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QPushButton

from ..diffusion.slab import MAX_DIFFUSION_STEP_LENGTH
from ..reconstruction.config import ReconstructionConfig
from .adapted_priors import AdaptedPriors
from .fields import narrow, title_label, tooltip, whole_number
from .section import Section, form, label, row

OFF = "off"
ADAPTED = "Adapted: {}"


class DiffusionSection(Section):
    """Choice of the prior, the samples and their steps."""

    file_wanted = Signal()
    adapt_wanted = Signal()

    def __init__(self) -> None:
        super().__init__("Diffusion")
        self._step_length = 2
        self.prior = narrow(QComboBox())
        self.prior.setObjectName("prior")
        self.prior.setToolTip(tooltip(ReconstructionConfig, "prior"))
        self.prior.addItem("General (shipped)", "general")
        self.prior.addItem("From a file…", None)
        self.prior.addItem("Off: the first estimate is the result", OFF)
        self._last = 0
        self.samples = whole_number(ReconstructionConfig, "samples")
        self.steps = whole_number(ReconstructionConfig, "steps")
        self._why = label(tone="warning", wrap=True)
        for box in (self.samples, self.steps):
            box.setFixedWidth(76)
            box.valueChanged.connect(self._update)
        layout = form()
        layout.addRow(title_label(ReconstructionConfig, "prior"), self.prior)
        layout.addRow(title_label(ReconstructionConfig, "samples"), self.samples)
        layout.addRow(title_label(ReconstructionConfig, "steps"), self.steps)
        self.adapt = QPushButton("Adapt…")
        self.adapt.setToolTip(
            "<qt>Opens the dock Adapt prior: the prior learns further from volumes of your own tissue, in "
            "minutes.</qt>"
        )
        self.adapt.clicked.connect(self.adapt_wanted)
        layout.addRow(label(""), row(self.adapt))
        layout.addRow(self._why)
        self.set_content(layout)
        self.prior.activated.connect(self._choose)
        adapted = AdaptedPriors.of_session()
        for path in adapted.paths:
            self._offer(path, ADAPTED.format(Path(path).name))
        adapted.added.connect(self._use_adapted)
        self._update()

    @property
    def is_off(self) -> bool:
        """Whether no diffusion will run."""
        return self.prior.currentData() == OFF or self._step_length > MAX_DIFFUSION_STEP_LENGTH

    def settings(self) -> dict[str, Any]:
        """Fields of the configuration that are set here."""
        prior = self.prior.currentData()
        return {
            "diffusion": "off" if self.is_off else "slab",
            "prior": "general" if prior in (OFF, None) else prior,
            "samples": self.samples.value(),
            "steps": self.steps.value(),
        }

    def set_step_length(self, n: int) -> None:
        """Take note of the step length: the prior does not serve every one."""
        self._step_length = n
        self._update()

    def use_file(self, path: str) -> None:
        """Choose a prior from a file."""
        self._offer(path, Path(path).name)
        self._last = self.prior.findData(path)
        self.prior.setCurrentIndex(self._last)
        self._update()

    def _use_adapted(self, path: str) -> None:
        """Choose a prior that was adapted just now."""
        self._offer(path, ADAPTED.format(Path(path).name))
        self.use_file(path)

    def _offer(self, path: str, text: str) -> None:
        if self.prior.findData(path) < 0:
            self.prior.insertItem(1, text, path)
            self._last = self.prior.currentIndex()

    def _choose(self, index: int) -> None:
        if self.prior.itemData(index) is None:
            # The entry is a question, not a choice; without an answer all stays as it was.
            self.prior.setCurrentIndex(self._last)
            self.file_wanted.emit()
            return
        self._last = index
        self._update()

    def _update(self, *_: Any) -> None:
        too_long = self._step_length > MAX_DIFFUSION_STEP_LENGTH
        reason = (
            f"Off: the prior serves step lengths up to {MAX_DIFFUSION_STEP_LENGTH}, and this is "
            f"{self._step_length}."
            if too_long
            else ""
        )
        self._why.setText(reason)
        self._why.setVisible(too_long)
        for box, name in ((self.samples, "samples"), (self.steps, "steps")):
            box.setEnabled(not self.is_off)
            off = "Without diffusion there are no samples."
            box.setToolTip(off if self.is_off else tooltip(ReconstructionConfig, name))
        if self.is_off:
            self.set_state("off" if not too_long else f"off: n above {MAX_DIFFUSION_STEP_LENGTH}")
        else:
            prior = self.prior.currentData()
            name = "general prior" if prior == "general" else Path(str(prior)).name
            count = self.samples.value()
            self.set_state(f"{name}, {count} sample{'' if count == 1 else 's'}")
        self.changed.emit()
