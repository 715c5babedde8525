"""What all docks are: sections that scroll, a foot that stays, napari's theme, and a clean end."""

from collections.abc import Callable, Sequence
from typing import Any

from napari import Viewer
from qtpy.QtCore import QEvent, QObject, QSize, Qt, QTimer
from qtpy.QtGui import QDragEnterEvent, QDropEvent, QKeySequence, QShortcut, QShowEvent
from qtpy.QtWidgets import QDockWidget, QFrame, QMainWindow, QMessageBox, QScrollArea, QWidget

from .section import column
from .theme import Appearance

PLUGIN = "napari-microdiffusion"
MIN_WIDTH = 280
WIDTH = 420
# Docks that were closed while something ran in them; nothing else holds them.
_OUTLASTING: set["Dock"] = set()


class Dock(QWidget):
    """A dock widget."""

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self.viewer = viewer
        self._was_docked = self._was_shown = self.has_place = False
        self._listening: list[tuple[Any, Callable[..., None]]] = []
        self._at_end: list[Callable[[], None]] = []
        self._runner: Any = None
        self._take_files: Callable[..., object] | None = None
        self._unsaved: Callable[[], list[str]] | None = None
        self._in_front: QWidget | None = None
        self._revealed: QWidget | None = None
        self.setMinimumWidth(MIN_WIDTH)

    def sizeHint(self) -> QSize:
        """As wide as the sections need to be read without breaks."""
        hint = super().sizeHint()
        hint.setWidth(WIDTH)
        return hint

    def fill(self, above: Sequence[QWidget], below: Sequence[QWidget]) -> None:
        """Put widgets into the part that scrolls and into the foot; once, last."""
        inner = QWidget()
        layout = column(*above, None, inside=inner)
        layout.setContentsMargins(8, 8, 8, 4)
        layout.setSpacing(2)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inner)
        bar = scroll.verticalScrollBar()
        if bar is not None:
            self.setMinimumWidth(max(MIN_WIDTH, inner.minimumSizeHint().width() + bar.sizeHint().width()))
        line = QFrame()
        line.setObjectName("line")
        line.setFixedHeight(1)
        foot = column(*below)
        foot.setContentsMargins(8, 8, 8, 8)
        foot.setSpacing(8)
        whole = column(inside=self)
        whole.setSpacing(0)
        whole.addWidget(scroll, 1)
        whole.addWidget(line)
        whole.addLayout(foot)
        self.listen(self.viewer.events.theme, self._theme_changed)
        self._theme_changed()

    def listen(self, emitter: Any, slot: Callable[..., None]) -> None:
        """Connect to a viewer's events until the dock closes."""
        emitter.connect(slot)
        self._listening.append((emitter, slot))

    def watch_layers(self, refresh: Callable[[], None], removed: Callable[[Any], object]) -> None:
        """Follow the viewer's layers: `refresh` after each change, `removed` with a layer that is gone."""
        layers = self.viewer.layers.events

        def take(event: Any) -> None:
            if event.type == "removed":
                removed(event.value)
            refresh()

        for emitter in (layers.inserted, layers.removed, layers.renamed, layers.reordered, layers.units):
            self.listen(emitter, take)

    def take_files(self, take: Callable[..., object]) -> None:
        """Hand over the paths of files that are dropped on the dock."""
        self._take_files = take
        self.setAcceptDrops(True)

    def at_end(self, action: Callable[[], None]) -> None:
        """What is to be done when the dock closes."""
        self._at_end.append(action)

    def ask_before_closing(self, unsaved: Callable[[], list[str]]) -> None:
        """Ask before the person closes the window while there is something unsaved, by its names."""
        self._unsaved = unsaved
        self.at_end(lambda: setattr(self, "_unsaved", None))

    def outlast(self, runner: Any) -> None:
        """Let what a runner does go on to its end when the dock is closed meanwhile."""
        self._runner = runner
        self.at_end(runner.abandon)

    def bind(self, keys: str, action: Callable[[], None], button: QWidget | None = None) -> None:
        """Bind keys to an action while the dock is in the window; a button tells them in its tooltip."""
        shortcut = QShortcut(QKeySequence(keys), self)
        shortcut.activated.connect(action)
        if button is not None:
            button.setProperty("keys", QKeySequence(keys).toString(QKeySequence.SequenceFormat.NativeText))
            button.setToolTip(with_keys(button, button.toolTip()))

    def stay_behind(self, other: "Dock") -> None:
        """Leave another dock in front, where both share a place."""
        self._in_front = other.parentWidget()
        if self._in_front is not None:
            self._in_front.raise_()

    def restyle(self, appearance: Appearance) -> None:
        """Follow the theme beyond the style sheet and what is drawn."""

    def reveal(self, widget: QWidget) -> None:
        """Scroll to a widget, once the layout knows where it lies."""
        self._revealed = widget
        QTimer.singleShot(0, self._scroll)

    def _scroll(self) -> None:
        for scroll in self.findChildren(QScrollArea):
            if self._revealed is not None and scroll.isAncestorOf(self._revealed):
                scroll.ensureWidgetVisible(self._revealed, 0)

    def close_down(self) -> None:
        """End what is running and leave the viewer alone."""
        for action in self._at_end:
            action()
        for widget in self.findChildren(QWidget):
            # Forms are bound to settings, and magicgui's widgets end by being closed.
            release = getattr(widget, "release", None)
            if release is not None:
                release()
        for emitter, slot in self._listening:
            emitter.disconnect(slot)
        self._at_end, self._listening = [], []

    def event(self, event: QEvent | None) -> bool:
        """Notice when napari opens and closes the dock: it puts the widget in and takes it out."""
        if event is not None and event.type() == QEvent.Type.ParentChange:
            if self.parent() is not None:
                self._was_docked = True
            elif self._was_docked:
                self._leave()
        elif event is not None and event.type() == QEvent.Type.Show and not self._was_shown:
            self._was_shown = True
            # Only now: with a style sheet before, napari's would be worked into each widget twice.
            self._theme_changed()
            QTimer.singleShot(0, self._join_tabs)
        return bool(super().event(event))

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:
        """Take files."""
        if event is not None and _dropped_files(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:
        """Hand over dropped files."""
        if event is not None and self._take_files is not None and (paths := _dropped_files(event)):
            event.acceptProposedAction()
            self._take_files(*paths)

    def showEvent(self, event: QShowEvent | None) -> None:
        """Hear of the window's end."""
        super().showEvent(event)
        if self._unsaved is not None and (window := self.window()) is not None:
            window.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Ask before the person closes a window with what is not saved."""
        if event is None or event.type() != QEvent.Type.Close or not event.spontaneous():
            return False
        unsaved = self._unsaved() if self._unsaved is not None and isinstance(watched, QMainWindow) else []
        text = f"Not saved: {', '.join(unsaved)}. Close the window and lose what is not saved?"
        is_kept = unsaved and QMessageBox.question(self, "Results", text) != QMessageBox.StandardButton.Yes
        if is_kept:
            event.ignore()
        return bool(is_kept)

    def _join_tabs(self) -> None:
        """Share the place of another of our docks, so that all fit a small screen."""
        window, mine = self.window(), self.parent()
        if not isinstance(window, QMainWindow) or not isinstance(mine, QDockWidget):
            return
        for other in [dock.parent() for dock in window.findChildren(Dock) if dock.has_place]:
            if isinstance(other, QDockWidget) and not other.isFloating():
                window.tabifyDockWidget(other, mine)
                (self._in_front or mine).raise_()
                break
        self.has_place = True

    def _leave(self) -> None:
        """Close down, once what is running is done."""
        if self._runner is None or not self._runner.is_running:
            self.close_down()
            return
        from napari.utils.notifications import show_info

        _OUTLASTING.add(self)
        self._runner.ended.connect(self._end_late)
        show_info(f"{self._runner.text} goes on without its dock; to cancel it, remove its layer.")

    def _end_late(self) -> None:
        _OUTLASTING.discard(self)
        self.close_down()

    def _theme_changed(self, _event: Any = None) -> None:
        appearance = Appearance.of_theme(str(self.viewer.theme))
        if self._was_shown:
            self.setStyleSheet(appearance.style_sheet())
        for widget in self.findChildren(QWidget):
            if hasattr(widget, "set_appearance"):
                widget.set_appearance(appearance)
        self.restyle(appearance)


def _dropped_files(event: QDropEvent) -> list[str]:
    """The local files of a drop."""
    mime = event.mimeData()
    return [url.toLocalFile() for url in mime.urls() if url.isLocalFile()] if mime is not None else []


def with_keys(button: QWidget, text: str) -> str:
    """A tooltip with the keys that are bound to the button."""
    keys = button.property("keys")
    if not keys:
        return text
    inner = text.removeprefix("<qt>").removesuffix("</qt>")
    return f"<qt>{inner} ({keys})</qt>"


def open_dock(viewer: Viewer, name: str) -> Any:
    """Open one of our docks by the name in the menu, or bring the open one to the front."""
    _, widget = viewer.window.add_plugin_dock_widget(PLUGIN, name)
    return widget
