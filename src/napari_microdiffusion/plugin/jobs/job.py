"""The one owner of threads: runs a stream of events beside the GUI and hands it over a little at a time.

A thread of our own rather than napari's workers: those share a pool with everybody, lose a `RuntimeError`
that a generator raises, and make closing the window wait without a limit.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from qtpy.QtCore import QCoreApplication, QObject, QTimer, Signal

from ...errors import Cancelled, RunFailed, UserError
from ...reconstruction.events import CancelToken, Progress, SliceReady, StageStarted

Source = Callable[[CancelToken], Iterator[Any]]

# How often events are handed over, and for how long at most, so that the window always answers.
TICK_MS = 30
GUI_BUDGET_S = 0.02

KEPT_CORES = 1
"""Cores that a run in the dock leaves to the window."""


@dataclass(frozen=True)
class Step:
    """How far something is that is no reconstruction: what is being done, and its share that is done."""

    text: str
    fraction: float | None = None
    seconds_left: float | None = None


@dataclass(frozen=True)
class Saved:
    """Files that were written, by what they hold."""

    files: dict[str, str]


@dataclass(frozen=True)
class End:
    """How a stream ended: well, cancelled, or with a sentence for the person and perhaps a defect."""

    cancelled: bool = False
    message: str = ""
    defect: BaseException | None = None


class Mailbox:
    """Events on their way between two threads, in order; of a slice and of the progress only the newest."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._events: dict[object, Any] = {}
        self._count = 0

    def put(self, event: Any) -> None:
        """Add an event, in any thread."""
        key: object
        if isinstance(event, SliceReady):
            key = (event.quantity, event.z, event.region)
        elif isinstance(event, Progress | Step):
            key = type(event)
        else:
            self._count += 1
            key = self._count
        with self._lock:
            self._events.pop(key, None)
            self._events[key] = event

    def take(self) -> Any | None:
        """Remove and return the oldest event, None when there is none."""
        with self._lock:
            if not self._events:
                return None
            return self._events.pop(next(iter(self._events)))


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
            target=_work, args=(source, token, self._mailbox, self._thread), name="microdiffusion run"
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
                self.ended.emit(event)
                return
            self.arrived.emit(event)
            if self._token is None:  # abandoned by a slot
                return
        self.flushed.emit()

    def _forget(self) -> None:
        token, self._token = self._token, None
        if token is None:
            return
        self.destroyed.disconnect(token.cancel)
        application = QCoreApplication.instance()
        if application is not None:
            application.aboutToQuit.disconnect(token.cancel)


def _work(source: Source, token: CancelToken, mailbox: Mailbox, previous: threading.Thread | None) -> None:
    """The thread: no Qt object and no layer is touched here."""
    try:
        if previous is not None and previous.is_alive():
            mailbox.put(StageStarted("preview", "Waiting for the cancelled run to end"))
        while previous is not None and previous.is_alive():
            previous.join(0.1)
            token.check()
        previous = None
        for event in source(token):
            mailbox.put(event)
    except Cancelled:
        mailbox.put(End(cancelled=True))
    except (UserError, RunFailed) as error:
        mailbox.put(End(cancelled=token.cancelled, message=sentence(str(error))))
    except BaseException as error:  # whatever it is, the GUI must hear that the thread is gone
        text = sentence(f"A defect of the program ended this: {type(error).__name__}: {error}")
        mailbox.put(End(message=text, defect=error))
    else:
        # A stream with no look at its token may end well after it was cancelled; that counts as cancelled.
        mailbox.put(End(cancelled=token.cancelled))


def warm_up(module: str) -> None:
    """Import a module beside the GUI, so that its first use need not wait for it."""
    threading.Thread(target=import_module, args=(module,), name="microdiffusion import", daemon=True).start()


def spare_threads() -> int:
    """Processor threads for a run in the dock: all cores that are ours but one, which the window needs."""
    # A job scheduler or `taskset` may have given us fewer than there are.
    ours = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, ours - KEPT_CORES)


def sentence(text: str) -> str:
    """The text as a sentence: a capital first, unless it starts with a name with dots, a stop last."""
    text = text.strip()
    first = text.split(" ", 1)[0]
    if not any(sign in first for sign in "./_\\"):
        text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."
