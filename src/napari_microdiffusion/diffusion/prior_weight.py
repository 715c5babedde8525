"""The self-supervised weight of the prior: what it is worth on one sample, measured on the sample itself.

Two neighbouring slabs averaged are a slab of twice the thickness whose halves are known. Reconstructing
from such thick slabs and looking at the halves tells, without any ground truth, whether what the prior adds
to the guide points the right way on this tissue under this microscope, and whether it goes too far.
"""

import numpy as np

from ..optics.operators.thick_slabs import ThickSlabs

# The brightest share of the light that the error of thick slabs is told for.
_BRIGHT = 0.1
# Weight of the presumption that the prior is right, relative to the energy that there was to explain.
PRESUMPTION = 0.6


def prior_weight(thick: ThickSlabs, guide: np.ndarray, mean: np.ndarray) -> float:
    """The factor on what the prior adds to the guide that fits the known halves best, 0 to 1.

    Parameters
    ----------
    thick : ThickSlabs
    guide, mean : ndarray, shape (N // 2 * len(profile), H, W)
        The guide and the posterior mean for the thick slabs.

    Returns
    -------
    float
        The least-squares factor, drawn towards 1 where there is little evidence.
    """
    from_guide = thick.differences_of(guide)
    added = thick.differences_of(mean) - from_guide
    missing = thick.differences - from_guide
    presumed = PRESUMPTION * float((missing**2).sum())
    factor = (float((added * missing).sum()) + presumed) / (float((added**2).sum()) + presumed + 1e-12)
    return min(max(factor, 0.0), 1.0)


def self_test_error(thick: ThickSlabs, mean: np.ndarray) -> float | None:
    """How far a posterior mean for thick slabs lies from their known halves, relative to the light there.

    Parameters
    ----------
    thick : ThickSlabs
    mean : ndarray, shape (N // 2 * len(profile), H, W)

    Returns
    -------
    float or None
        RMS error of the difference between halves in the brightest tenth of the thick slabs, over their mean
        light: 0 where the halves are foretold, 2 where all light lies in the other half; None without light.
    """
    bright = thick.projections >= np.quantile(thick.projections, 1 - _BRIGHT)
    light = float(thick.projections[bright].mean())
    if light <= 0:
        return None
    error = (thick.differences_of(mean) - thick.differences)[bright]
    return float(np.sqrt(np.square(error).mean())) / light
