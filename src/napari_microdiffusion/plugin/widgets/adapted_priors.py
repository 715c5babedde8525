"""The priors that were adapted in this session: made in one dock, offered in another."""

from pathlib import Path

from qtpy.QtCore import QObject, Signal


class AdaptedPriors(QObject):
    """Files of adapted priors, oldest first; `added` is emitted with a new one."""

    added = Signal(str)
    _only: "AdaptedPriors | None" = None

    def __init__(self) -> None:
        super().__init__()
        self.paths: list[str] = []

    @classmethod
    def of_session(cls) -> "AdaptedPriors":
        """The list that all docks share."""
        if cls._only is None:
            cls._only = cls()
        return cls._only

    def add(self, path: Path) -> None:
        """Offer one more."""
        text = str(path)
        if text in self.paths:
            self.paths.remove(text)
        self.paths.append(text)
        self.added.emit(text)
