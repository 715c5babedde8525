"""The same progress in napari's own list of what is going on, while the dock is out of sight."""

import io
import time
from typing import Any

from ...tasks.progress import Step, time_left

STEPS = 100
# Each change makes napari work through all waiting events at once.
SECONDS_BETWEEN = 2.0


class ActivityDock:
    """An entry in napari's activity dock; its moving picture has the window painted many times a second."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._changed_at = 0.0

    def show_step(self, step: Step) -> None:
        """Show what is being done and how far it is."""
        now = time.monotonic()
        if self._bar is None:
            from napari.utils import progress

            # Without a file of its own it would also write to the terminal.
            self._bar = progress(total=STEPS, desc=step.text, file=io.StringIO())
        elif now - self._changed_at > SECONDS_BETWEEN and step.fraction is not None:
            self._bar.set_description(f"{step.text} · {time_left(step)}")
            self._bar.update(max(0, int(STEPS * step.fraction) - self._bar.n))
        else:
            return
        self._changed_at = now

    def end(self) -> None:
        """Take the entry away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
