"""A run whose beam leaves its slab, sideways or along z: how its volume is brought to agree.

The guide is made through the true operator, so it lies in specimen space for any beam. From there on the
slabs of the volume are treated as if a uniform beam had recorded them: the guide's slab means stand in for
projections, the diffusion adds what lies within slabs, and the whole volume is then brought to agree with
what was measured. No other network is needed, and the last word is the measurement's. Two mirrored views
leave so little open that the prior takes away more than it adds; there the guide is the result.
"""

from collections.abc import Callable

import numpy as np

from ..optics import Acquisition, BeamOperator, IntensityScale, ProjectionOperator, agree_through
from ..optics.detector.noise import local_light

# Condition number of A A^T from which exact agreement would amplify noise more than threefold.
ILL_CONDITIONED = 10.0
# Misfit of the log-spline that is none of the beam's, relative to the range; and how many times noise and
# this a misfit must be to tell that the beam is not as stated.
MODEL_ERROR, CONTRADICTED = 0.005, 1.3
# How closely the iterations agree, relative to the projections' range: at the end, and before another pass.
FINAL, PASSING = 1e-5, 3e-4


class ThroughBeam:
    """The extended volume of a run and its agreement with the measurement.

    Parameters
    ----------
    measured : ndarray, shape (V*N, H, W)
        Projections of all views, grey levels.
    acquisition : Acquisition
    consistency : str
        One of `optics.CONSISTENCIES`.
    scale : IntensityScale
        Of the measurement.
    variance : ndarray, shape (V*N, H, W)
        Its noise variance, grey levels squared.
    check : callable
        Called often; may raise to leave.
    """

    def __init__(
        self,
        measured: np.ndarray,
        acquisition: Acquisition,
        consistency: str,
        scale: IntensityScale,
        variance: np.ndarray,
        check: Callable[[], None],
    ) -> None:
        count, height, width = measured.shape
        shape = (count // acquisition.views, height, width)
        self.operator = BeamOperator(acquisition.beams, acquisition.step_length, shape)
        self.measured = measured
        self.consistency = consistency
        self.scale = scale
        self.variance = variance
        self.check = check
        self.extended = np.zeros(self.operator.extended_shape, np.float32)
        lowest = self.operator.lowest(measured) if measured.min() < acquisition.dark_level else np.inf
        self._floor = np.minimum(np.float32(acquisition.dark_level), lowest)
        if consistency == "noise":
            self._mean, self._structure = local_light(measured, variance)

    def start(self, extended: np.ndarray) -> np.ndarray:
        """Take the guide's extended volume, in grey levels; returns the volume proper, agreeing."""
        self.extended = self._agreed(np.asarray(extended, np.float32), None, PASSING)
        return np.array(self.operator.crop(self.extended))

    def contradiction(self, extended: np.ndarray) -> str | None:
        """A warning where neighbouring slabs differ more than a beam as wide as this one lets them.

        Overlapping beams share light, so not all projections are possible: a beam that is taken for too wide,
        or a step for too short, leaves a misfit beyond the noise. The opposite error leaves none.

        Parameters
        ----------
        extended : ndarray
            The log-spline guide before it was brought to agree, grey levels.
        """
        if not self.operator.is_straight:
            return None
        misfit = self.operator.project(np.maximum(extended, self._floor)) - self.measured
        allowed = self.variance + (MODEL_ERROR * self.scale.span) ** 2
        ratio = float(np.sqrt((misfit**2 / allowed).mean()))
        if ratio < CONTRADICTED:
            return None
        return (
            f"Neighbouring slabs differ more than this beam lets them ({ratio:.1f} times the noise): it may "
            "be narrower, or the step longer, than stated. Check the beam's width and the step."
        )

    def agree(
        self, volume: np.ndarray, rng: np.random.Generator | None = None, tolerance: float = FINAL
    ) -> np.ndarray:
        """Bring a volume (N*n, H, W) into the chosen agreement; what lies before and behind continues it.

        Parameters
        ----------
        volume : ndarray
            Grey levels.
        rng : numpy.random.Generator, optional
            Given for a posterior sample, which perturbs the measurement where agreement is noise-aware.
        tolerance : float
            How closely the iterations agree, relative to the projections' range.
        """
        # Beside the image the guide knows more, from what beams brought in; before and behind it the volume.
        before = self.operator.virtual_slabs * self.operator.step_length
        estimate = self.extended.copy()
        estimate[:, *self.operator.inside[1:]] = np.pad(
            volume, ((before, before), (0, 0), (0, 0)), mode="edge"
        )
        agreed = self._agreed(estimate, rng, tolerance)
        if rng is None:
            self.extended = agreed
        return np.array(self.operator.crop(agreed))

    def _agreed(self, estimate: np.ndarray, rng: np.random.Generator | None, tolerance: float) -> np.ndarray:
        if self.consistency == "none":
            return estimate
        tolerance, floor = tolerance * self.scale.span, self._floor
        if self.consistency != "noise":
            is_floored = self.consistency == "nonnegative"
            return agree_through(
                estimate,
                self.measured,
                self.operator,
                damping=self._least_damping(),
                floor=floor if is_floored else None,
                tolerance=tolerance,
                check=self.check,
            )
        mean, measured = self._mean, self.measured
        if rng is not None:
            # As for disjoint slabs: perturbing prior mean and measurement draws from the posterior.
            mean = mean + np.sqrt(self._structure) * rng.standard_normal(mean.shape, dtype=np.float32)
            measured = measured + np.sqrt(self.variance) * rng.standard_normal(mean.shape, dtype=np.float32)
        norm = self.operator.squared_norm
        centred = agree_through(
            estimate,
            mean,
            self.operator,
            damping=max(self._least_damping(), 1e-3 * norm),
            tolerance=tolerance,
            check=self.check,
        )
        damping = norm * self.variance / np.maximum(self._structure, 1e-3 * self.variance + 1e-12)
        return agree_through(
            centred,
            measured,
            self.operator,
            damping=damping,
            floor=floor,
            tolerance=tolerance,
            check=self.check,
        )

    def _least_damping(self) -> float:
        """Noise over signal where exact agreement would amplify noise; else none."""
        if self.operator.is_straight and self.operator.condition < ILL_CONDITIONED:
            return 0.0
        noise, signal = float(np.median(self.variance)), float(self.measured.var())
        return self.operator.squared_norm * noise / max(signal, 1e-30)

    def slab_means(self, volume: np.ndarray) -> np.ndarray:
        """What a uniform beam would have recorded of a volume, (N*n, H, W) to (N, H, W)."""
        n = self.operator.step_length
        return np.asarray(ProjectionOperator(np.full(n, 1 / n)).project(volume))

    def by_view(self) -> np.ndarray:
        """The mean of the views, shape (N, H, W): what a first look may take for plain projections."""
        return self.measured.reshape(self.operator.views, *self.operator.shape).mean(0)

    def reprojected(self) -> np.ndarray:
        """What would have been measured of the extended volume, shape (V*N, H, W), grey levels."""
        return np.asarray(self.operator.project(self.extended))

    def reprojection_max(self) -> float:
        """Largest disagreement of the extended volume with the measurement, grey levels."""
        return float(np.abs(self.reprojected() - self.measured).max())
