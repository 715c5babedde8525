"""The noise of a video's frames, measured from frame to frame (photon transfer)."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..optics import Acquisition
from ..optics.detector.noise import NoiseModel

# Classes of brightness that the line is fitted through, and the fewest pixels of one.
_CLASSES, _FEWEST = 16, 50


def frame_noise(frames: Sequence[Any], acquisition: Acquisition) -> NoiseModel:
    """The noise of a frame: as stated, or as neighbouring frames differ.

    Of each pixel half the mean square difference of neighbouring frames is the variance, where the tissue
    hardly changes in between; the median in classes of brightness leaves out where it does.

    Parameters
    ----------
    frames : sequence of ndarray, shape (V*N, H, W)
        Some neighbouring frames, at least 2.
    acquisition : Acquisition
        Whose photon gain and read noise count where either is stated.
    """
    from scipy.optimize import nnls

    if acquisition.has_noise_model:
        gain, read = acquisition.photon_gain or 0.0, acquisition.read_noise or 0.0
        return NoiseModel(gain, read, acquisition.dark_level)
    stack = np.stack([np.asarray(frame, np.float32) for frame in frames])
    mean = stack.mean(0).ravel()
    variance = np.square(np.diff(stack, axis=0)).mean(0).ravel() / 2
    order = np.argsort(mean)
    parts = np.array_split(order, max(1, min(_CLASSES, len(order) // _FEWEST)))
    # The median of a mean of squares lies below it: by the median of chi square over its mean.
    freedom = max(len(stack) - 1, 1)
    usual = (1 - 2 / (9 * freedom)) ** 3
    light = np.array([float(mean[part].mean()) for part in parts])
    noise = np.array([float(np.median(variance[part])) for part in parts]) / usual
    dark = float(light[0])
    weight = 1 / np.maximum(noise, 1e-3 * noise.max() + 1e-12)
    design = np.stack([light - dark, np.ones_like(light)], 1)
    (gain, square), _ = nnls(design * weight[:, None], noise * weight)
    return NoiseModel(float(gain), float(np.sqrt(square)), dark)
