"""Projections as a microscope with a long beam would have recorded them."""

import numpy as np

from ..errors import UserError
from .acquisition import Acquisition
from .operator import ProjectionOperator


def simulate_projections(
    volume: np.ndarray,
    acquisition: Acquisition,
    *,
    photons: float | None = None,
    read_noise: float = 0.0,
    seed: int | None = None,
) -> np.ndarray:
    """Project a point-scanned volume, with photon and read noise on request.

    Parameters
    ----------
    volume : ndarray, shape (Z, H, W)
        Non-negative intensities above the dark level. Slices beyond the last whole slab are dropped.
    acquisition : Acquisition
        Step length and beam.
    photons : float, optional
        Photons detected in one projection pixel at the volume's 99.9 percentile; None is noiseless.
    read_noise : float
        Standard deviation of the detector's noise, in the volume's grey levels.
    seed : int, optional
        Seed of the noise.

    Returns
    -------
    ndarray, shape (Z // n, H, W), float32
        In the volume's grey levels.

    Raises
    ------
    UserError
        If the volume has fewer slices than one slab.
    """
    n = acquisition.step_length
    slabs = len(volume) // n
    if slabs < 1:
        raise UserError(
            f"the volume has {len(volume)} slices, fewer than one slab of {n}; use a smaller step length"
        )
    operator = ProjectionOperator(acquisition.profile)
    projections = np.stack(
        [operator.project(volume[i * n : (i + 1) * n].astype(np.float64))[0] for i in range(slabs)]
    )
    rng = np.random.default_rng(seed)
    if photons is not None:
        gain = photon_gain(volume, photons, acquisition.dark_level)
        light = np.maximum(projections - acquisition.dark_level, 0)
        projections = acquisition.dark_level + rng.poisson(light / gain) * gain
    if read_noise:
        projections = projections + rng.normal(0, read_noise, projections.shape)
    return projections.astype(np.float32)


def photon_gain(volume: np.ndarray, photons: float, dark_level: float = 0.0) -> float:
    """Grey levels per photon when `photons` photons make the volume's 99.9 percentile."""
    bright = float(np.percentile(volume, 99.9)) - dark_level
    return max(bright, 1e-30) / photons
