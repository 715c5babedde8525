"""Does one activity of a dock at a time: starts it, shows how it gets on, ends it."""

import time
from typing import Any

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QApplication, QWidget

from ...settings.wording import sentence
from ...tasks.progress import Saved, Step
from ...tasks.threads import End
from ..widgets.message_panel import MessagePanel
from .activity import Activity
from .activity_dock import ActivityDock
from .job import Job
from .run_panel import RunPanel

# Whoever waited longer than this may be looking elsewhere, and a message says that it is done.
NOTIFY_AFTER_S = 8.0
# Every change has the window painted anew, which without a graphics card takes long.
SECONDS_BETWEEN_STEPS = 1.0
CANCELLED = "Cancelled; nothing of it is kept."


class Runner(QObject):
    """A dock's activities, one at a time.

    Signals: `began` with what is being done, in words; `finished` with an activity that ended well; `ended`
    after any end.

    Parameters
    ----------
    panel : RunPanel
        Shows the progress.
    messages : MessagePanel
        Says what came of it.
    parent : QWidget
        The dock.
    """

    began = Signal(str)
    finished = Signal(object)
    ended = Signal()

    def __init__(self, panel: RunPanel, messages: MessagePanel, parent: QWidget) -> None:
        super().__init__(parent)
        self.panel, self.messages = panel, messages
        self.job = Job(self)
        self.activity: Activity | None = None
        self._reason = ""
        self._started = self._shown_at = 0.0
        self._step = Step("")
        self._activity_dock = ActivityDock()
        self.job.arrived.connect(self._handle)
        self.job.flushed.connect(self._flush)
        self.job.ended.connect(self._end)
        panel.stop_wanted.connect(self.stop)
        panel.cancel_wanted.connect(self._cancel)

    @property
    def text(self) -> str:
        """What is being done, in words."""
        return "" if self.activity is None else self.activity.text

    @property
    def is_running(self) -> bool:
        """Whether something is being done."""
        return self.job.is_running

    def begin(self, activity: Activity) -> bool:
        """Start an activity, unless there is one; say whether it was started."""
        if self.is_running:
            return False
        self.activity, self._reason = activity, ""
        self._started = self._shown_at = time.monotonic()
        self._step = Step(activity.text)
        if activity.keeps_messages:
            self.messages.error.hide()
        else:
            self.messages.clear()
        self.panel.begin(activity.text, activity.can_stop)
        self.began.emit(activity.text)
        self.job.start(activity.source)
        return True

    def stop(self) -> None:
        """End the activity early and keep what there is."""
        if self.is_running and self.activity is not None and self.activity.can_stop:
            self.panel.ending("Stopping …")
            self.job.stop()

    def cancel(self, reason: str = "") -> None:
        """End what is running and keep nothing of it; the reason is shown afterwards."""
        if self.is_running:
            self._reason = reason
            self.panel.ending("Cancelling …")
            self.job.cancel()

    def abandon(self) -> None:
        """Cancel without a word; the dock is going."""
        self.job.abandon()
        self._activity_dock.end()
        self.activity = None

    def layer_removed(self, layer: Any) -> bool:
        """Cancel what cannot go on without a layer; say whether that was so."""
        if self.activity is None:
            return False
        if not self.activity.needs(layer):
            return False
        self.cancel(f"The layer “{layer.name}” was removed, so this was cancelled.")
        return True

    def fail(self, text: str, defect: BaseException | None = None) -> None:
        """Show what went wrong, in the dock and in napari; a traceback only for a defect of the program."""
        from napari.utils.notifications import notification_manager, show_error

        text = sentence(text)
        self.messages.fail(text)
        if defect is None:
            show_error(text)
        else:
            notification_manager.receive_error(type(defect), defect, defect.__traceback__)

    def say_where(self, event: Any) -> None:
        """Say which files were written, for an activity that writes some."""
        if isinstance(event, Saved):
            self.messages.say("Saved: " + ", ".join(event.files.values()))

    def _cancel(self) -> None:
        self.cancel()

    def _handle(self, event: Any) -> None:
        # After a layer was removed the rest of the stream has nowhere to go.
        if self.activity is not None and not self._reason:
            if self.activity.remaining is not None:
                self.activity.remaining.handle(event)
            elif isinstance(event, Step):
                self._step = event
            self.activity.handle(event)

    def _flush(self) -> None:
        if self.activity is not None and not self._reason:
            self.activity.flush()
            if time.monotonic() - self._shown_at > SECONDS_BETWEEN_STEPS:
                self._show_step(self.activity)

    def _show_step(self, activity: Activity) -> None:
        """Show how far it is: in the dock, or while that is out of sight in napari's own list."""
        self._shown_at = time.monotonic()
        step = self._step if activity.remaining is None else activity.remaining.step()
        window = self.panel.window()
        is_open = window is not None and not window.isMinimized()
        is_seen = is_open and not self.panel.visibleRegion().isEmpty()
        self.panel.show_step(step, self._shown_at - self._started)
        if is_seen:
            self._activity_dock.end()
        else:
            self._activity_dock.show_step(step)

    def _end(self, end: End) -> None:
        activity, self.activity = self.activity, None
        self._activity_dock.end()
        self.panel.idle()
        if activity is None:
            return
        activity.ended(end)
        if end.cancelled:
            self.messages.clear()
            self.messages.say(self._reason or end.message or CANCELLED)
        elif end.message:
            self.fail(end.message, end.defect)
        else:
            self.finished.emit(activity)
            self._notify(activity)
        self.ended.emit()

    def _notify(self, activity: Activity) -> None:
        """Tell who may be looking elsewhere: in napari's corner, and in the system's list of windows."""
        if time.monotonic() - self._started < NOTIFY_AFTER_S or not activity.done:
            return
        from napari.utils.notifications import show_info

        show_info(activity.done)
        dock = self.parent()
        if isinstance(dock, QWidget):
            QApplication.alert(dock.window())
