"""Noise of the projections: how strong it is, and what can be said of the light beneath it."""

import numpy as np

from ..acquisition import Acquisition
from .intensity import IntensityScale

# Pixels with less than this share of the light of the brightest hundredth have none.
_DARK = 0.02
# 2x2 blocks of which a class must consist to tell of noise.
_FEWEST = 50
# Share of the pixels below the dark level that may be as dark as the darkest one, before they are clipped.
_ALIKE = 0.1
# Slabs, and pixels along each side, that tell how noisy a stack is.
_SLABS, _SIDE = 8, 512


def likely_variance(projections: np.ndarray, acquisition: Acquisition, scale: IntensityScale) -> np.ndarray:
    """Noise variance of each pixel, from the noise as stated, or else as the projections tell it.

    Parameters
    ----------
    projections : ndarray, shape (N, H, W)
        Grey levels.
    acquisition : Acquisition
        Whose photon gain and read noise count where either is stated.
    scale : IntensityScale
        Of the projections.

    Returns
    -------
    ndarray, shape (N, H, W), float32
        Grey levels squared.
    """
    if not acquisition.has_noise_model:
        dark = max(acquisition.dark_level, scale.background)
        gain, read = estimate_noise_model(projections, dark)
        stated = {"dark_level": dark, "photon_gain": gain, "read_noise": read}
        acquisition = acquisition.model_copy(update=stated)
    return acquisition.noise_variance(projections)


def noise_share(projections: np.ndarray, acquisition: Acquisition, scale: IntensityScale) -> float:
    """RMS of the noise relative to the projections' range, stated or estimated, in the middle of some slabs.

    Parameters
    ----------
    projections : ndarray, shape (N, H, W)
        Grey levels.
    acquisition : Acquisition
    scale : IntensityScale
        Of the projections.
    """
    rows, columns = (slice(max(0, (s - _SIDE) // 2), (s + _SIDE) // 2) for s in projections.shape[1:])
    slabs = np.unique(np.linspace(0, len(projections) - 1, _SLABS).round().astype(int))
    variance = likely_variance(projections[slabs, rows, columns], acquisition, scale)
    return float(np.sqrt(variance.mean(dtype=np.float64))) / scale.span


def estimate_noise(projections: np.ndarray) -> float:
    """Standard deviation of pixel noise, estimated from the diagonal differences of 2x2 pixels.

    The median absolute Haar diagonal coefficient over 0.6745 (Donoho and Johnstone 1994): edges are rare
    enough not to move the median, smooth structure cancels.

    Parameters
    ----------
    projections : ndarray, shape (N, H, W)

    Returns
    -------
    float
        In the projections' grey levels; 0 for images with less than 2x2 pixels.
    """
    diagonal = _two_by_two(projections)[1]
    return float(np.median(np.abs(diagonal)) / 0.6745) if diagonal.size else 0.0


def estimate_noise_model(projections: np.ndarray, dark_level: float = 0.0) -> tuple[float, float]:
    """Photon gain a and read noise b of the variance a*max(X - dark, 0) + b^2, from the projections alone.

    The variance of the diagonal differences of 2x2 pixels in twelve classes of local brightness with equally
    many pixels, of the smaller four in five of them, since edges make the large ones, and in one class of
    pixels without light, where these tell of anything; then the line a*x + b^2 with a, b^2 >= 0 that fits
    best, relative to the variances themselves. Fine structure passes for noise: the figures are rather too
    high than too low.

    Parameters
    ----------
    projections : ndarray, shape (N, H, W)
    dark_level : float
        In the projections' grey levels.

    Returns
    -------
    photon_gain, read_noise : float
        Grey levels per photon, and grey levels; both 0 for images too small to tell.
    """
    from scipy.optimize import nnls

    mean, diagonal = _two_by_two(projections)
    light = mean - dark_level
    lit = light[light > 0]
    seen = light > _DARK * np.percentile(lit, 99) if lit.size else np.zeros(light.shape, bool)
    if int(seen.sum()) < 12 * _FEWEST:
        return 0.0, estimate_noise(projections)
    order = np.argsort(light[seen])
    classes = [(light[seen][part], diagonal[seen][part]) for part in np.array_split(order, 12)]
    if (~seen).sum() >= _FEWEST and not _is_clipped(projections, dark_level):
        classes.append((np.maximum(light[~seen], 0), diagonal[~seen]))
    x = np.array([np.median(brightness) for brightness, _ in classes])
    variance = np.array([_trimmed_variance(d) for _, d in classes])
    weight = 1 / np.maximum(variance, 1e-12 + 1e-3 * variance.max())
    (gain, square), _ = nnls(np.stack([x, np.ones_like(x)], axis=1) * weight[:, None], variance * weight)
    return float(gain), float(np.sqrt(square))


def _is_clipped(projections: np.ndarray, dark_level: float) -> bool:
    """Whether the darkest pixels are cut off: many alike at the bottom have no noise to tell of."""
    dark = projections[projections <= dark_level]
    return not dark.size or float((dark == dark.min()).mean()) > _ALIKE


def _trimmed_variance(values: np.ndarray) -> float:
    """Variance by the smaller four fifths of the squares, which have 0.4377 of a normal one.

    Counts of a few photons have many differences of exactly zero, for which a median would be blind.
    """
    squares = np.sort(np.square(values))
    return float(squares[: int(0.8 * len(squares))].mean() / 0.4377)


def _two_by_two(projections: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and diagonal Haar coefficient of all 2x2 blocks of pixels, flat."""
    x = np.asarray(projections, dtype=np.float32)
    height, width = x.shape[1] // 2 * 2, x.shape[2] // 2 * 2
    a, b = x[:, :height:2, :width:2], x[:, :height:2, 1:width:2]
    c, d = x[:, 1:height:2, :width:2], x[:, 1:height:2, 1:width:2]
    return ((a + b + c + d) / 4).ravel(), ((a - b - c + d) / 2).ravel()


def relative_noise(projections: np.ndarray, span: float) -> float:
    """The estimated noise relative to the projections' range `span`, at most 0.2: more would be no image."""
    return min(estimate_noise(projections) / span, 0.2)


def local_light(projections: np.ndarray, variance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Local mean of each projection and the variance of the light around it.

    The statistics of the adaptive Wiener filter (Lee 1980) over 3x3 pixels: what the local variance exceeds
    the noise by is taken for structure.

    Parameters
    ----------
    projections, variance : ndarray, shape (N, H, W)
        The measurement and its noise variance.

    Returns
    -------
    mean, structure : ndarray, shape (N, H, W), float32
        In grey levels and grey levels squared; `structure` is not negative.
    """
    from scipy.ndimage import uniform_filter

    x = np.asarray(projections, dtype=np.float64)
    mean = uniform_filter(x, size=(1, 3, 3), mode="nearest")
    square = uniform_filter(x * x, size=(1, 3, 3), mode="nearest")
    structure = np.maximum(square - mean * mean - variance, 0)
    return mean.astype(np.float32), structure.astype(np.float32)
