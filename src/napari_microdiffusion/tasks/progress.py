"""How far a task is that is no reconstruction, and what it wrote."""

import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """How far something is that is no reconstruction: what is being done, and its share that is done."""

    text: str
    fraction: float | None = None
    seconds_left: float | None = None


@dataclass(frozen=True)
class StackBegun:
    """One of several stacks comes next: its number from 0 on, and as in "time point 3 of 20"."""

    number: int
    name: str


@dataclass(frozen=True)
class Saved:
    """Files that were written, by what they hold."""

    files: dict[str, str]


def time_left(progress: Step) -> str:
    """How far something is and how long it will still take, e.g. "62 % · 9 s left"."""
    if progress.fraction is None:
        return ""
    percent = f"{100 * progress.fraction:.0f} %"
    seconds = progress.seconds_left
    if seconds is None or progress.fraction >= 1:
        return percent
    return f"{percent} · {short_duration(seconds)} left"


def short_duration(seconds: float) -> str:
    """Seconds to come in a few letters, e.g. "9 s" or "3 min"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def seconds_left(share: float, started: float) -> float | None:
    """Seconds left at the pace since `started` (a `time.perf_counter`); None while that says little."""
    spent = time.perf_counter() - started
    return spent * (1 - share) / share if share > 0 and spent > 1 else None
