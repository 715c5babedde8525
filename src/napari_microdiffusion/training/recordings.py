"""Recordings: what a microscope with a long beam and a real detector makes of a specimen."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..diffusion.slab import (
    MAX_DIFFUSION_STEP_LENGTH,
    NOISE_LEFT,
    first_orders,
    local_amplitude,
    slab_orders,
)
from ..diffusion.statistics import statistics
from ..errors import UserError
from ..interpolation import choose_pedestal, logspline
from ..optics import Acquisition, IntensityScale, ProjectionOperator
from ..optics.detector.denoising import denoise
from ..optics.detector.noise import AMBIGUOUS, MID_LIGHT, NoiseModel, estimate_noise_model
from .detector import Detector, draw_detector
from .settings import BatchSettings

# Step lengths up to 16; the usual ones more often.
_STEP_LENGTHS = np.arange(2, MAX_DIFFUSION_STEP_LENGTH + 1)
_STEP_SHARES = np.array([1, 1, 3, 2, 10, 2, 4, 2, 3, 1, 3, 1, 1, 1, 2], float) / 37
# What stands for a stack where every pixel would say no more.
_SPARSE = np.s_[:, ::8, ::8]
# How often the noise is estimated from the projections instead of stated; and by how much stated figures are
# wrong, as a standard deviation of their logarithm.
_ESTIMATED_SHARE = 0.35
_MISSTATED = 0.12
# Pixels along a side by which a recording is wider than a patch, and slices that it has at most.
_MARGIN, _DEEPEST = 32, 128
# Pieces that are tried until one shows structure.
_TRIES = 100


@dataclass(frozen=True, eq=False)
class Recording:
    """A stack of projections and the volume that it was recorded of, in the unit of what the prior sees."""

    volume: np.ndarray
    """Shape (N*n, H, W)."""
    measured: np.ndarray
    """Shape (N, H, W)."""
    denoised: np.ndarray
    noise: NoiseModel
    """As it is known to whoever reconstructs."""
    operator: ProjectionOperator
    pedestal: float
    statistics: np.ndarray
    error: float
    """Mean squared error of the first estimate, in some of the pixels."""
    light: np.ndarray
    """Mean square amplitude of each slab, relative to that of all, shape (N,)."""

    @property
    def noise_left(self) -> float:
        """Standard deviation of what denoising left of the noise."""
        return noise_left(self.noise)


def noise_left(noise: NoiseModel) -> float:
    """Standard deviation, at mid-range, of what denoising leaves of the noise."""
    return NOISE_LEFT * float(noise.deviation(np.array(MID_LIGHT)))


def record(volumes: Sequence[np.ndarray], settings: BatchSettings, rng: np.random.Generator) -> Recording:
    """Record one of the volumes at a random step length with a random detector.

    Raises
    ------
    UserError
        If piece after piece of them shows no structure.
    """
    for _ in range(_TRIES):
        volume = volumes[int(rng.integers(len(volumes)))].astype(np.float32)
        try:
            return _recorded(volume, settings, rng)
        except UserError:
            # So few structures that the projections of this piece hold none.
            continue
    raise UserError("the volumes are empty almost everywhere; there is nothing to learn from them")


def _recorded(volume: np.ndarray, settings: BatchSettings, rng: np.random.Generator) -> Recording:
    acquisition = draw_acquisition(rng, len(volume) // 2, settings.step_length)
    n, operator = acquisition.step_length, ProjectionOperator(acquisition.profile)
    volume = _turned(_cut(volume, n, settings.patch + _MARGIN, rng), rng)
    clean = operator.project(volume)
    scale = IntensityScale.of(clean)
    volume, clean = scale.to_unit(volume), scale.to_unit(clean)
    pedestal = max(scale.background / scale.span, 0.0)
    detector = draw_detector(rng)
    measured = detector.record(clean, pedestal, rng)
    noise = known_noise(detector, measured, pedestal, rng)
    denoised = denoise(measured, noise)
    # From here on in the unit of what the prior sees.
    seen = IntensityScale.of(denoised).widened(denoised)
    noise = noise.scaled(seen.background, seen.span)
    volume, measured, denoised = (seen.to_unit(part) for part in (volume, measured, denoised))
    sparse, left = np.ascontiguousarray(denoised[_SPARSE]), noise_left(noise)
    light = choose_pedestal(sparse, operator, left)
    guide = logspline(sparse, operator, left, iterations=3, pedestal=light)
    residual = slab_orders(volume[_SPARSE], operator) - first_orders(sparse, guide, operator)
    error = float(np.square(residual).sum(1).mean())
    known = draw_statistics(denoised, n, rng)
    amplitude = local_amplitude(denoised, noise.deviation(denoised))
    faint = np.square(amplitude).mean((1, 2, 3))
    return Recording(volume, measured, denoised, noise, operator, light, known, error, faint / faint.mean())


def known_noise(
    detector: Detector, measured: np.ndarray, pedestal: float, rng: np.random.Generator
) -> NoiseModel:
    """What is known of a detector's noise: nearly what is true, or what its projections tell.

    Parameters
    ----------
    detector : Detector
    measured : ndarray, shape (N, H, W)
        What it recorded.
    pedestal : float
        Light that was subtracted.
    rng : numpy.random.Generator

    Returns
    -------
    NoiseModel
        In the unit of the projections.
    """
    if rng.random() < _ESTIMATED_SHARE:
        return estimate_noise_model(measured).if_above(AMBIGUOUS, 1.0)
    true = detector.noise_model(pedestal)
    gain, read = np.exp(_MISSTATED * rng.standard_normal(2))
    return NoiseModel(true.photon_gain * gain, true.read_noise * read, true.dark_level)


def _cut(volume: np.ndarray, n: int, side: int, rng: np.random.Generator) -> np.ndarray:
    """Whole slabs of a random piece."""
    depth = min(len(volume), _DEEPEST) // n * n
    return random_piece(volume, (depth, *(min(size, side) for size in volume.shape[1:])), rng)


def random_piece(volume: np.ndarray, sizes: Sequence[int], rng: np.random.Generator) -> np.ndarray:
    """A piece of the sizes, from anywhere; a view."""
    starts = [int(rng.integers(whole - size + 1)) for whole, size in zip(volume.shape, sizes, strict=True)]
    return volume[tuple(slice(start, start + size) for start, size in zip(starts, sizes, strict=True))]


def _turned(volume: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Mirrored and transposed at random.

    A mirrored volume seen by a lopsided beam is a new specimen, so this comes before projecting.
    """
    for axis in range(3):
        if rng.random() < 0.5:
            volume = np.flip(volume, axis)
    if rng.random() < 0.5:
        volume = volume.swapaxes(1, 2)
    return np.ascontiguousarray(volume)


def draw_acquisition(rng: np.random.Generator, longest: int, step_length: int | None = None) -> Acquisition:
    """A random step length, unless one is given, and, one time in five, a beam that is not uniform."""
    n = min(step_length or int(rng.choice(_STEP_LENGTHS, p=_STEP_SHARES)), longest)
    if rng.random() < 0.8:
        return Acquisition(step_length=n)
    depth = (np.arange(n) + 0.5) / n - 0.5
    width, shift = rng.uniform(0.5, 1.6), rng.choice([0, rng.uniform(-0.35, 0.35)])
    weights = np.exp(-4 * np.log(2) * ((depth - shift) / width) ** 2)
    return Acquisition(step_length=n, axial_profile=tuple(weights))


def draw_statistics(projections: np.ndarray, step_length: int, rng: np.random.Generator) -> np.ndarray:
    """The statistics of a random piece, since users bring stacks of any size."""
    sizes = [
        int(rng.integers(min(size, least), size + 1))
        for size, least in zip(projections.shape, (5, 48, 48), strict=True)
    ]
    return statistics(random_piece(projections, sizes, rng), step_length)
