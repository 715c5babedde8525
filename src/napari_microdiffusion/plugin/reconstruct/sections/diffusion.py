"""Which prior the diffusion uses, and how many samples it draws."""

from pathlib import Path

from ....diffusion.slab import MAX_DIFFUSION_STEP_LENGTH
from ....settings.asked import STEP_LENGTH
from ...widgets.form import Form, switch, tooltip
from ...widgets.prior_chooser import GENERAL, OFF, AdaptedPriors, PriorChooser
from ...widgets.section import Section, button, column, label, row, titled
from ..document import ReconstructionDocument

PRIOR, DIFFUSION, SAMPLES, STEPS = "method.prior", "method.diffusion", "method.samples", "method.steps"
ADAPT_TIP = "<qt>Opens the dock Adapt prior: the prior learns from volumes of your tissue, in minutes.</qt>"


class DiffusionSection(Section):
    """Choice of the prior, the samples and their steps."""

    def __init__(self, document: ReconstructionDocument) -> None:
        super().__init__("Diffusion", page="uncertainty")
        self.document = document
        self.prior = PriorChooser(PRIOR, off="Off: starting estimate only")
        self.form = Form(document, (SAMPLES, STEPS))
        self.adapt = button("Adapt…")
        self._why = label(tone="warning", wrap=True)
        prior = titled(document.fields[PRIOR].title, self.prior)
        self.set_content(column(prior, self.form, row(self.adapt), self._why))
        self.prior.chosen.connect(self.use_prior)
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
        self.prior.show_prior(OFF if is_off and not document.run.system else document.value(PRIOR))
        elsewhere, off = "", ""
        if document.run.system:
            elsewhere = (
                f"Not used: the paper's system “{document.run.system}”, chosen in Advanced, brings its own "
                "diffusion or none."
            )
        elif n > MAX_DIFFUSION_STEP_LENGTH:
            off = f"Off: the prior serves step lengths up to {MAX_DIFFUSION_STEP_LENGTH}, and this is {n}."
        self._why.setText(elsewhere or off)
        self._why.setVisible(bool(elsewhere or off))
        none = "Without diffusion there are no draws." if is_off else ""
        switch(self.prior.box.native, elsewhere, tooltip(document.fields[PRIOR]))
        self.form.switch(elsewhere or off or none)
        switch(self.adapt, elsewhere, ADAPT_TIP)
        self.set_state(self._in_a_line(bool(off), is_off))

    def _in_a_line(self, is_too_long: bool, is_off: bool) -> str:
        if self.document.run.system:
            return f"the paper's: {self.document.run.system}"
        if is_too_long or is_off:
            return f"off: n above {MAX_DIFFUSION_STEP_LENGTH}" if is_too_long else "off"
        prior, count = self.document.value(PRIOR), self.document.value(SAMPLES)
        name = "general prior" if prior == GENERAL else Path(prior).name
        return f"{name}, {count or 'no'} uncertainty draw{'' if count == 1 else 's'}"
