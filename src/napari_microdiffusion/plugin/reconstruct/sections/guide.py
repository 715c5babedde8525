"""The starting estimate: an INR fitted here or loaded from a file, or an interpolation."""

from qtpy.QtWidgets import QButtonGroup, QRadioButton

from ....inr.steps import has_levelled_off
from ...widgets.form import Form, switch, tooltip
from ...widgets.line_plot import LinePlot
from ...widgets.section import Section, button, column, flow, label
from ..document import GUIDE, ReconstructionDocument

MISFIT = "Difference from the images"
GUIDE_WORDS = {
    "inr": "fitted (INR, slower)",
    "logspline": "fast (log-spline)",
    "histospline": "histospline",
    "cubic": "cubic",
    "linear": "linear",
    "nearest": "nearest",
    "reference": "from the reference",
    "none": "none",
}

# Settings of an INR that serve one kind of field alone; the detector's noise is set in Advanced, for all.
_GRID = {"start", "tolerance", "curvature", "coherence", "offset", "channels", "hidden"}
_PAPER = {"encoding", "frequencies", "bandwidth", "octaves", "layers", "width"}
_ELSEWHERE = {"photon_gain", "read_noise"}


class GuideSection(Section):
    """Choice of the starting estimate."""

    def __init__(self, document: ReconstructionDocument) -> None:
        field = document.fields[GUIDE]
        super().__init__(field.title, page="method")
        self.document = document
        self._busy = ""
        self.radios = {name: QRadioButton(GUIDE_WORDS.get(name, name)) for name in (field.default, "inr")}
        self._group = QButtonGroup(self)
        for name, radio in self.radios.items():
            radio.setObjectName(name)
            radio.setToolTip(tooltip(field))
            self._group.addButton(radio)
            radio.clicked.connect(self._choose)
        self._other = label(tone="dim")
        self.fit, self.load, self.save = button("Fit"), button("Load…"), button("Save…")
        self._about = label(tone="dim", wrap=True)
        self.plot = LinePlot("step", height=110, is_logarithmic=True)
        self.plot.setToolTip(
            "<qt>How far the fitted volume, averaged along the beam, is from your images: about 1 where it "
            "agrees with them within their noise. The fit has converged when the curve levels off.</qt>"
        )
        self.plot.hide()
        self.fine = Section("INR settings")
        paths = [p for p in document.fields if p.startswith("method.inr.") and _name(p) not in _ELSEWHERE]
        self.inr = Form(document, paths, unset={"method.inr.minutes": "none"})
        self.fine.set_content(column(self.inr))
        choice, buttons = flow(*self.radios.values(), self._other), flow(self.fit, self.load, self.save)
        self.set_content(column(choice, buttons, self._about, self.plot, self.fine))
        document.events.revision.connect(self.refresh)
        self.refresh()

    def show_misfit(self, step: int, misfit: float) -> None:
        """A point of the curve of a fit that is under way; the first begins a new one."""
        if step == 1 or not self.plot.curves:
            self.plot.clear()
            self.plot.show()
        self.plot.add(step, misfit)
        values = [value for value in self.plot.curves[0].y if value is not None]
        self.plot.y_title = f"{MISFIT}: {'levelled off' if has_levelled_off(values) else 'still changing'}"

    def set_busy(self, reason: str) -> None:
        """Switch the buttons off for a reason, or on again."""
        self._busy = reason
        self.refresh()

    def refresh(self, _revision: int = 0) -> None:
        """Show what is set."""
        document = self.document
        guide = document.value(GUIDE)
        self._group.setExclusive(False)
        for name, radio in self.radios.items():
            radio.setChecked(name == guide)
        self._group.setExclusive(True)
        self._show_inr(is_inr=guide == "inr")
        word = GUIDE_WORDS.get(guide, guide)
        where = "" if guide == "reference" else " (Advanced)"
        self._other.setText("" if guide in self.radios else f"{word}{where}")
        held = document.usable_inr
        no_projections = "" if document.inr_identity is not None else "Choose projections first"
        switch(self.fit, self._busy or no_projections, "Fit an INR now and show its slices")
        switch(self.load, self._busy, "Use an INR from a file")
        can_save = held is not None and held.fitted is not None
        switch(
            self.save, "" if can_save else "There is no INR fitted to these projections yet", "Save the INR"
        )
        state = self._describe_held()
        about = "" if guide == "inr" or held is None else f"At hand: {state}"
        if guide == "inr" and held is None:
            about = "It is fitted when the reconstruction starts, or now with Fit."
        self._about.setText(about)
        self._about.setVisible(bool(about))
        self.set_state(state if guide == "inr" else word)

    def _show_inr(self, is_inr: bool) -> None:
        document, field = self.document, self.document.value("method.inr.field")
        hidden = _PAPER if field == "grid" else _GRID
        self.inr.show_only(path for path in self.inr.fields if _name(path) not in hidden)
        self.fine.setVisible(is_inr)
        schedule = document.run.schedule if document.run.system else ""
        theirs = "Not used: the paper's schedule, chosen in Advanced, brings its own." if schedule else ""
        self.inr.switch(theirs)
        if schedule:
            self.fine.set_state("the paper's")
        elif not document.problem:
            epochs = document.run.resolved.method.inr.epochs_to_run
            self.fine.set_state(f"{field} field, {epochs} epochs at most")

    def _describe_held(self) -> str:
        held = self.document.usable_inr
        if held is not None:
            return f"INR, {held.text}"
        if self.document.inr is not None and self.document.value(GUIDE) == "inr":
            return "INR, to be fitted anew: other projections, beam or settings"
        return "INR, not fitted yet"

    def _choose(self) -> None:
        chosen = next(name for name, radio in self.radios.items() if radio.isChecked())
        self.document.ask({GUIDE: chosen})


def _name(path: str) -> str:
    return path.rpartition(".")[2]
