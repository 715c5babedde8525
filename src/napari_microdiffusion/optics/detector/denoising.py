"""Lateral denoising of projections whose noise is known: sliding cosine transforms of stabilised counts.

The generalised Anscombe transform makes the noise of photons and read-out one everywhere. Every window of
6 x 6 pixels is then thresholded in its cosine transform (Yaroslavsky, Egiazarian and Astola 2001), and the
result tells, in a second pass, by how much each coefficient stands out of the noise: an empirical Wiener
filter, as the second step of BM3D (Dabov et al. 2007) without its block matching. Overlapping windows are
averaged, those with few coefficients counting more. The unbiased inverse is Makitalo and Foi's (2013).
"""

from collections.abc import Callable
from functools import cache
from typing import Literal

import numpy as np
import scipy

from ..operators.conjugate_gradients import unchecked
from .noise import NoiseModel

_SIDE = 6
# Coefficients below so many standard deviations of the noise are noise, in the first pass.
_THRESHOLD = 2.7
# Windows changed at once: their coefficients should fit into a processor's own memory.
_PIXELS = 4_096
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
    first = _mean_of_windows(_thresholded, image)
    return _mean_of_windows(_attenuated, image, first)


def _thresholded(windows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients that stand out, and the weight of each window: one over how many there are."""
    kept = np.abs(windows) > _THRESHOLD
    kept[0] = True
    return windows * kept, 1 / kept.sum(0, dtype=np.float32)


def _attenuated(windows: np.ndarray, first: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients as far as the first pass says that they are more than noise, and the windows' weights."""
    gain = np.square(first)
    gain /= gain + 1
    gain[0] = 1
    return windows * gain, 1 / np.einsum("kij,kij->ij", gain, gain)


def _mean_of_windows(
    changed: Callable[..., tuple[np.ndarray, np.ndarray]], image: np.ndarray, *others: np.ndarray
) -> np.ndarray:
    """The image whose pixels are weighted means over all windows that hold them, once these are changed.

    Windows that reach over the edge take part. They are changed a few rows at a time, which is several times
    as fast as all at once, and bounds the memory.

    Parameters
    ----------
    changed : callable
        From coefficients, shape (36, rows, columns), of the windows of each image to those of the result and
        weights, shape (rows, columns).
    image, *others : ndarray, shape (H, W)
    """
    margin, (height, width) = _SIDE - 1, image.shape
    mode: Literal["symmetric", "edge"] = "symmetric" if min(image.shape) >= margin else "edge"
    padded = [np.pad(one, margin, mode=mode) for one in (image, *others)]
    rows, columns = height + margin, width + margin
    total = np.zeros((rows + margin, columns + margin), np.float32)
    share = np.zeros_like(total)
    at_once = max(1, _PIXELS // columns)
    for top in range(0, rows, at_once):
        count = min(at_once, rows - top)
        coefficients, weight = changed(*(_transformed(one[top : top + count + margin]) for one in padded))
        windows = _turned(_cosines().T, coefficients) * weight
        for place in range(_SIDE**2):
            down, right = divmod(place, _SIDE)
            part = np.s_[top + down : top + down + count, right : right + columns]
            total[part] += windows[place]
            share[part] += weight
    inner = np.s_[margin : margin + height, margin : margin + width]
    return np.asarray(total[inner] / share[inner])


@cache
def _cosines() -> np.ndarray:
    """The cosine transform of a window's row or column: (6, 6)."""
    return np.asarray(scipy.fft.dct(np.eye(_SIDE), axis=0, norm="ortho"), np.float32)


def _turned(matrix: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """A matrix (6, 6) applied to the rows and to the columns of windows (36, rows, columns)."""
    # No matrix product of NumPy's: in its last digit it depends on how many threads share it.
    rows = np.einsum("ab,bm->am", matrix, windows.reshape(_SIDE, -1)).reshape(_SIDE, _SIDE, -1)
    return np.einsum("ab,cbm->cam", matrix, rows).reshape(windows.shape)


def _transformed(image: np.ndarray) -> np.ndarray:
    """Coefficients of all windows that lie in an image: (36, rows, columns)."""
    rows, columns = (size - _SIDE + 1 for size in image.shape)
    windows = np.empty((_SIDE**2, rows, columns), np.float32)
    for place in range(_SIDE**2):
        down, right = divmod(place, _SIDE)
        windows[place] = image[down : down + rows, right : right + columns]
    return _turned(_cosines(), windows)
