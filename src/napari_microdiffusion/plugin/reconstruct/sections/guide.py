"""The first estimate: an INR fitted here or loaded from a file, or an interpolation."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QButtonGroup, QPushButton, QRadioButton
from qtpy.QtWidgets import QVBoxLayout as Column

from ....inr.settings import InrSettings
from ....settings.method import ReconstructionConfig
from ...widgets.fields import switch, tooltip
from ...widgets.line_plot import LinePlot
from ...widgets.model_form import ModelForm
from ...widgets.section import Section, label, row

if TYPE_CHECKING:
    from ....inr import FittedInr

GUIDE_WORDS = {
    "inr": "INR",
    "logspline": "log-spline",
    "histospline": "histospline",
    "cubic": "cubic",
    "linear": "linear",
    "nearest": "nearest",
    "none": "none",
}

# The settings of an INR in the order of the work; noise is set in Advanced, for every method.
_FIELDS = ("field", "epochs", "minutes", "learning_rate", "inference")
_GRID = ("start", "tolerance", "curvature", "coherence", "offset", "channels", "hidden")
_PAPER = ("encoding", "frequencies", "bandwidth", "octaves", "layers", "width")


@dataclass(frozen=True, eq=False)
class HeldInr:
    """An INR at hand, and what it belongs to.

    Attributes
    ----------
    text : str
        Where it comes from, in words.
    path : Path or None
        Its file, where it was saved or came from one.
    belongs_to : tuple or None
        What identifies the projections, the beam and the settings it was fitted with; None for one from a
        file, which the engine checks.
    fitted : FittedInr or None
        Itself, where it was fitted here.
    """

    text: str
    path: Path | None
    belongs_to: tuple[object, ...] | None = None
    fitted: "FittedInr | None" = None


class GuideSection(Section):
    """Choice of the first estimate."""

    fit_wanted = Signal()
    load_wanted = Signal()
    save_wanted = Signal()

    def __init__(self) -> None:
        super().__init__("First estimate (guide)")
        self.held: HeldInr | None = None
        self._guide = str(ReconstructionConfig.model_fields["guide"].default)
        self._identity: tuple[object, ...] | None = None
        self._busy = self._schedule = ""
        second = self._guide if self._guide != "inr" else "histospline"
        self.radios = {name: QRadioButton(GUIDE_WORDS.get(name, name)) for name in ("inr", second)}
        self._group = QButtonGroup(self)
        for name, radio in self.radios.items():
            radio.setObjectName(name)
            radio.setToolTip(tooltip(ReconstructionConfig, "guide"))
            self._group.addButton(radio)
            radio.clicked.connect(self._clicked)
        self._other = label(tone="dim")
        self.fit, self.load, self.save = QPushButton("Fit"), QPushButton("Load…"), QPushButton("Save…")
        self.fit.clicked.connect(self.fit_wanted)
        self.load.clicked.connect(self.load_wanted)
        self.save.clicked.connect(self.save_wanted)
        self._about = label(tone="dim", wrap=True)
        self.plot = LinePlot("step", height=110, is_logarithmic=True)
        self.plot.setToolTip("Loss of the fit against its steps")
        self.plot.hide()
        self.fine = Section("INR settings")
        self.inr = ModelForm(InrSettings, (*_FIELDS, *_GRID, *_PAPER), unset={"minutes": "none"})
        self.inr.changed.connect(self._inr_changed)
        inner = Column()
        inner.addWidget(self.inr)
        self.fine.set_content(inner)
        column = Column()
        column.addLayout(row(*self.radios.values(), self._other))
        column.addLayout(row(self.fit, self.load, self.save))
        column.addWidget(self._about)
        column.addWidget(self.plot)
        column.addWidget(self.fine)
        self.set_content(column)
        self.set_guide(self._guide)

    @property
    def guide(self) -> str:
        """The chosen guide."""
        return self._guide

    @property
    def usable_inr(self) -> HeldInr | None:
        """The INR at hand, if it belongs to the chosen projections and beam."""
        held = self.held
        return held if held is not None and held.belongs_to in (None, self._identity) else None

    def settings(self) -> dict[str, Any]:
        """Fields of the configuration that are set here."""
        held = self.usable_inr if self._guide == "inr" else None
        return {
            "guide": self._guide,
            "inr_file": None if held is None else held.path,
            "inr": self.inr.values(),
        }

    def set_guide(self, guide: str) -> None:
        """Choose a guide, one of the two here or another."""
        self._guide = guide
        self._group.setExclusive(False)
        for name, radio in self.radios.items():
            radio.setChecked(name == guide)
        self._group.setExclusive(True)
        self._update()
        self.changed.emit()

    def hold(self, held: HeldInr) -> None:
        """Keep an INR for the next run; a failed fit never comes here, so a good one stays."""
        self.held = held
        self._update()
        self.changed.emit()

    def set_identity(self, identity: tuple[object, ...] | None) -> None:
        """Say which projections and beam are chosen now."""
        self._identity = identity
        self._update()

    def set_busy(self, reason: str) -> None:
        """Switch the buttons off for a reason, or on again."""
        self._busy = reason
        self._update()

    def set_paper_schedule(self, schedule: str) -> None:
        """Take note of a schedule of the paper's systems, which brings its own INR; empty for none."""
        if schedule != self._schedule:
            self._schedule = schedule
            self._update()

    def _inr_changed(self) -> None:
        self._update()
        self.changed.emit()

    def _clicked(self) -> None:
        self.set_guide(next(name for name, radio in self.radios.items() if radio.isChecked()))

    def _update(self) -> None:
        is_inr, held = self._guide == "inr", self.usable_inr
        own = _GRID if self.inr.values()["field"] == "grid" else _PAPER
        self.inr.show_only((*_FIELDS, *own))
        self.fine.setVisible(is_inr)
        epochs = InrSettings(**self.inr.values()).epochs_to_run
        theirs = f"Not used: the paper's schedule “{self._schedule}”, chosen in Advanced, brings its own."
        switch(self.inr, theirs if self._schedule else "", "")
        own_words = f"{self.inr.values()['field']} field, {epochs} epochs at most"
        self.fine.set_state(f"the paper's, {self._schedule}" if self._schedule else own_words)
        word = GUIDE_WORDS.get(self._guide, self._guide)
        self._other.setText("" if self._guide in self.radios else f"{word} (Advanced)")
        no_projections = "" if self._identity is not None else "Choose projections first"
        switch(self.fit, self._busy or no_projections, "Fit an INR now and show its slices")
        switch(self.load, self._busy, "Use an INR from a file")
        can_save = held is not None and held.fitted is not None
        nothing = "There is no INR fitted to these projections yet"
        switch(self.save, "" if can_save else nothing, "Save the INR")
        if held is not None:
            state = f"INR, {held.text}"
        elif self.held is not None and is_inr:
            state = "INR, to be fitted anew: other projections, beam or settings"
        else:
            state = "INR, not fitted yet"
        self._about.setText("" if is_inr or held is None else f"At hand: {state}")
        if is_inr and held is None:
            self._about.setText("It is fitted when the reconstruction starts, or now with Fit.")
        self._about.setVisible(bool(self._about.text()))
        self.set_state(state if is_inr else word)
