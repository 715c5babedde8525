"""What came of the last run, in words: one plain line, warnings, an error."""

from qtpy.QtWidgets import QWidget

from .section import column, label


class MessagePanel(QWidget):
    """A line, warnings and an error, each shown only while there is something to say."""

    def __init__(self) -> None:
        super().__init__()
        self.message = label(wrap=True)
        self.warnings = label(tone="warning", wrap=True)
        self.error = label(tone="error", wrap=True)
        self._warned: list[str] = []
        self.column = column(self.error, self.message, self.warnings, inside=self)
        for widget in (self.error, self.message, self.warnings):
            widget.hide()

    def clear(self) -> None:
        """Show nothing."""
        self._warned = []
        for widget in (self.message, self.warnings, self.error):
            widget.hide()

    def say(self, text: str) -> None:
        """One plain sentence."""
        self.message.setText(text)
        self.message.setVisible(bool(text))

    def warn(self, text: str) -> None:
        """Add a warning."""
        if text not in self._warned:
            self._warned.append(text)
        self.warnings.setText("\n".join(f"⚠ {line}" for line in self._warned))
        self.warnings.show()

    def fail(self, text: str) -> None:
        """Show an error."""
        self.error.setText(text)
        self.error.show()
