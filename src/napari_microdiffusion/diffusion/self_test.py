"""What the spread of samples is worth on one sample, measured on the sample itself.

On thick slabs, whose halves are known, the posterior mean errs by a known amount, and the spread of samples
says how much that should be. By which factor it is off there foretells by which it is off within slabs, on
tissue that training never saw too; `calibration` has learned how well.
"""

import numpy as np

from ..optics.thick_slabs import ThickSlabs
from .calibration import FLOOR, HALF_WIDTH, TESTED, sample_spread

# Samples that the test draws.
TEST_SAMPLES = 2
# Brightness of thick slabs between the bands that are told apart, relative to the projections' range.
_EDGES = (0.03, 0.15)
# Pixels that a band must have to tell anything.
_FEWEST = 50


def spread_test(thick: ThickSlabs, mean: np.ndarray, samples: list[np.ndarray], noise: float) -> np.ndarray:
    """By which factors the errors on thick slabs exceed what the samples say, dark to bright.

    Parameters
    ----------
    thick : ThickSlabs
        In unit intensities.
    mean : ndarray, shape (N // 2 * len(profile), H, W)
        Posterior mean for the thick slabs, unit intensities.
    samples : list of ndarray
        Samples, like the mean.
    noise : float
        Standard deviation of the noise of a projection, unit intensities.

    Returns
    -------
    ndarray, shape (TESTED,)
        Logarithms of the factors by which the spread would have to be multiplied for nine in ten differences
        between halves to lie in their 90 % interval; NaN where few pixels are so bright.
    """
    expected = thick.differences_of(mean)
    squares = np.mean([np.square(thick.differences_of(sample) - expected) for sample in samples], axis=0)
    spread = np.stack([sample_spread(slab[None], len(samples))[0] for slab in squares])
    # Both halves have noise of their own.
    deviation = np.sqrt(np.square(spread) + 2 * noise**2 + FLOOR**2)
    ratio = np.abs(thick.differences - expected) / deviation
    band = np.digitize(thick.projections, _EDGES)
    factors = np.full(TESTED, np.nan)
    for number in range(TESTED):
        inside = ratio[band == number]
        if len(inside) >= _FEWEST:
            factors[number] = np.log(max(float(np.quantile(inside, 0.9)), 1e-3) / HALF_WIDTH)
    return factors
