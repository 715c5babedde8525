"""Data consistency of a run: how its volume is made to reproduce the projections."""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from ..optics import make_consistent
from .any_beam import AnyBeamConsistency
from .events import Events, Region, Stage
from .facts import StackFacts
from .run_state import RunState


class DataConsistency(Protocol):
    """What the stages of a run ask of it, whatever the beam; arrays are grey levels."""

    def start(self, estimate: np.ndarray) -> np.ndarray:
        """The guide, shape (N*n, H, W), made of a first estimate of that shape or of an extended volume."""

    def slab_projections(self, volume: np.ndarray) -> np.ndarray:
        """What slabs are summarised by, (N, H, W): measured, or the slab means of a volume (N*n, H, W)."""

    def contradiction(self, estimate: np.ndarray) -> str | None:
        """A warning where the first estimate shows that the measurement contradicts the stated beam."""

    def enforce_on_slabs(
        self, slices: np.ndarray, slabs: slice, region: Region, rng: np.random.Generator | None = None
    ) -> np.ndarray:
        """Slices of some slabs, shape (slabs * n, rows, columns), as consistent as they can be by themselves.

        With `rng` they are of a posterior sample: where consistency is noise-aware, the measured part is then
        drawn from its own posterior instead of taken at its mean.
        """

    def enforce_on_volume(self, state: RunState, stage: Stage, *, is_last: bool = True) -> Events:
        """Make the whole volume consistent, where slabs could not be one by one, and announce it."""

    def enforce_on_sample(self, sample: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The same for a posterior sample, shape (N*n, H, W)."""

    def reprojected(self, volume: np.ndarray) -> np.ndarray:
        """What would have been measured of a volume that was made consistent, shape (V*N, H, W)."""

    def reprojection_max(self, volume: np.ndarray) -> float:
        """Largest difference between such a volume's projections and the measurement."""


class SlabConsistency:
    """Of slabs that are recorded each for itself.

    Parameters
    ----------
    facts : StackFacts
    """

    def __init__(self, facts: StackFacts) -> None:
        self.facts = facts

    def start(self, estimate: np.ndarray) -> np.ndarray:
        """The estimate as it is: slabs follow when they are finished."""
        return estimate

    def slab_projections(self, volume: np.ndarray) -> np.ndarray:
        """The measurement."""
        return self.facts.measured

    def contradiction(self, estimate: np.ndarray) -> str | None:
        """None: any projections are possible."""
        return None

    def enforce_on_slabs(
        self, slices: np.ndarray, slabs: slice, region: Region, rng: np.random.Generator | None = None
    ) -> np.ndarray:
        """See `DataConsistency`."""
        facts, window = self.facts, (slabs, *region.index)
        measured, operator = facts.measured[window], facts.operator
        dark = facts.acquisition.dark_level
        if facts.consistency != "noise":
            return make_consistent(slices, measured, operator, facts.consistency, dark_level=dark)
        mean, structure = (part[window] for part in facts.local_light)
        variance = facts.variance[window]
        if rng is not None:
            # Perturbing both the prior mean and the measurement draws from the Gaussian posterior exactly.
            mean = mean + np.sqrt(structure) * rng.standard_normal(mean.shape, dtype=np.float32)
            measured = measured + np.sqrt(variance) * rng.standard_normal(mean.shape, dtype=np.float32)
        centred = make_consistent(slices, mean, operator, "exact")
        return make_consistent(
            centred,
            measured,
            operator,
            "noise",
            dark_level=dark,
            noise_variance=variance,
            prior_spread=np.sqrt(structure / operator.squared_norm),
        )

    def enforce_on_volume(self, state: RunState, stage: Stage, *, is_last: bool = True) -> Events:
        """Nothing: the slabs are consistent."""
        yield from ()

    def enforce_on_sample(self, sample: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The sample as it is: its slabs are consistent."""
        return sample

    def reprojected(self, volume: np.ndarray) -> np.ndarray:
        """See `DataConsistency`."""
        return np.asarray(self.facts.operator.project(volume))

    def reprojection_max(self, volume: np.ndarray) -> float:
        """See `DataConsistency`."""
        n, worst = self.facts.step_length, 0.0
        for i, measured in enumerate(self.facts.measured):
            seen = self.facts.operator.project(volume[i * n : (i + 1) * n].astype(np.float64))[0]
            worst = max(worst, float(np.abs(seen - measured).max()))
        return worst


def data_consistency(facts: StackFacts, check: Callable[[], None]) -> DataConsistency:
    """The data consistency for a beam; `check` is called often, and may raise to leave."""
    return SlabConsistency(facts) if facts.acquisition.is_disjoint else AnyBeamConsistency(facts, check)


def misfit(facts: StackFacts, consistency: DataConsistency, volume: np.ndarray) -> float | None:
    """RMS of (X - A m) / noise, about 1 for a volume consistent within the noise; None for other modes."""
    if facts.consistency != "noise":
        return None
    residual = np.square(facts.measured - consistency.reprojected(volume), dtype=np.float64)
    return float(np.sqrt((residual / np.maximum(facts.variance, 1e-12 * facts.scale.span**2)).mean()))
