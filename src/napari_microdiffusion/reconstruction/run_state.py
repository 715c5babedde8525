"""What changes while a run goes on: the volume as far as it is, and what was reported of it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from ..inr.fitted import FittedInr
from ..registration.reference_stack import ReferenceStack
from ..registration.registration import Registration
from ..registration.shared_reference import SharedReference
from .events import CancelToken, Events, Notice, Progress, Region, SliceReady, Stage
from .facts import StackFacts


@dataclass(eq=False)
class RunState:
    """The outcome of one run as far as it is; arrays are float32, grey levels.

    Attributes
    ----------
    cancel : CancelToken
        Ends the run from another thread.
    volume : ndarray, shape (N*n, H, W)
    guide : ndarray, shape (N*n, H, W)
        The first estimate; the volume until there is one.
    reached : list of str
        The last stage that each slab of the volume reached.
    uncertainty : ndarray or None
    inr : FittedInr or None
        Given to the run or fitted by it.
    samples : list of ndarray
    seconds : dict of str to float
        Time spent in each stage.
    notices : list of str
    device : str
        Where the networks run.
    samples_in : str or None
        The numbers that samples are computed in, "float32" or "bfloat16"; None without samples.
    prior_weight : float
        Factor on what the prior adds to the guide, 0 to 1; 1 where no prior is used.
    self_test_error : float or None
        Of the posterior mean on thick slabs of the sample itself, relative to their light; None without test.
    out_of_distribution : float or None
        Score of the projections, where the prior came with those of its training data.
    pedestal : float
        Of the log-spline that the prior starts from, unit intensities.
    reference : ReferenceStack or None
        Given to the run.
    registration : Registration or None
        Where the reference was found.
    shared : SharedReference or None
        The volume as the reference has it, where it is of this tissue.
    """

    cancel: CancelToken
    volume: np.ndarray
    guide: np.ndarray
    reached: list[str]
    uncertainty: np.ndarray | None = None
    inr: FittedInr | None = None
    samples: list[np.ndarray] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
    device: str = "cpu"
    samples_in: str | None = None
    prior_weight: float = 1.0
    self_test_error: float | None = None
    out_of_distribution: float | None = None
    pedestal: float = 0.0
    reference: ReferenceStack | None = None
    registration: Registration | None = None
    shared: SharedReference | None = None

    @classmethod
    def of(
        cls,
        facts: StackFacts,
        cancel: CancelToken,
        inr: FittedInr | None = None,
        reference: ReferenceStack | None = None,
    ) -> "RunState":
        """A run that has not begun."""
        empty = np.zeros(facts.volume_shape, np.float32)
        reached = [""] * facts.shape[0]
        return cls(cancel, volume=empty, guide=empty, reached=reached, inr=inr, reference=reference)

    def write(self, slices: np.ndarray, slabs: slice, region: Region, stage: Stage) -> Events:
        """Put finished slices (grey levels, already consistent) into the volume and announce them."""
        n = len(self.volume) // len(self.reached)
        first = slabs.start * n
        self.volume[first : slabs.stop * n, *region.index] = slices
        for offset, plane in enumerate(slices):
            yield SliceReady(first + offset, region, plane, "volume", stage)
        self.reached[slabs] = [stage] * (slabs.stop - slabs.start)

    def notice(self, text: str) -> Notice:
        """A warning, stored for the result as well."""
        self.notices.append(text)
        return Notice("warning", text)

    def message(self, text: str) -> Notice:
        """Something that was found, which is no warning; stored for the result as well."""
        self.notices.append(text)
        return Notice("info", text)

    @contextmanager
    def timed(self, stage: Stage) -> Iterator[None]:
        """Adds the time spent inside to the stage's."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - started


class StageClock:
    """Progress of a stage with the time it will still take."""

    def __init__(self, stage: Stage, total: int) -> None:
        self.stage, self.total = stage, max(total, 1)
        self.done = 0
        self.started = time.perf_counter()

    def advance(self, units: int = 1) -> Progress:
        """Count finished units and report."""
        self.done += units
        spent = time.perf_counter() - self.started
        left = spent / self.done * (self.total - self.done)
        return Progress(self.stage, min(self.done / self.total, 1.0), left)

    def skip_to_end(self) -> Progress:
        """Report a stage that ended early."""
        return self.advance(self.total - self.done)
