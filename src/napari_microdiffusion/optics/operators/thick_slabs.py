"""Thick slabs: pairs of neighbouring slabs averaged, whose halves are known.

They are to a slab what a slab is to a slice, and the truth about them is among the measurements: whatever
claims to tell what lies within a slab can be put to the test on them, without any ground truth.
"""

from dataclasses import dataclass

import numpy as np

from .disjoint_slabs import ProjectionOperator


@dataclass(frozen=True)
class ThickSlabs:
    """Projections as a beam twice as deep would have recorded them, and the halves they were made of."""

    projections: np.ndarray
    """Shape (N // 2, H, W)."""
    profile: np.ndarray
    """Axial weights of the deeper beam."""
    halves: np.ndarray
    """Shape (N // 2, 2, H, W)."""

    @property
    def differences(self) -> np.ndarray:
        """First half minus second half of each, shape (N // 2, H, W)."""
        return np.asarray(self.halves[:, 0] - self.halves[:, 1])

    def differences_of(self, volume: np.ndarray) -> np.ndarray:
        """The same of a volume (N // 2 * len(profile), H, W), as the beam of each half would have seen it."""
        weights = self.profile
        slabs = volume.reshape(-1, 2, len(weights) // 2, *volume.shape[1:])
        seen = (slabs * (2 * weights).reshape(1, 2, -1, 1, 1)).sum(2)
        return np.asarray(seen[:, 0] - seen[:, 1], dtype=np.float64)


def thicken(
    projections: np.ndarray, operator: ProjectionOperator, longest: int | None = None
) -> ThickSlabs | None:
    """Average pairs of slabs.

    Parameters
    ----------
    projections : ndarray, shape (N, H, W)
    operator : ProjectionOperator
    longest : int, optional
        Longest step length in use; where the deeper beam's is longer, pixels are averaged in pairs too, both
        ways, so that shapes keep.

    Returns
    -------
    ThickSlabs or None
        None where there are too few slabs, or halves of the deeper beam would not be whole slices.
    """
    n, x = operator.step_length, np.asarray(projections, dtype=np.float32)
    pairs = len(x) // 2
    profile = np.concatenate([operator.profile, operator.profile]) / 2
    if longest is not None and 2 * n > longest:
        # At half the lateral resolution a slab of 2n slices is n pixels deep again.
        height, width = x.shape[1] // 2, x.shape[2] // 2
        x = x[:, : 2 * height, : 2 * width].reshape(len(x), height, 2, width, 2).mean((2, 4))
        profile = profile.reshape(n, 2).sum(1)
    if pairs < 2 or len(profile) % 2 or len(profile) > (longest or len(profile)) or 0 in x.shape:
        return None
    halves = x[: 2 * pairs].reshape(pairs, 2, *x.shape[1:])
    return ThickSlabs(halves.mean(1), profile, halves)
