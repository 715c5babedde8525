"""Which prior the diffusion uses, and how many samples it draws."""

from pathlib import Path
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QPushButton

from ....diffusion.slab import MAX_DIFFUSION_STEP_LENGTH
from ....settings.method import ReconstructionConfig
from ...widgets.adapted_priors import AdaptedPriors
from ...widgets.fields import narrow, switch, title_label, tooltip, whole_number
from ...widgets.section import Section, form, label, row

OFF = "off"
ADAPTED = "Adapted: {}"
ADAPT_TIP = "<qt>Opens the dock Adapt prior: the prior learns from volumes of your tissue, in minutes.</qt>"


class DiffusionSection(Section):
    """Choice of the prior, the samples and their steps."""

    file_wanted = Signal()
    adapt_wanted = Signal()

    def __init__(self) -> None:
        super().__init__("Diffusion")
        self._step_length = 2
        self._paper_system: str | None = None
        self.prior = narrow(QComboBox())
        self.prior.setObjectName("prior")
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

    def set_paper_system(self, system: str | None) -> None:
        """Take note of a system of the paper, which brings its own diffusion or none."""
        if system != self._paper_system:
            self._paper_system = system
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
        elsewhere, off = "", ""
        if self._paper_system is not None:
            elsewhere = (
                f"Not used: the paper's system “{self._paper_system}”, chosen in Advanced, brings its own "
                "diffusion or none."
            )
        elif too_long:
            off = (
                f"Off: the prior serves step lengths up to {MAX_DIFFUSION_STEP_LENGTH}, and this is "
                f"{self._step_length}."
            )
        self._why.setText(elsewhere or off)
        self._why.setVisible(bool(elsewhere or off))
        if self.is_off and not off:
            off = "Without diffusion there are no samples."
        switch(self.prior, elsewhere, tooltip(ReconstructionConfig, "prior"))
        switch(self.samples, elsewhere or off, tooltip(ReconstructionConfig, "samples"))
        switch(self.steps, elsewhere or off, tooltip(ReconstructionConfig, "steps"))
        switch(self.adapt, elsewhere, ADAPT_TIP)
        self.set_state(self._in_a_line(too_long))
        self.changed.emit()

    def _in_a_line(self, too_long: bool) -> str:
        if self._paper_system is not None:
            return f"the paper's: {self._paper_system}"
        if too_long:
            return f"off: n above {MAX_DIFFUSION_STEP_LENGTH}"
        if self.is_off:
            return "off"
        prior, count = self.prior.currentData(), self.samples.value()
        name = "general prior" if prior == "general" else Path(str(prior)).name
        return f"{name}, {count} sample{'' if count == 1 else 's'}"
