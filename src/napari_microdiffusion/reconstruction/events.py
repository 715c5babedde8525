"""What a run says while it works. The dock, the command line, Dask workers and tests read the same stream."""

import threading
from collections.abc import Generator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..errors import Cancelled
from .result import ReconstructionResult

Stage = Literal["preview", "guide", "posterior mean", "samples"]
STAGES: tuple[Stage, ...] = ("preview", "guide", "posterior mean", "samples")


@dataclass(frozen=True)
class Region:
    """A rectangle of a slice: rows top to bottom, columns left to right, ends excluded."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def index(self) -> tuple[slice, slice]:
        """The rows and columns, to index an image with."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    @property
    def height(self) -> int:
        """How many rows."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """How many columns."""
        return self.right - self.left


@dataclass(frozen=True)
class StageStarted:
    """A stage begins; `text` names it for people."""

    stage: Stage
    text: str


@dataclass(frozen=True)
class Progress:
    """How far a stage is, 0 to 1, and how long it will still take, where that is known."""

    stage: Stage
    fraction: float
    seconds_left: float | None = None


@dataclass(frozen=True)
class LossPoint:
    """One point of the curve of a fit: of an INR its misfit, see `FitStep`, of a network its loss."""

    stage: Stage
    step: int
    loss: float


@dataclass(frozen=True)
class Notice:
    """Something the person should know."""

    level: Literal["info", "warning"]
    text: str


@dataclass(frozen=True, eq=False)
class SliceReady:
    """Part of slice z is new; `plane` has the region's size, in the projections' grey levels."""

    z: int
    region: Region
    plane: np.ndarray
    quantity: Literal["volume", "uncertainty"]
    stage: Stage


@dataclass(frozen=True)
class BlockReady:
    """All slices of a part of a large stack are finished and lie on disk."""

    region: Region


@dataclass(frozen=True, eq=False)
class Finished:
    """The run ended, by itself or because it was asked to stop and keep what there is."""

    result: ReconstructionResult


Event = StageStarted | Progress | LossPoint | Notice | SliceReady | BlockReady | Finished
Events = Generator[Event, None, None]


class StopRequested(Exception):
    """The run was asked to stop and keep what it has; raised inside the engine and caught there."""


class CancelToken:
    """Asks a run to end, from any thread. The run looks at it between evaluations and inside long ones."""

    def __init__(self) -> None:
        self._cancel = threading.Event()
        self._stop = threading.Event()

    def cancel(self) -> None:
        """End the run and keep nothing: the run raises `Cancelled`."""
        self._cancel.set()

    def stop(self) -> None:
        """End the run and keep the best of every slab: the run yields `Finished`."""
        self._stop.set()

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._cancel.is_set()

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stop.is_set()

    def check(self) -> None:
        """Raise `Cancelled` or `StopRequested` if the run was asked to end."""
        if self._cancel.is_set():
            raise Cancelled("the run was cancelled")
        if self._stop.is_set():
            raise StopRequested
