"""What a run's prior is worth on its own projections, tested on thick slabs whose halves are known."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...diffusion.prior_weight import prior_weight, self_test_error
from ...diffusion.slab import MAX_DIFFUSION_STEP_LENGTH, compose, network_inputs
from ...diffusion.statistics import statistics
from ...interpolation import INTERPOLATIONS, logspline
from ...optics import ProjectionOperator
from ...optics.operators.thick_slabs import thicken
from ..conditioning import Conditioning

if TYPE_CHECKING:
    from ...diffusion.preconditioning import Denoiser

# A piece this large says as much as the whole image and costs a fraction of a second.
_SIDE = 160
_SLABS = 16


@dataclass(frozen=True)
class SelfTest:
    """What thick slabs of the sample tell of its prior."""

    weight: float = 1.0
    """The factor on what the prior adds to the guide, 0 to 1; 1 where the stack allows no test."""
    error: float | None = None
    """Of the posterior mean relative to the light, see `self_test_error`; None where there is no test."""


def measure_prior_weight(conditioning: Conditioning, denoiser: "Denoiser", side: int = _SIDE) -> SelfTest:
    """Reconstruct thick slabs and look at their halves.

    The test starts from the run's kind of guide, but from the log-spline instead of an INR, which would take
    too long to fit and is close to it. Of the projections it takes a piece of at most `side` pixels square.
    """
    facts = conditioning.facts
    stacks = [part[:, *facts.whole] for part in (conditioning.projections, conditioning.measured)]
    piece = _middle(stacks[0], min(side, _SIDE))
    thick, measured = (
        thicken(facts.scale.to_unit(part[piece]), facts.operator, MAX_DIFFUSION_STEP_LENGTH)
        for part in stacks
    )
    if thick is None or measured is None:
        return SelfTest()
    operator, kind = ProjectionOperator(thick.profile), facts.config.guide
    interpolation = INTERPOLATIONS.get("nearest" if kind == "none" else kind)
    if interpolation is not None:
        guide = interpolation(thick.projections, operator.step_length)
    else:
        pedestal = conditioning.pedestal
        guide = logspline(
            thick.projections, operator, facts.noise_level, pedestal=pedestal, check=facts.check
        )
    facts.check()
    # From the unit of the guide to that of what the prior sees.
    unit = np.float32(facts.scale.span / facts.prior_scale.span)
    projections = unit * thick.projections
    known = statistics(projections, operator.step_length)
    # The mean of two projections has half the variance of one.
    noise = conditioning.noise.averaged(2)
    inputs = network_inputs(projections, unit * guide, operator, noise, known, unit * measured.projections)
    orders, residual = inputs.first_orders, denoiser.expected_residual(inputs)
    first, mean = compose(orders, operator) / unit, compose(orders + residual, operator) / unit
    weight = prior_weight(thick, first, mean)
    return SelfTest(weight, self_test_error(thick, first + np.float32(weight) * (mean - first)))


def _middle(projections: np.ndarray, side: int) -> tuple[slice, ...]:
    """The middle of the projections, no larger than the test needs."""
    sizes = zip(projections.shape, (_SLABS, side, side), strict=True)
    return tuple(
        slice(start, start + most) for size, most in sizes for start in (max(0, (size - most) // 2),)
    )
