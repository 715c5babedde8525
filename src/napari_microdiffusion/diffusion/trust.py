"""How far a prior is to be trusted on one sample, measured on the sample itself.

Two neighbouring slabs averaged are a slab of twice the thickness whose halves are known. Reconstructing
from such thick slabs and looking at the halves tells, without any ground truth, whether what the prior adds
to the guide points the right way on this tissue under this microscope, and whether it goes too far.
"""

from dataclasses import dataclass

import numpy as np

from ..optics.operator import ProjectionOperator
from .slab import MAX_DIFFUSION_STEP_LENGTH

# Weight of the presumption that the prior is right, relative to the energy that there was to explain.
PRESUMPTION = 0.6


@dataclass(frozen=True)
class ThickSlabs:
    """Projections as a beam twice as deep would have recorded them, and the halves they were made of."""

    projections: np.ndarray
    """Shape (N // 2, H, W)."""
    profile: np.ndarray
    """Axial weights of the deeper beam."""
    halves: np.ndarray
    """Shape (N // 2, 2, H, W)."""


def thicken(projections: np.ndarray, operator: ProjectionOperator) -> ThickSlabs | None:
    """Average pairs of slabs; beyond the prior's longest step length, pixels too, so that shapes keep.

    Returns
    -------
    ThickSlabs or None
        None where there are too few slabs, or halves of the deeper beam would not be whole slices.
    """
    n, x = operator.step_length, np.asarray(projections, dtype=np.float32)
    pairs = len(x) // 2
    profile = np.concatenate([operator.profile, operator.profile]) / 2
    if 2 * n > MAX_DIFFUSION_STEP_LENGTH:
        # At half the lateral resolution a slab of 2n slices is n pixels deep again.
        height, width = x.shape[1] // 2, x.shape[2] // 2
        x = x[:, : 2 * height, : 2 * width].reshape(len(x), height, 2, width, 2).mean((2, 4))
        profile = profile.reshape(n, 2).sum(1)
    if pairs < 2 or len(profile) % 2 or len(profile) > MAX_DIFFUSION_STEP_LENGTH or 0 in x.shape:
        return None
    halves = x[: 2 * pairs].reshape(pairs, 2, *x.shape[1:])
    return ThickSlabs(halves.mean(1), profile, halves)


def trust(thick: ThickSlabs, guide: np.ndarray, mean: np.ndarray) -> float:
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
    weights = thick.profile

    def difference(volume: np.ndarray) -> np.ndarray:
        """First half minus second half of each thick slab, as their beams would have seen them."""
        slabs = volume.reshape(-1, 2, len(weights) // 2, *volume.shape[1:])
        seen = (slabs * (2 * weights).reshape(1, 2, -1, 1, 1)).sum(2)
        return np.asarray(seen[:, 0] - seen[:, 1], dtype=np.float64)

    from_guide = difference(guide)
    added = difference(mean) - from_guide
    missing = (thick.halves[:, 0] - thick.halves[:, 1]) - from_guide
    presumed = PRESUMPTION * float((missing**2).sum())
    factor = (float((added * missing).sum()) + presumed) / (float((added**2).sum()) + presumed + 1e-12)
    return min(max(factor, 0.0), 1.0)
