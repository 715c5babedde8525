"""From how far samples lie from the posterior mean to a standard deviation that can be relied on."""

from typing import TYPE_CHECKING

import numpy as np

from ...diffusion.calibration import combined, sample_spread
from ..facts import StackFacts

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

    Returns
    -------
    ndarray, shape (n, H, W), float32
        In grey levels; with a calibration, the normal 90 % interval holds nine in ten true voxels.
    """
    span = facts.scale.span
    deviation = combined(sample_spread(squares / span**2, samples), _taken_over(facts, slab))
    if calibration is not None:
        deviation = calibration.apply(deviation, facts.scale.to_unit(slices), statistics)
    return np.asarray(deviation * span, dtype=np.float32)


def _taken_over(facts: StackFacts, slab: int) -> float | np.ndarray:
    """Noise of a projection that an exactly consistent volume contains, in unit intensities."""
    if facts.consistency in ("none", "noise"):
        # With `noise` the samples perturb the measurement themselves.
        return 0.0
    # Through a beam, the slab's own projection stands for all that see it.
    return np.asarray(np.sqrt(facts.variance[slab]) / facts.scale.span)
