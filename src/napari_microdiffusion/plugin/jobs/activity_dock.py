"""The same progress in napari's own list of what is going on, for when the dock is out of sight."""

import io
import time
from typing import Any

from ...reconstruction.events import Progress, StageStarted
from ...tasks.progress import Step, time_left

STEPS = 100
# Each change makes napari work through all waiting events at once.
SECONDS_BETWEEN = 2.0
# What is over before needs no entry; and whoever has just pressed a button looks at the dock.
SECONDS_BEFORE = 0.5


class ActivityDock:
    """An entry in napari's activity dock."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._stage = ""
        self._changed_at = 0.0

    def begin(self, text: str) -> None:
        """Record what begins; the entry comes with its first event that is not at once."""
        self._stage = text
        self._changed_at = time.monotonic() + SECONDS_BEFORE - SECONDS_BETWEEN

    def handle(self, event: object) -> None:
        """Show the stage and how far it is."""
        if self._bar is None:
            if isinstance(event, StageStarted):
                self._stage = event.text
            if time.monotonic() - self._changed_at > SECONDS_BETWEEN:
                self._add()
        elif isinstance(event, StageStarted):
            self._stage = event.text
            self._bar.reset(STEPS)
            self._bar.set_description(event.text)
        elif isinstance(event, Progress | Step) and event.fraction is not None:
            if isinstance(event, Step):
                self._stage = event.text
            done = int(STEPS * event.fraction) - self._bar.n
            now = time.monotonic()
            if done > 0 and now - self._changed_at > SECONDS_BETWEEN:
                self._changed_at = now
                self._bar.set_description(f"{self._stage} · {time_left(event)}")
                self._bar.update(done)

    def _add(self) -> None:
        from napari.utils import progress

        self._changed_at = time.monotonic()
        # Without a file of its own it would also write to the terminal.
        self._bar = progress(total=STEPS, desc=self._stage, file=io.StringIO())

    def end(self) -> None:
        """Take the entry away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
