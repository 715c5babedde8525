"""The one owner of threads: runs a stream of events beside the GUI and hands it over a little at a time."""

import threading
import time

from qtpy.QtCore import QCoreApplication, QObject, QTimer, Signal

from ...reconstruction.events import CancelToken
from ...tasks.threads import End, Mailbox, Source, work

# How often events are handed over, and for how long at most, so that the window always answers.
TICK_MS = 30
GUI_BUDGET_S = 0.02
# What took longer, such as making a layer, is followed by the window's own work before anything is redrawn.
LONG_S = 0.05


class Job(QObject):
    """Runs one stream of events at a time.

    Signals come on the GUI thread. `arrived` carries every event, slices among them; `flushed` follows after
    each batch of them, and regularly while there are none: the time to redraw; `ended` comes once, last, with
    an `End`.
    """

    arrived = Signal(object)
    flushed = Signal()
    ended = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._token: CancelToken | None = None
        self._mailbox = Mailbox()
        self._thread: threading.Thread | None = None
        self._redraw_is_due = False
        self._timer = QTimer(self)
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self._hand_over)

    @property
    def is_running(self) -> bool:
        """Whether a stream has been started and has not ended."""
        return self._token is not None

    @property
    def thread_at_work(self) -> threading.Thread | None:
        """The thread of the last stream; after a cancellation it may go on for a moment."""
        return self._thread

    def start(self, source: Source) -> None:
        """Run `source(token)` in a thread of its own; the iterator is made and used there.

        Raises
        ------
        RuntimeError
            If a stream is running.
        """
        if self._token is not None:
            raise RuntimeError("a job is running already")
        token = self._token = CancelToken()
        self._mailbox = Mailbox()
        # Neither closing the dock nor quitting may leave a run behind. The token alone is held, not this.
        self.destroyed.connect(token.cancel)
        application = QCoreApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(token.cancel)
        self._thread = threading.Thread(
            target=work, args=(source, token, self._mailbox, self._thread), name="microdiffusion run"
        )
        self._thread.start()
        self._timer.start()

    def cancel(self) -> None:
        """End the stream and keep nothing; `ended` follows at once.

        The thread may need longer, in the midst of an import or of one long evaluation: nothing it says is
        heard any more, and the next stream waits for it.
        """
        if self._token is not None:
            self._token.cancel()
            self._mailbox = Mailbox()
            self._mailbox.put(End(cancelled=True))

    def stop(self) -> None:
        """End the stream early and keep what there is; it then ends well."""
        if self._token is not None:
            self._token.stop()

    def abandon(self) -> None:
        """Cancel and hear no more of it; for teardown."""
        self.cancel()
        self._timer.stop()
        self._forget()

    def _hand_over(self) -> None:
        started = time.perf_counter()
        while time.perf_counter() - started < GUI_BUDGET_S:
            event = self._mailbox.take()
            if event is None:
                break
            if isinstance(event, End):
                self._timer.stop()
                self._forget()
                if not event.cancelled:  # what is about to go need not be drawn
                    self.flushed.emit()
                self.ended.emit(event)  # which removes the layers of a cancelled run
                return
            self.arrived.emit(event)
            if self._token is None:  # abandoned by a slot
                return
        if time.perf_counter() - started > LONG_S and not self._redraw_is_due:
            self._redraw_is_due = True
            return
        self._redraw_is_due = False
        self.flushed.emit()
        self._mailbox.settle()

    def _forget(self) -> None:
        token, self._token = self._token, None
        if token is None:
            return
        self.destroyed.disconnect(token.cancel)
        application = QCoreApplication.instance()
        if application is not None:
            application.aboutToQuit.disconnect(token.cancel)
