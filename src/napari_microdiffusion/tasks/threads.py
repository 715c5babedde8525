"""A stream of events in a thread of its own, and the mailbox that its events wait in.

A thread of our own rather than napari's workers: those share a pool with everybody, lose a `RuntimeError`
that a generator raises, and make closing the window wait without a limit.
"""

import os
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ..errors import Cancelled, RunFailed, UserError
from ..reconstruction.events import CancelToken, Progress, SliceReady, StageStarted
from ..settings.wording import sentence
from .progress import Step

Source = Callable[[CancelToken], Iterable[Any]]

NO_MEMORY = "This takes more memory than the machine has free: close other programs, or take a smaller stack."
KEPT_CORES = 1
"""Cores of more than two that a run leaves to the window."""
# A layer that is made beside a run that computes takes the window twice as long.
_PATIENCE_S = 0.5


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
        self._settled = threading.Event()

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
            self._settled.clear()

    def settle(self) -> None:
        """Say, in the window's thread, that what was taken has been dealt with."""
        with self._lock:
            if not self._events:
                self._settled.set()

    def wait(self, timeout: float) -> bool:
        """Wait until all that was put has been dealt with, so many seconds at most; say whether it was."""
        return self._settled.wait(timeout)

    def take(self) -> Any | None:
        """Remove and return the oldest event, None when there is none."""
        with self._lock:
            if not self._events:
                return None
            return self._events.pop(next(iter(self._events)))


def work(source: Source, token: CancelToken, mailbox: Mailbox, previous: threading.Thread | None) -> None:
    """What the thread does: put the events of `source(token)` into the mailbox, once `previous` is over."""
    try:
        if previous is not None and previous.is_alive():
            mailbox.put(StageStarted("preview", "Waiting for the cancelled run to end"))
        while previous is not None and previous.is_alive():
            previous.join(0.1)
            if token.cancelled or token.stopped:
                raise Cancelled("the run was stopped before it began")
        previous = None
        has_layers = False
        for event in source(token):
            mailbox.put(event)
            if not has_layers and isinstance(event, SliceReady):
                has_layers = True
                mailbox.wait(_PATIENCE_S)
    except Cancelled as error:
        mailbox.put(End(cancelled=True, message="" if token.cancelled else sentence(str(error))))
    except (UserError, RunFailed) as error:
        mailbox.put(End(cancelled=token.cancelled, message=sentence(str(error))))
    except MemoryError:
        mailbox.put(End(message=NO_MEMORY))
    except BaseException as error:  # whatever it is, the GUI must hear that the thread is gone
        text = sentence(f"A defect of the program ended this: {type(error).__name__}: {error}")
        mailbox.put(End(message=text, defect=error))
    else:
        # A stream with no look at its token may end well after it was cancelled; that counts as cancelled.
        mailbox.put(End(cancelled=token.cancelled))


def spare_threads() -> int:
    """Processor threads for a run in the dock: all cores that are ours but one, which the window needs.

    Of two both: the window works little, and the system gives it a core when it has to. Never more than
    `OMP_NUM_THREADS` asks for, which numerical libraries heed as well.
    """
    # A job scheduler or `taskset` may have given us fewer than there are.
    ours = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    spare = max(min(2, ours), ours - KEPT_CORES)
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return min(spare, int(asked)) if asked.isdecimal() and int(asked) > 0 else spare
