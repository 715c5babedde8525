"""Volumes that were scanned point by point, as specimens beside the procedural ones."""

import numpy as np
from scipy.ndimage import zoom

# How often one is looked at along another axis than that of the scan.
_SIDEWAYS_SHARE = 0.3
# By how much it is enlarged, laterally and along the beam; a range of logarithms.
_LATERAL_ZOOM = (np.log(0.65), np.log(1.3))
_AXIAL_ZOOM = (np.log(0.6), np.log(1.6))
# Pixels along a side of a piece at least, so that a patch fits.
_LEAST = 52
# How often some of the light that all its voxels have is left.
_DARK_LEFT_SHARE = 0.5


def varied(volume: np.ndarray, side: int, rng: np.random.Generator) -> np.ndarray:
    """A piece of a scanned volume, sampled anew, so that a few volumes are many specimens.

    Parameters
    ----------
    volume : ndarray, shape (Z, H, W)
        Any intensities.
    side : int
        Longest side of the piece.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, shape (Z', H', W'), float32
        Non-negative, brightest structures near 1.
    """
    if rng.random() < _SIDEWAYS_SHARE and min(volume.shape) >= _LEAST:
        volume = np.transpose(volume, rng.permutation(3))
    across, along = np.exp(rng.uniform(*_LATERAL_ZOOM)), np.exp(rng.uniform(*_AXIAL_ZOOM))
    across = max(across, _LEAST / min(volume.shape[1:]))
    factors = (along, across, across)
    sizes = [min(size, int(np.ceil(side / f))) for size, f in zip(volume.shape, factors, strict=True)]
    starts = [int(rng.integers(whole - size + 1)) for whole, size in zip(volume.shape, sizes, strict=True)]
    z, y, x = (slice(start, start + size) for start, size in zip(starts, sizes, strict=True))
    piece = zoom(volume[z, y, x].astype(np.float32), factors, order=1, mode="nearest", grid_mode=True)
    dark, bright = np.percentile(piece, (0.5, 99.95))
    dark *= rng.uniform(0, 1) if rng.random() < _DARK_LEFT_SHARE else 1
    return np.maximum(piece - dark, 0) / max(float(bright - dark), 1e-6)
