"""How far a run's prior is to be trusted, as its own projections tell."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ..diffusion.samplers import dpm_solver_2m, karras_sigmas
from ..diffusion.self_test import TEST_SAMPLES, spread_test
from ..diffusion.trust import trust
from .fallback import named_troubles
from .run import Run
from .thick_problem import ThickProblem

if TYPE_CHECKING:
    from ..diffusion.preconditioning import Denoiser
    from ..diffusion.prior import Prior

# A piece this large says as much as the whole image and costs a fraction of a second.
_SIDE = 160
# The same of what has to be sampled.
SAMPLED_SIDE = 96


def measure_trust(run: Run, denoiser: "Denoiser", side: int = _SIDE) -> float:
    """The factor on what the prior adds to the guide, 0 to 1; 1 where the stack allows no test.

    Of the projections it takes a piece of at most `side` pixels square.
    """
    test = ThickProblem.of(run, min(side, _SIDE))
    if test is None:
        return 1.0
    residual = denoiser.expected_residual(test.problem)
    return trust(test.thick, test.volume(np.zeros_like(residual)), test.volume(residual))


def measure_spread(run: Run, denoiser: "Denoiser", test: ThickProblem) -> Iterator[None]:
    """Find out what the spread of samples is worth on thick slabs; see `self_test.spread_test`.

    Yields after each of its evaluations, `TEST_SAMPLES` times the settings' steps; after the last the answer
    is in the run.
    """
    from ..diffusion.preconditioning import SIGMA_MIN, SIGMA_START

    with named_troubles():
        units, mean = denoiser.units(test.problem), denoiser.denoised(test.problem)
    sigmas = karras_sigmas(run.config.steps, SIGMA_MIN, SIGMA_START)
    samples = []
    for number in range(TEST_SAMPLES):
        noise = np.random.default_rng(number).standard_normal(mean.shape, dtype=np.float32)
        solver = dpm_solver_2m(mean + np.float32(SIGMA_START) * noise, sigmas)
        request = next(solver)
        while True:
            with named_troubles():
                clean = denoiser.denoised(test.problem, *request)
            yield
            try:
                request = solver.send(clean)
            except StopIteration as finished:
                samples.append(test.volume(finished.value * units))
                break
    expected = test.volume(run.trust * mean * units)
    run.tested_spread = spread_test(test.thick, expected, samples, run.noise_level)


def unfamiliar(sample: np.ndarray, prior: "Prior") -> str | None:
    """A warning if the statistics of a stack are unlike those that the prior was trained on."""
    known = prior.familiarity
    # Of a stack that is too small, no statistics are known.
    if known is None or not np.isfinite(sample).all():
        return None
    distance = known.distance(sample)
    if distance <= known.limit:
        return None
    reasons = " and ".join(known.strangest(sample))
    return (
        "Unlike anything the prior was trained on "
        f"({reasons}; distance {distance:.1f}, limit {known.limit:.1f}): trust the uncertainty."
    )
