"""Axial profiles: how much each of a slab's slices contributes to its projection."""

import numpy as np

BEAMS = ("uniform", "bessel", "airy")

# An Airy beam keeps more of its energy on the side its tail comes from; the value only sets how lopsided.
_AIRY_SKEW = 0.25


def axial_profile(beam: str, step_length: int) -> np.ndarray:
    """Axial weights of a beam whose full width at half maximum is the step length, cut to one slab.

    Parameters
    ----------
    beam : {"uniform", "bessel", "airy"}
        `uniform` is the paper's idealisation: every slice counts the same. `bessel` is the Gaussian axial
        intensity exp(-4 ln 2 (z/FWHM)^2) of a Bessel focus made with a Gaussian annulus. `airy` is the same
        width with its maximum shifted towards one end; its lateral bending is not part of the profile.
    step_length : int
        Slices per slab, n.

    Returns
    -------
    ndarray, shape (n,), float64
        Non-negative weights that sum to 1.
    """
    if beam not in BEAMS:
        raise ValueError(f"unknown beam {beam!r}")
    if beam == "uniform":
        return np.full(step_length, 1.0 / step_length)
    z = np.arange(step_length) - (step_length - 1) / 2
    if beam == "airy":
        z = z + _AIRY_SKEW * step_length
    weights = np.exp(-4 * np.log(2) * (z / step_length) ** 2)
    return np.asarray(weights / weights.sum())
