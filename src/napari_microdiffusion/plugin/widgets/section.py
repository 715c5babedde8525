"""A part of the dock that folds away and says its state in one line.

Content that is shown and hidden, rather than superqt's collapsible, which fixes the height of what it holds:
wrapped text and rows that come and go would be cut off.
"""

import re
from typing import Any

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import (
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLayout,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel
from superqt.utils import QFlowLayout

from ...settings.wording import in_a_window
from .help_page import HelpPage

LABEL_WIDTH = 100
"""Wide enough for most labels, so that the fields of all sections begin at the same place."""

# Pixels beside a text, since letters reach beyond the width that is counted for them.
_SPARE = 4
OPEN, FOLDED = "▾", "▸"


class Section(QWidget):
    """A folding part of the dock.

    Parameters
    ----------
    is_open : bool
        Whether it is open at first.
    page : str, optional
        The page of the manual about it.
    """

    changed = Signal()

    def __init__(self, title: str, is_open: bool = False, page: str = "") -> None:
        super().__init__()
        self.title = title
        self.setObjectName(title)
        self._button = QPushButton()
        self._button.setObjectName("section")
        self._button.setCheckable(True)
        call(self._button, title)
        self._button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._heading = QLabel()
        self._state = QElidingLabel("")
        self._state.setEllipsesWidth(_SPARE)
        self._state.setProperty("tone", "dim")
        self._state.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._state.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        for label in (self._heading, self._state):
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        inner = QHBoxLayout(self._button)
        inner.setContentsMargins(2, 0, 4, 0)
        inner.addWidget(self._heading)
        inner.addWidget(self._state, 1)
        self.content = QWidget()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        header = row(self._button, stretch=0)
        if page:
            self.help = button("?", f"What the manual says of {title.lower()}", lambda: self._show_page(page))
            self.help.setObjectName("help")
            self.help.setAccessibleName(f"Help on {title}")
            header.addWidget(self.help)
        layout.addLayout(header)
        layout.addWidget(self.content)
        self._button.toggled.connect(self._show)
        self._button.setChecked(is_open)
        self._show(is_open)

    @property
    def is_open(self) -> bool:
        """Whether the content is shown."""
        return bool(self._button.isChecked())

    def open(self) -> None:
        """Show the content."""
        self._button.setChecked(True)

    def fold(self) -> None:
        """Hide the content."""
        self._button.setChecked(False)

    def set_content(self, layout: QLayout) -> None:
        """Fill the section; once."""
        layout.setContentsMargins(12, 2, 2, 8)
        layout.setSpacing(6)
        self.content.setLayout(layout)

    def set_state(self, text: str) -> None:
        """Say in one line what is set here."""
        self._state.setText(text)
        self._button.setToolTip(text)
        call(self._button, f"{self.title}: {text}" if text else self.title)

    @property
    def state(self) -> str:
        """What the header says."""
        return str(self._state.text())

    def _show_page(self, page: str) -> None:

        HelpPage(page, self).show()

    def _show(self, is_open: bool) -> None:
        self._heading.setText(f"<b>{OPEN if is_open else FOLDED}  {self.title}</b>")
        self.content.setVisible(is_open)


def form() -> QFormLayout:
    """Rows of label and field, aligned the same in every section."""
    layout = QFormLayout()
    layout.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    layout.setHorizontalSpacing(8)
    return layout


def flow(*widgets: QWidget) -> QFlowLayout:
    """Widgets side by side, and below each other where the dock is too narrow for that."""
    layout = QFlowLayout()
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setHorizontalSpacing(6)
    layout.setVerticalSpacing(4)
    for widget in widgets:
        layout.addWidget(widget)
    return layout


def row(*widgets: QWidget, stretch: int | None = None) -> QHBoxLayout:
    """Widgets side by side; the one at `stretch` takes the room that is left, or nothing does."""
    layout = QHBoxLayout()
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(6)
    for index, widget in enumerate(widgets):
        layout.addWidget(widget, 1 if index == stretch else 0)
    if stretch is None:
        layout.addStretch(1)
    return layout


def column(*items: QWidget | QLayout | None, inside: QWidget | None = None) -> QVBoxLayout:
    """Widgets and rows below each other, without margins; None is room that stays free."""
    layout = QVBoxLayout() if inside is None else QVBoxLayout(inside)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(6)
    for item in items:
        if item is None:
            layout.addStretch(1)
        elif isinstance(item, QLayout):
            layout.addLayout(item)
        else:
            layout.addWidget(item)
    return layout


def button(text: str, meaning: str = "", action: Any = None, stays: bool = False) -> QPushButton:
    """A button with its tooltip; `action` is a function or a signal, and `stays` makes it a switch."""
    made = QPushButton(text)
    made.setToolTip(f"<qt>{meaning}</qt>" if meaning else "")
    made.setCheckable(stays)
    if action is not None:
        made.clicked.connect(action)
    return made


def titled(text: str, widget: QWidget, meaning: str = "") -> QHBoxLayout:
    """A field that is no part of a form, with a label like those of forms."""
    return row(title_of(text, widget, meaning), widget, stretch=1)


def title_of(text: str, widget: QWidget, meaning: str = "") -> QLabel:
    """The label of a field, like those of forms."""
    title = WrappedLabel(text)
    title.setFixedWidth(LABEL_WIDTH)
    title.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Minimum)  # a row gives it its width
    title.setToolTip(meaning)
    field = widget.focusProxy() or widget
    title.setBuddy(field)
    call(field, text, meaning)
    return title


def call(field: QWidget, name: str, meaning: str = "") -> None:
    """Say what a field is, for those who do not see its label."""
    field.setAccessibleName(name)
    field.setAccessibleDescription(meaning.removeprefix("<qt>").removesuffix("</qt>"))


class WrappedLabel(QLabel):
    """A label that breaks its lines, and neither widens the dock nor makes the window taller.

    What it says is said in the words of a window, whoever wrote it. Of words that are wider than the label,
    such as the names of files, the middle is left out; the tooltip has them whole.
    """

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self._said, self._is_short = "", False
        self.setText(text)
        self.setWordWrap(True)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)

    def setText(self, text: str | None) -> None:
        """Show a text."""
        self._said = in_a_window(text or "")
        self._fit()

    def text(self) -> str:
        """What it says, whole."""
        return self._said

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Shorten what is too wide now, and nothing else."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        room, letters, shown = self.contentsRect().width() - _SPARE, self.fontMetrics(), self._said
        if "<" not in shown:  # no tags are cut
            middle = Qt.TextElideMode.ElideMiddle
            shown = re.sub(r"\S+", lambda word: letters.elidedText(word[0], middle, room), shown)
        if self._is_short or not self.toolTip():
            self._is_short = shown != self._said
            self.setToolTip(self._said if self._is_short else "")
        if shown != super().text():
            super().setText(shown)

    def minimumSizeHint(self) -> QSize:
        """A few letters; Qt would ask for the height that the narrowest column of text needs."""
        return QSize(60, self.fontMetrics().height())


def label(text: str = "", tone: str = "", wrap: bool = False) -> QLabel:
    """A label in one of the dock's tones: dim, warning, error, empty, or plain."""
    made = WrappedLabel(text) if wrap else QLabel(text)
    made.setProperty("tone", tone)
    made.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return made


def set_tone(widget: QLabel, tone: str) -> None:
    """Change the tone of a label that is on screen."""
    widget.setProperty("tone", tone)
    style = widget.style()
    if style is not None:
        style.unpolish(widget)
        style.polish(widget)
