"""Rigid motion between the frames of a video."""

import numpy as np
from scipy.ndimage import shift

from ..registration.search import structures

# Steps of a pixel to which a shift is found.
_STEPS = 10
# Largest shift that is believed, as a share of the image; and the shift in pixels that is left as it is.
_LARGEST, _SMALLEST = 0.2, 0.1
# What a shift must leave unexplained at most, relative to what is unexplained without: activity changes
# frames too, and shifts the peak of a correlation.
_BETTER = 0.9


def frame_shift(frame: np.ndarray, template: np.ndarray) -> tuple[float, float]:
    """How far a frame has moved (y, x) from a template, in pixels; none where no believable shift is found.

    Parameters
    ----------
    frame, template : ndarray, shape (N, H, W)
        Projections; their sum over the slabs is compared.
    """
    from skimage.registration import phase_cross_correlation

    still, now = structures(template), structures(frame)
    window = np.outer(*(np.hanning(size + 2)[1:-1] for size in frame.shape[1:])).astype(np.float32)
    # Not normalised: at the light of a video the phases of most frequencies are noise.
    found = phase_cross_correlation(
        now.sum(0) * window, still.sum(0) * window, upsample_factor=_STEPS, normalization=None
    )[0]
    y, x = (float(value) for value in found)
    if not _SMALLEST <= max(abs(y), abs(x)) <= _LARGEST * min(frame.shape[1:]):
        return 0.0, 0.0
    before, after = (1 - _likeness(image, still) for image in (now, moved_back(now, (y, x))))
    return (y, x) if after < _BETTER * before else (0.0, 0.0)


def moved_back(frame: np.ndarray, by: tuple[float, float]) -> np.ndarray:
    """A frame (N, H, W) where the template has it, float32."""
    image = np.asarray(frame, np.float32)
    if max(abs(by[0]), abs(by[1])) < _SMALLEST:
        return image
    return np.asarray(shift(image, (0, -by[0], -by[1]), order=3, mode="nearest"), np.float32)


def _likeness(one: np.ndarray, other: np.ndarray) -> float:
    """Correlation coefficient of structures, whose mean is about zero."""
    energy = float(np.square(one).sum()) * float(np.square(other).sum())
    return float((one * other).sum()) / float(np.sqrt(energy)) if energy > 0 else 0.0
