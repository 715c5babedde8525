"""From how far samples lie from the posterior mean to a standard deviation that can be relied on."""

from typing import TYPE_CHECKING

import numpy as np

from ...diffusion.calibration import combined, sample_spread
from ..facts import StackFacts

# Half of the light to either side is all that a slice can hold.
OPEN_SHARE = 0.5
# Of the projections' range: more light than this in one slice is a rarity, where slabs are filled unevenly.
MOST_LIGHT = 1.5
# Of a stack too short for the test.
UNTESTED_SHARE = 0.1
# Errors of the self-test up to which samples alone are believed, and from which nothing is.
TRUSTED_ERROR = (0.9, 1.6)

if TYPE_CHECKING:
    from ...diffusion.calibration import Calibration


def slab_deviation(
    facts: StackFacts,
    slices: np.ndarray,
    slab: int,
    squares: np.ndarray,
    samples: int,
    calibration: "Calibration | None",
    statistics: np.ndarray | None = None,
    share: float | np.ndarray = 0.0,
    unseen: float | np.ndarray = 0.0,
) -> np.ndarray:
    """The standard deviation in one slab.

    Parameters
    ----------
    facts : StackFacts
    slices : ndarray, shape (n, H, W)
        The posterior mean there, grey levels.
    slab : int
    squares : ndarray, shape (n, H, W)
        Mean square deviation of the samples, grey levels squared.
    samples : int
    calibration : Calibration, optional
        The prior's; without one the deviation is as the samples tell it.
    statistics : ndarray, optional
        Of the whole stack, for the calibration.
    share : float or ndarray, shape (H, W)
        Of the slab's light, or of `MOST_LIGHT` where it is more, from `open_share`, less what a reference
        tells.
    unseen : float or ndarray, shape (H, W)
        Variance that samples do not show, from `unseen_of_slab_means`.

    Returns
    -------
    ndarray, shape (n, H, W), float32
        In grey levels; with a calibration, the normal 90 % interval holds nine in ten true voxels.
    """
    span = facts.scale.span
    deviation = combined(sample_spread(squares / span**2, samples), noise_taken_over(facts, slab))
    if calibration is not None:
        deviation = calibration.apply(deviation, facts.scale.to_unit(slices), statistics)
    light = np.minimum(np.maximum(facts.scale.to_unit(slices), 0).sum(0), MOST_LIGHT)
    wide = np.square(deviation) + np.square(share * light) + unseen / span**2
    return np.asarray(np.sqrt(wide) * span, dtype=np.float32)


def unseen_of_slab_means(
    facts: StackFacts, slab: int, squares: np.ndarray, samples: int
) -> float | np.ndarray:
    """By how much slab means are more uncertain than samples show: they agree too well where it is bright.

    Parameters
    ----------
    facts : StackFacts
    slab : int
    squares : ndarray, shape (H, W)
        Mean square deviation of the samples' slab means, grey levels squared.
    samples : int

    Returns
    -------
    float or ndarray, shape (H, W)
        A variance, grey levels squared; zero where slab means are as measured, or are seen through several
        beams.
    """
    if facts.consistency != "noise" or not facts.acquisition.is_disjoint:
        return 0.0
    seen = np.square(sample_spread(squares[None], samples)[0])
    return np.maximum(facts.denoising_error.at(facts.denoised[slab]) - seen, 0)


def open_share(self_test_error: float | None, is_out_of_distribution: bool = False) -> float:
    """The share of a slab's light that every one of its slices is uncertain by, whatever samples tell.

    Samples agree with each other where the prior is sure, and it may be sure of what is wrong on tissue that
    it never saw. Thick slabs of the sample itself tell: where their halves are missed by as much as their
    light, a slice may hold anything between nothing and all the light of its slab. They widen intervals only.

    Parameters
    ----------
    self_test_error : float or None
        Relative to the light, from `self_test_error`; None where the stack allowed no test.
    is_out_of_distribution : bool
        Whether the projections lie beyond what the prior was trained on.

    Returns
    -------
    float
        0 to `OPEN_SHARE`.
    """
    if is_out_of_distribution:
        return OPEN_SHARE
    if self_test_error is None:
        return UNTESTED_SHARE
    trusted, missed = TRUSTED_ERROR
    position = np.log(max(self_test_error, trusted) / trusted) / np.log(missed / trusted)
    return float(OPEN_SHARE * min(position, 1.0))


def noise_taken_over(facts: StackFacts, slab: int) -> float | np.ndarray:
    """Noise of a projection that an exactly consistent volume contains, in unit intensities."""
    if facts.consistency in ("none", "noise"):
        # With `noise` it is the samples that say what is open of slab means.
        return 0.0
    # Through a beam, the slab's own projection stands for all that see it.
    return np.asarray(np.sqrt(facts.variance[slab]) / facts.scale.span)
