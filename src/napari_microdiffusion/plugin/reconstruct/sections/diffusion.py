"""Which prior the diffusion uses, and how many samples it draws."""

from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QPushButton, QVBoxLayout

from ....diffusion.slab import MAX_DIFFUSION_STEP_LENGTH
from ...document import STEP_LENGTH
from ...widgets.form import LABEL_WIDTH, Form, switch, tooltip
from ...widgets.prior_chooser import GENERAL, OFF, AdaptedPriors, PriorChooser
from ...widgets.section import Section, form, label, row
from ..document import ReconstructionDocument

PRIOR, DIFFUSION, SAMPLES, STEPS = "method.prior", "method.diffusion", "method.samples", "method.steps"
ADAPT_TIP = "<qt>Opens the dock Adapt prior: the prior learns from volumes of your tissue, in minutes.</qt>"


class DiffusionSection(Section):
    """Choice of the prior, the samples and their steps.

    Parameters
    ----------
    document : ReconstructionDocument
    """

    file_wanted = Signal()
    adapt_wanted = Signal()

    def __init__(self, document: ReconstructionDocument) -> None:
        super().__init__("Diffusion")
        self.document = document
        self.prior = PriorChooser(PRIOR, off="Off: the first estimate is the result")
        self.form = Form(document, (SAMPLES, STEPS))
        self.adapt = QPushButton("Adapt…")
        self._why = label(tone="warning", wrap=True)
        rows = form()
        title = label(document.fields[PRIOR].title)
        title.setMinimumWidth(LABEL_WIDTH)
        rows.addRow(title, self.prior)
        column = QVBoxLayout()
        column.addLayout(rows)
        column.addWidget(self.form)
        column.addLayout(row(self.adapt))
        column.addWidget(self._why)
        self.set_content(column)
        self.adapt.clicked.connect(self.adapt_wanted)
        self.prior.chosen.connect(self.use_prior)
        self.prior.file_wanted.connect(self.file_wanted)
        AdaptedPriors.of_session().added.connect(self.use_prior)
        document.events.revision.connect(self.refresh)
        self.refresh()

    def use_prior(self, prior: str) -> None:
        """Choose a prior: "general", a file, or "off" for none."""
        if prior == OFF:
            self.document.ask({DIFFUSION: OFF})
        else:
            self.document.ask({PRIOR: prior, DIFFUSION: "slab"})

    def refresh(self, _revision: int = 0) -> None:
        """Show what is set."""
        document = self.document
        n, is_off = document.value(STEP_LENGTH), document.value(DIFFUSION) == OFF
        self.prior.show_prior(OFF if is_off and not document.system else document.value(PRIOR))
        elsewhere, off = "", ""
        if document.system:
            elsewhere = (
                f"Not used: the paper's system “{document.system}”, chosen in Advanced, brings its own "
                "diffusion or none."
            )
        elif n > MAX_DIFFUSION_STEP_LENGTH:
            off = f"Off: the prior serves step lengths up to {MAX_DIFFUSION_STEP_LENGTH}, and this is {n}."
        self._why.setText(elsewhere or off)
        self._why.setVisible(bool(elsewhere or off))
        none = "Without diffusion there are no samples." if is_off else ""
        switch(self.prior.box.native, elsewhere, tooltip(document.fields[PRIOR]))
        self.form.switch(elsewhere or off or none)
        switch(self.adapt, elsewhere, ADAPT_TIP)
        self.set_state(self._in_a_line(bool(off), is_off))

    def _in_a_line(self, is_too_long: bool, is_off: bool) -> str:
        if self.document.system:
            return f"the paper's: {self.document.system}"
        if is_too_long or is_off:
            return f"off: n above {MAX_DIFFUSION_STEP_LENGTH}" if is_too_long else "off"
        prior, count = self.document.value(PRIOR), self.document.value(SAMPLES)
        name = "general prior" if prior == GENERAL else Path(prior).name
        return f"{name}, {count} sample{'' if count == 1 else 's'}"
