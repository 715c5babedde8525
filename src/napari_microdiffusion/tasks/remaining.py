"""How far a run is as a whole and how long it will still take, over all its stages."""

import time
from collections.abc import Callable

from ..reconstruction.cost.estimate import Estimate
from ..reconstruction.cost.speed import MachineSpeed
from ..reconstruction.events import Finished, Progress, StageStarted
from .progress import StackBegun, Step

# A stage that takes longer than it should is not over before this share of what it should take has passed.
_STILL_OPEN = 0.05
# Shown at most before the end has come.
_NEARLY = 0.99


class Remaining:
    """Follows a run's events against what it was estimated to take.

    Parameters
    ----------
    expected : Estimate
    clock : callable
        Gives seconds.
    """

    def __init__(self, expected: Estimate, clock: Callable[[], float] = time.monotonic) -> None:
        self.expected, self._clock = expected, clock
        self.text = ""
        self._parts = dict(expected.stages)
        self._part, self._fraction, self._shown = "start", 0.0, 0.0
        self._began = self._entered = clock()
        self._start: float | None = None
        self._spent: dict[str, float] = {}

    def handle(self, event: object) -> None:
        """Take an event of the run."""
        now = self._clock()
        if isinstance(event, StageStarted):
            if self._start is None:
                self._start = now - self._began
            self.text = event.text
            if event.stage != self._part:
                self._part, self._fraction, self._entered = event.stage, 0.0, now
        elif isinstance(event, Step):
            self.text, self._part, self._fraction = event.text, "end", event.fraction or 0.0
        elif isinstance(event, Progress) and event.stage == self._part:
            self._fraction = max(self._fraction, event.fraction)
        elif isinstance(event, Finished) and self._start is not None and not event.result.stopped:
            stages = event.result.seconds
            end = now - self._began - self._start - sum(stages.values())
            self._spent = {"start": self._start, **stages, "end": max(end, 0.0)}

    def step(self) -> Step:
        """The stage, the share of the whole run that is done, and the seconds that the rest will take."""
        now, names = self._clock(), list(self._parts)
        place = names.index(self._part) if self._part in names else 0
        spent = now - self._entered
        expected = self._parts.get(self._part, 0.0)
        # First what was expected counts, later the pace that was seen.
        open_time = max(expected - spent, _STILL_OPEN * expected)
        if self._fraction > 0:
            by_pace = spent * (1 - self._fraction) / self._fraction
            open_time = self._fraction * by_pace + (1 - self._fraction) * open_time
        done = sum(self._parts[name] for name in names[:place]) + self._fraction * expected
        # What is to come takes longer, or less, as what was did; before much is done that says nothing.
        elapsed = now - self._began
        trust = done / (done + sum(self._parts.values()) / 20 + 1e-9)
        pace = (elapsed / done) ** trust if done > 0 and elapsed > 0 else 1.0
        left = open_time + pace * sum(self._parts[name] for name in names[place + 1 :])
        self._shown = max(self._shown, min(elapsed / (elapsed + left + 1e-9), _NEARLY))
        return Step(self.text, self._shown, left)

    def teach(self, speed: MachineSpeed) -> None:
        """Teach the machine's speed what a run took that came to its end by itself."""
        speed.learn(self.expected.stages, self._spent, self.expected.kinds)


class SeriesRemaining:
    """The same over runs of one kind, one after the other.

    Parameters
    ----------
    expected : Estimate
        Of one run.
    count : int
        Of runs.
    clock : callable
        Gives seconds.
    """

    def __init__(self, expected: Estimate, count: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._expected, self._count, self._clock = expected, count, clock
        self._began = clock()
        self._first = self._now = Remaining(expected, clock)
        self._number, self._name = 0, ""

    def handle(self, event: object) -> None:
        """Take an event of a run, or that the next begins."""
        if isinstance(event, StackBegun):
            self._number, self._name = event.number, event.name
            if event.number:
                self._now = Remaining(self._expected, self._clock)
        else:
            self._now.handle(event)

    def step(self) -> Step:
        """The run and its stage, the share of all that is done, and the seconds that the rest will take."""
        one, now = self._now.step(), self._clock()
        share = (self._number + (one.fraction or 0.0)) / self._count
        # The pace of the runs so far; during the first, its own.
        left = (now - self._began) * (1 - share) / share if self._number else None
        if left is None and one.seconds_left is not None:
            left = one.seconds_left + (self._count - 1) * (now - self._began + one.seconds_left)
        return Step(f"{self._name[:1].upper()}{self._name[1:]} · {one.text}", share, left)

    def teach(self, speed: MachineSpeed) -> None:
        """Teach the machine's speed what the first run took: later ones start sooner."""
        self._first.teach(speed)
