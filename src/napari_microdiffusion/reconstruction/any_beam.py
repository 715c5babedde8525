"""Data consistency through a beam that leaves its slab, sideways or along z.

The guide is made through the true operator, so it lies in specimen space for any beam. From there on the
slabs of the volume are treated as if a uniform beam had recorded them: the guide's slab means stand in for
projections, the diffusion adds what lies within slabs, and the whole volume is then made consistent with what
was measured. No other network is needed, and the last word is the measurement's. Two mirrored views that tell
depths apart, without much noise, leave so little open that the prior takes away more than it adds; there the
guide is the result.
"""

from collections.abc import Callable
from functools import cached_property

import numpy as np

from ..diffusion.slab import NOISE_LEFT
from ..optics import ProjectionOperator, make_consistent_through
from .events import Events, Region, Stage
from .facts import StackFacts
from .run_state import RunState

# Condition number of A A^T from which exact consistency would amplify noise more than threefold.
ILL_CONDITIONED = 10.0
# Misfit of the log-spline that is none of the beam's, relative to the range; and how many times noise and
# this a misfit must be to tell that the beam is not as stated.
MODEL_ERROR, CONTRADICTED = 0.005, 1.3
# The damping of consistency within the noise, over the root of noise over signal (variances). An estimate
# through the true beam errs the less, the less noise there is: neither noise over signal itself nor a damping
# that is the same at every light serves both 15 and 1,000 photons. On seven volumes through five beams, at 15
# to 1,200 photons, 4, 5 and 6 were alike.
DAMPING = 5.0
# Where the iterations end, relative to the projections' range: at the end, and before another pass.
FINAL, PASSING = 1e-5, 3e-4


class AnyBeamConsistency:
    """The extended volume of a run, which only as a whole can be consistent with the measurement.

    Parameters
    ----------
    facts : StackFacts
    check : callable
        Called often; may raise to leave.

    Attributes
    ----------
    extended : ndarray, shape `facts.beam_operator.extended_shape`
        The volume with what beams see around it, as it was last made consistent; grey levels.
    """

    def __init__(self, facts: StackFacts, check: Callable[[], None]) -> None:
        self.facts = facts
        self.operator = facts.beam_operator
        self.check = check
        self.extended = np.zeros(self.operator.extended_shape, np.float32)

    def start(self, estimate: np.ndarray) -> np.ndarray:
        """See `DataConsistency`."""
        if estimate.shape == self.facts.volume_shape:
            estimate = self.operator.extend(estimate)
        self.extended = self._consistent(np.asarray(estimate, np.float32), None, PASSING)
        return np.array(self.operator.crop(self.extended))

    def slab_projections(self, volume: np.ndarray) -> np.ndarray:
        """What a uniform beam would have recorded of a volume, (N*n, H, W) to (N, H, W)."""
        n = self.operator.step_length
        return np.asarray(ProjectionOperator(np.full(n, 1 / n)).project(volume))

    def enforce_on_slabs(
        self,
        slices: np.ndarray,
        slabs: slice,
        region: Region,
        *,
        knows_noise: bool = False,
    ) -> np.ndarray:
        """The slices as they are: only whole volumes can be consistent."""
        return slices

    def enforce_on_volume(self, state: RunState, stage: Stage, *, is_last: bool = True) -> Events:
        """See `DataConsistency`."""
        self.extended = self._around(state.volume, None, FINAL if is_last else PASSING)
        volume = np.array(self.operator.crop(self.extended))
        yield from state.write(volume, self.facts.slabs, self.facts.region, stage)

    def enforce_on_sample(self, sample: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """See `DataConsistency`."""
        return np.array(self.operator.crop(self._around(sample, rng, PASSING)))

    def reprojected(self, volume: np.ndarray) -> np.ndarray:
        """What would have been measured of the extended volume, shape (V*N, H, W)."""
        return np.asarray(self.operator.project(self.extended))

    def reprojection_max(self, volume: np.ndarray) -> float:
        """Largest difference between the extended volume's projections and the measurement."""
        return float(np.abs(self.facts.known(self.reprojected(volume) - self.facts.measured)).max())

    def contradiction(self, extended: np.ndarray) -> str | None:
        """A warning where neighbouring slabs differ more than a beam as wide as this one lets them.

        Overlapping beams share light, so not all projections are possible: a beam that is taken for too wide,
        or a step for too short, leaves a misfit beyond the noise. The opposite error leaves none.

        Parameters
        ----------
        extended : ndarray, shape `facts.beam_operator.extended_shape`
            The log-spline guide before it was made consistent, grey levels.
        """
        if not self.operator.is_straight:
            return None
        misfit = self.operator.project(np.maximum(extended, self._floor)) - self.facts.measured
        allowed = self.facts.variance + (MODEL_ERROR * self.facts.scale.span) ** 2
        ratio = float(np.sqrt(self.facts.known(misfit**2 / allowed).mean()))
        if ratio < CONTRADICTED:
            return None
        return (
            f"Neighbouring slabs differ more than this beam lets them ({ratio:.1f} times the noise): it may "
            "be narrower, or the step longer, than stated. Check the beam's width and the step."
        )

    def _around(self, volume: np.ndarray, rng: np.random.Generator | None, tolerance: float) -> np.ndarray:
        """An extended volume consistent with the measurement, near a volume (N*n, H, W)."""
        # Beside the image the guide knows more, from what beams brought in; before and behind it the volume.
        before = self.operator.virtual_slabs * self.operator.step_length
        estimate = self.extended.copy()
        estimate[:, *self.operator.inside[1:]] = np.pad(
            volume, ((before, before), (0, 0), (0, 0)), mode="edge"
        )
        return self._consistent(estimate, rng, tolerance)

    def _consistent(
        self, estimate: np.ndarray, rng: np.random.Generator | None, tolerance: float
    ) -> np.ndarray:
        facts = self.facts
        if facts.consistency == "none":
            return estimate
        target, damping = facts.measured, self._least_damping
        if facts.consistency == "noise":
            target, damping = facts.denoised, DAMPING * self._noise_over_signal**0.5
            if rng is not None:
                # As for disjoint slabs: perturbing what was measured draws from the posterior.
                left = NOISE_LEFT * np.sqrt(facts.variance)
                target = target + left * rng.standard_normal(target.shape, dtype=np.float32)
        return make_consistent_through(
            estimate,
            target,
            self.operator,
            damping=damping * self.operator.squared_norm,
            floor=None if facts.consistency == "exact" else self._floor,
            tolerance=tolerance * facts.scale.span,
            check=self.check,
        )

    @cached_property
    def _floor(self) -> np.ndarray:
        """Lower bound of the extended volume: the dark level, or what was measured where that is lower."""
        measured, dark = self.facts.measured, self.facts.acquisition.dark_level
        lowest = self.operator.lowest(measured) if measured.min() < dark else np.inf
        return np.asarray(np.minimum(np.float32(dark), lowest))

    @cached_property
    def _least_damping(self) -> float:
        """Noise over signal where exact consistency would amplify noise; else none."""
        if self.operator.is_straight and self.operator.condition < ILL_CONDITIONED:
            return 0.0
        return self._noise_over_signal

    @cached_property
    def _noise_over_signal(self) -> float:
        """The variance of the noise in the usual pixel over that of the projections."""
        noise, signal = float(np.median(self.facts.variance)), float(self.facts.measured.var())
        return noise / max(signal, 1e-30)
