"""What a careful person would do with noisy projections today: denoise them by standard means, interpolate.

The filters work on counts stabilised by the generalised Anscombe transform and are told the true noise, which
the methods that are compared with them are not.
"""

from collections.abc import Callable, Iterator
from functools import partial
from time import perf_counter

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter

from ..interpolation import INTERPOLATIONS
from ..optics import ProjectionOperator, make_consistent
from ..optics.detector.denoising import stabilised, unstabilised
from ..optics.detector.noise import NoiseModel


def filters() -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Filters of images (N, H, W) whose noise is one, by name."""
    from skimage.restoration import denoise_nl_means, denoise_tv_chambolle

    means = partial(
        denoise_nl_means, patch_size=5, patch_distance=7, h=0.8, sigma=1.0, fast_mode=True, channel_axis=None
    )
    found: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        f"gaussian {width}": partial(gaussian_filter, sigma=(0, width, width)) for width in (0.7, 1.0, 1.5)
    }
    for weight in (0.7, 1.5, 3.0):
        found[f"total variation {weight}"] = partial(_each, partial(denoise_tv_chambolle, weight=weight))
    return found | {"non-local means": partial(_each, means)}


def denoised_baselines(
    projections: np.ndarray, step_length: int, noise: NoiseModel
) -> Iterator[tuple[str, np.ndarray, float]]:
    """Volumes interpolated from denoised projections of a uniform beam.

    Parameters
    ----------
    projections : ndarray, shape (N, H, W)
    step_length : int
        n.
    noise : NoiseModel
        The true one.

    Yields
    ------
    name : str
        As "filter/interpolation".
    volume : ndarray, shape (N*n, H, W)
    seconds : float
    """
    stable = np.stack([stabilised(image, noise) for image in np.asarray(projections, np.float32)])
    for name, denoised in filters().items():
        started = perf_counter()
        images = unstabilised(denoised(stable), noise)
        spent = perf_counter() - started
        for interpolation in ("linear", "histospline", "cubic histospline"):
            started = perf_counter()
            if interpolation == "cubic histospline":
                volume = cubic_histospline(images, step_length)
            else:
                volume = INTERPOLATIONS[interpolation](images, step_length)
            yield f"{name}/{interpolation}", volume, spent + perf_counter() - started


def cubic_histospline(projections: np.ndarray, step_length: int) -> np.ndarray:
    """Differences, at slice edges, of the natural cubic spline through the cumulative sum; non-negative."""
    count, n = len(projections), step_length
    cumulative = np.concatenate([np.zeros_like(projections[:1]), np.cumsum(projections * n, 0)])
    spline = CubicSpline(np.arange(count + 1) * n, cumulative, axis=0, bc_type="natural")
    volume = np.diff(spline(np.arange(count * n + 1)), axis=0)
    return make_consistent(volume, projections, ProjectionOperator(np.full(n, 1 / n)), "nonnegative")


def _each(one: Callable[[np.ndarray], np.ndarray], images: np.ndarray) -> np.ndarray:
    return np.stack([one(image) for image in images])
