"""Lateral denoising of projections whose noise is known: sliding cosine transforms of stabilised counts.

The generalised Anscombe transform makes the noise of photons and read-out one everywhere. Every window of
6 x 6 pixels is then thresholded in its cosine transform (Yaroslavsky, Egiazarian and Astola 2001), and the
result tells, in a second pass, by how much each coefficient stands out of the noise: an empirical Wiener
filter, as the second step of BM3D (Dabov et al. 2007) without its block matching. Overlapping windows are
averaged, those with few coefficients counting more. The unbiased inverse is Makitalo and Foi's (2013).
"""

from collections.abc import Callable
from functools import cache

import numpy as np
import scipy
from numpy.lib.stride_tricks import sliding_window_view

from ..operators.conjugate_gradients import unchecked
from .noise import NoiseModel

_SIDE = 6
# Coefficients below so many standard deviations of the noise are noise, in the first pass.
_THRESHOLD = 2.7
# Pixels transformed at once; bounds the memory to some tens of megabytes.
_PIXELS = 65_536
# The least photon gain, relative to the read noise, for which the transform is still exact in practice.
_LEAST_GAIN = 1e-4


def denoise(projections: np.ndarray, noise: NoiseModel, check: Callable[[], None] = unchecked) -> np.ndarray:
    """Projections without most of their noise, each for itself.

    Parameters
    ----------
    projections : ndarray, shape (N, H, W)
        Any unit.
    noise : NoiseModel
        In the same unit. Without noise the projections are returned as they are.
    check : callable
        Called before each projection; may raise to leave.

    Returns
    -------
    ndarray, shape (N, H, W), float32
        The unit of the projections.
    """
    x = np.asarray(projections, dtype=np.float32)
    if noise.is_negligible:
        return x
    result = np.empty_like(x)
    for i, image in enumerate(x):
        check()
        result[i] = unstabilised(_filtered(stabilised(image, noise)), noise)
    return result


def denoise_volume(
    volume: np.ndarray, noise: NoiseModel, check: Callable[[], None] = unchecked
) -> np.ndarray:
    """A point-scanned volume without most of its noise: the mean of what its xy, zx and zy planes tell.

    Parameters
    ----------
    volume : ndarray, shape (D, H, W)
        Any unit; the noise of its voxels is independent.
    noise : NoiseModel
        In the same unit. Without noise the volume is returned as it is.
    check : callable
        Called before each plane; may raise to leave.

    Returns
    -------
    ndarray, shape (D, H, W), float32
    """
    x = np.asarray(volume, dtype=np.float32)
    if noise.is_negligible:
        return x
    total = np.zeros_like(x)
    for axis in range(3):
        total += np.moveaxis(denoise(np.moveaxis(x, axis, 0), noise, check), 0, axis)
    return total / np.float32(3)


def denoise_around(
    projections: np.ndarray, expected: np.ndarray, noise: NoiseModel, check: Callable[[], None] = unchecked
) -> np.ndarray:
    """Projections of which it is known what to expect: what differs from that beyond the noise is kept.

    Parameters
    ----------
    projections, expected : ndarray, shape (N, H, W)
    noise : NoiseModel
        Of the projections; without noise they are returned as they are.
    check : callable
        Called before each projection; may raise to leave.

    Returns
    -------
    ndarray, shape (N, H, W), float32
    """
    x = np.asarray(projections, dtype=np.float32)
    if noise.is_negligible:
        return x
    result = np.empty_like(x)
    for i, (image, known) in enumerate(zip(x, np.asarray(expected, np.float32), strict=True)):
        check()
        stable = stabilised(known, noise)
        result[i] = unstabilised(stable + _filtered(stabilised(image, noise) - stable), noise)
    return result


def stabilised(image: np.ndarray, noise: NoiseModel) -> np.ndarray:
    """Generalised Anscombe transform (Starck, Murtagh and Bijaoui 1998): noise of about one everywhere.

    Below the dark level, where the variance stays as it is there, it goes on straight.
    """
    gain, square = _in_photons(noise)
    counts = (image.astype(np.float64) - noise.dark_level) / gain
    lowest = 3 / 8 + square
    stable = 2 * np.sqrt(np.maximum(counts, 0) + lowest) + np.minimum(counts, 0) / np.sqrt(lowest)
    return np.asarray(stable, np.float32)


def unstabilised(stable: np.ndarray, noise: NoiseModel) -> np.ndarray:
    """The closed form of the transform's exact unbiased inverse."""
    gain, square = _in_photons(noise)
    lowest = 3 / 8 + square
    v = np.maximum(stable.astype(np.float64), 2 * np.sqrt(lowest))
    root = np.sqrt(1.5)
    counts = v**2 / 4 + root / 4 / v - 11 / 8 / v**2 + 5 * root / 8 / v**3 - 1 / 8 - square
    counts += np.minimum(stable - 2 * np.sqrt(lowest), 0) * np.sqrt(lowest)
    return np.asarray(counts * gain + noise.dark_level, np.float32)


def _in_photons(noise: NoiseModel) -> tuple[float, float]:
    """Grey levels of a photon, and the variance of the read noise in photons."""
    gain = max(noise.photon_gain, _LEAST_GAIN * noise.read_noise)
    return gain, (noise.read_noise / gain) ** 2


def _filtered(image: np.ndarray) -> np.ndarray:
    """The two passes, for noise of one."""
    windows = _transformed(image)
    kept = np.abs(windows) > _THRESHOLD
    kept[:, :, 0] = True
    first = _averaged(np.where(kept, windows, 0), 1 / kept.sum(2, dtype=np.float32), image.shape)
    energy = np.square(_transformed(first))
    gain = energy / (energy + 1)
    gain[:, :, 0] = 1
    return _averaged(windows * gain, 1 / np.square(gain).sum(2), image.shape)


@cache
def _basis() -> np.ndarray:
    """The cosine transform of a window: (36, 36)."""
    cosines = scipy.fft.dct(np.eye(_SIDE), axis=0, norm="ortho")
    return np.kron(cosines, cosines).astype(np.float32)


def _transformed(image: np.ndarray) -> np.ndarray:
    """Coefficients of all windows, also of those that reach over the edge: (rows, columns, 36)."""
    margin = _SIDE - 1
    padded = np.pad(image, margin, mode="symmetric" if min(image.shape) >= margin else "edge")
    windows = sliding_window_view(padded, (_SIDE, _SIDE))
    return windows.reshape(*windows.shape[:2], -1) @ _basis().T


def _averaged(coefficients: np.ndarray, weight: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The image whose pixels are weighted means over all windows that hold them."""
    rows, columns = weight.shape
    windows = (coefficients @ _basis()) * weight[:, :, None]
    margin = _SIDE - 1
    total = np.zeros((rows + margin, columns + margin), np.float32)
    share = np.zeros_like(total)
    for place in range(_SIDE**2):
        top, left = divmod(place, _SIDE)
        part = np.s_[top : top + rows, left : left + columns]
        total[part] += windows[:, :, place]
        share[part] += weight
    inner = np.s_[margin : margin + shape[0], margin : margin + shape[1]]
    return np.asarray(total[inner] / share[inner])
