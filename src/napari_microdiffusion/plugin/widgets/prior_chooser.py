"""A choice of the trained weights: the shipped ones, those adapted in this session, or a file."""

from pathlib import Path
from typing import Any

from magicgui.widgets import ComboBox
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QWidget

from .form import narrow
from .section import column

GENERAL, OFF = "general", "off"
_ASK = "?"


class AdaptedPriors(QObject):
    """Files of adapted priors, oldest first; `added` is emitted with a new one that is to be chosen."""

    added = Signal(str)
    _only: "AdaptedPriors | None" = None

    def __init__(self) -> None:
        super().__init__()
        self.paths: list[str] = []

    @classmethod
    def of_session(cls) -> "AdaptedPriors":
        """The list that all docks share: a prior is made in one and offered in another."""
        if cls._only is None:
            cls._only = cls()
        return cls._only

    def add(self, path: Path, is_better: bool = True) -> None:
        """Offer one more, and have it chosen if it is better than the one before."""
        text = str(path)
        if text in self.paths:
            self.paths.remove(text)
        self.paths.append(text)
        if is_better:
            self.added.emit(text)


class PriorChooser(QWidget):
    """A box of priors.

    `chosen` carries the prior that a person chose, `file_wanted` asks for a file.

    Parameters
    ----------
    name : str
        Of the box, for tests and accessibility.
    off : str
        The entry for none; without it there is no such choice.
    """

    chosen = Signal(str)
    file_wanted = Signal()

    def __init__(self, name: str, off: str = "") -> None:
        super().__init__()
        self._off, self._files = off, list(AdaptedPriors.of_session().paths)
        self._shown = GENERAL
        self.box = ComboBox(choices=self._choices)
        self.box.native.setObjectName(name)
        self.box.changed.connect(self._choose)
        column(narrow(self.box.native), inside=self)
        self.setFocusProxy(self.box.native)

    def show_prior(self, prior: str) -> None:
        """Show a prior, a file's path among them."""
        self._shown = prior
        if prior not in (GENERAL, OFF) and prior not in self._files:
            self._files.append(prior)
        with self.box.changed.blocked():
            self.box.reset_choices()
            self.box.value = prior

    @property
    def words(self) -> str:
        """What is shown, as it reads in the box."""
        return str(self.box.native.currentText())

    def release(self) -> None:
        """Let go of the dock."""
        self.box.changed.disconnect()
        self.box.close()

    def _choices(self, _box: Any) -> list[tuple[str, str]]:
        adapted = AdaptedPriors.of_session().paths
        known = dict.fromkeys([*self._files, *adapted])
        files = [(f"Adapted: {Path(f).name}" if f in adapted else Path(f).name, f) for f in known]
        off = [(self._off, OFF)] if self._off else []
        return [("General (shipped)", GENERAL), *files, ("From a file…", _ASK), *off]

    def _choose(self, prior: Any) -> None:
        if prior == _ASK:
            # The entry is a question, not a choice; without an answer all stays as it was.
            self.show_prior(self._shown)
            self.file_wanted.emit()
        elif prior is not None:
            self.chosen.emit(prior)
