"""Noise of the projections: how strong it is, and what can be said of the light beneath it."""

import numpy as np


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
    x = np.asarray(projections, dtype=np.float32)
    height, width = x.shape[1] // 2 * 2, x.shape[2] // 2 * 2
    if not height or not width:
        return 0.0
    x = x[:, :height, :width]
    diagonal = (x[:, ::2, ::2] - x[:, ::2, 1::2] - x[:, 1::2, ::2] + x[:, 1::2, 1::2]) / 2
    return float(np.median(np.abs(diagonal)) / 0.6745)


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
