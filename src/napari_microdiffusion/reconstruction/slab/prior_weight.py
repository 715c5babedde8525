"""How far a run's prior is to be trusted, as its own projections tell."""

from typing import TYPE_CHECKING

import numpy as np

from ...diffusion.prior_weight import prior_weight
from ...diffusion.slab import MAX_DIFFUSION_STEP_LENGTH, compose, network_inputs
from ...diffusion.statistics import statistics
from ...interpolation import INTERPOLATIONS, logspline
from ...optics import ProjectionOperator
from ...optics.operators.thick_slabs import thicken
from ..run import Run

if TYPE_CHECKING:
    from ...diffusion.preconditioning import Denoiser
    from ...diffusion.prior import Prior

# A piece this large says as much as the whole image and costs a fraction of a second.
_SIDE = 160
_SLABS = 16


def measure_trust(run: Run, denoiser: "Denoiser", side: int = _SIDE) -> float:
    """The factor on what the prior adds to the guide, 0 to 1; 1 where the stack allows no test.

    The test starts from the run's kind of guide, but from the log-spline instead of an INR, which would take
    too long to fit and is close to it. Of the projections it takes a piece of at most `side` pixels square.
    """
    middle = _middle(run, min(side, _SIDE))
    thick = thicken(middle, run.operator, MAX_DIFFUSION_STEP_LENGTH)
    if thick is None:
        return 1.0
    operator = ProjectionOperator(thick.profile)
    interpolation = INTERPOLATIONS.get("nearest" if run.config.guide == "none" else run.config.guide)
    if interpolation is not None:
        guide = interpolation(thick.projections, operator.step_length)
    else:
        guide = logspline(thick.projections, operator, run.noise_level, pedestal=run.pedestal)
    # From the unit of the guide to that of what the prior sees.
    unit = np.float32(run.scale.span / run.prior_scale.span)
    projections = unit * thick.projections
    known = statistics(projections, operator.step_length)
    problem = network_inputs(projections, unit * guide, operator, run.prior_noise, known)
    orders, residual = problem.guide_orders, denoiser.expected_residual(problem)
    return prior_weight(
        thick,
        compose(projections, orders, operator) / unit,
        compose(projections, orders + residual, operator) / unit,
    )


def unfamiliar(sample: np.ndarray, prior: "Prior") -> str | None:
    """A warning if the statistics of a stack are unlike those that the prior was trained on."""
    known = prior.distribution
    # Of a stack that is too small, no statistics are known.
    if known is None or not np.isfinite(sample).all():
        return None
    distance = known.score(sample)
    if distance <= known.limit:
        return None
    reasons = " and ".join(known.most_unusual(sample))
    return (
        "Unlike anything the prior was trained on "
        f"({reasons}; distance {distance:.1f}, limit {known.limit:.1f}): trust the uncertainty."
    )


def _middle(run: Run, side: int) -> np.ndarray:
    """The middle of the projections, in unit intensities, no larger than the test needs."""
    starts = [
        max(0, (size - most) // 2)
        for size, most in zip(run.projections.shape, (_SLABS, side, side), strict=True)
    ]
    z, y, x = starts
    return run.scale.to_unit(run.projections[z : z + _SLABS, y : y + side, x : x + side])
