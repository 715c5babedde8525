"""A frame of the video as the structure, brighter or dimmer where its projections say so."""

import numpy as np
from scipy.ndimage import gaussian_filter

from ..optics.detector.noise import NoiseModel
from ..registration.forward import Forward
from .footprints import Footprints

# Widths in pixels over which what regions do not explain is looked for, from coarse to fine, and the misfit,
# in units of the noise, that is taken for noise.
_WIDTHS, _NOISE = (4.0, 1.2), 2.0
# Light below which no ratio is formed, relative to the brightest.
_LEAST = 1e-3
# Largest factor of a pixel beside that of its regions.
_MOST = 20.0


def modulated(
    light: np.ndarray,
    structure: np.ndarray,
    footprints: Footprints,
    brightness: np.ndarray,
    forward: Forward,
    noise: NoiseModel,
) -> np.ndarray:
    """The volume of one frame, above the dark level.

    Parameters
    ----------
    light : ndarray, shape (V*N, H, W)
        The frame above the dark level.
    structure : ndarray, shape (N*n, H, W)
    footprints : Footprints
    brightness : ndarray, shape (count,)
        Of the regions in this frame.
    forward : Forward
    noise : NoiseModel
        Of a frame, its dark level being that of the light.

    Returns
    -------
    ndarray, shape (N*n, H, W), float32
        Not negative; it re-projects onto the frame within the noise.
    """
    lit = np.maximum(brightness, 0).astype(np.float32)
    expected = footprints.projected(lit)
    least = np.float32(_LEAST * footprints.expected.max() + 1e-12)
    variance = np.square(noise.deviation(expected + np.float32(noise.dark_level)))
    kept = beyond_noise(light - expected, variance)
    ratio = np.clip(1 + kept / np.maximum(expected, least), 0, _MOST)
    return structure * lit[footprints.labels] * _spread(ratio, forward, structure.shape)


def beyond_noise(difference: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """What differences (N, H, W) show beyond their noise variance: coarse changes, then finer ones."""
    kept = np.zeros_like(difference)
    for width in _WIDTHS:
        window = (0, width, width)
        # The noise of a mean over the window.
        left = 1 / (4 * np.pi * width**2)
        change = gaussian_filter(difference - kept, window, mode="nearest", truncate=3)
        around = gaussian_filter(variance, window, mode="nearest", truncate=3) * np.float32(left)
        share = 1 - np.float32(_NOISE**2) * around / np.maximum(np.square(change), 1e-20)
        kept += np.maximum(share, 0) * change
    return kept


def _spread(ratio: np.ndarray, forward: Forward, shape: tuple[int, ...]) -> np.ndarray:
    """A factor of each projection's pixels as one of the voxels that it sees."""
    if forward.acquisition.is_disjoint:
        return np.repeat(ratio, forward.step_length, axis=0)
    return forward.mean_over_projections(ratio)
