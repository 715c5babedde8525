"""What a detector makes of a projection: few photons, noise of its own, and what is done to its frames."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import shift

from ..optics.detector.noise import NoiseModel

# How many recordings are as good as without noise.
_NOISELESS_SHARE = 0.18
_PHOTONS = (5.0, 4000.0)


@dataclass(frozen=True)
class Detector:
    """One detector and what is done to its frames; brightness relative to the projections' range."""

    photons: float = 0.0
    """Photons detected at full brightness; 0 stands for endless ones, without any noise."""
    excess: float = 0.0
    """By how much the pulses of single photons differ: their variance relative to their squared mean."""
    read_noise: float = 0.0
    """Standard deviation of the noise without any light."""
    line_noise: float = 0.0
    """Standard deviation of an offset that all pixels of a line share, as in resonant scans."""
    resampling: tuple[float, float] = (0.0, 0.0)
    """Displacement by which motion correction has interpolated rows and columns, in pixels, 0 to 0.5."""
    clips_dark: bool = False
    """Whether what falls below the level without light is cut off."""
    ceiling: float = np.inf
    """Brightness at which the detector saturates."""

    @property
    def photon_gain(self) -> float:
        """Variance that a unit of light adds, with what resampling averages out taken away."""
        return (1 + self.excess) / self.photons * self._left if self.photons else 0.0

    def noise_model(self, pedestal: float = 0.0) -> NoiseModel:
        """The noise of a pixel of projections of which `pedestal` was subtracted."""
        square = (self.read_noise**2 + self.line_noise**2) * self._left
        return NoiseModel(self.photon_gain, float(np.sqrt(square)), -pedestal)

    @property
    def _left(self) -> float:
        """Variance that linear interpolation leaves."""
        return float(np.prod([1 - 2 * d * (1 - d) for d in self.resampling]))

    def record(self, light: np.ndarray, pedestal: float, rng: np.random.Generator) -> np.ndarray:
        """Projections as the detector records them.

        Parameters
        ----------
        light : ndarray, shape (N, H, W)
            Noiseless projections, relative to their range.
        pedestal : float
            Light that was subtracted from them, of which there are photons all the same.
        rng : numpy.random.Generator

        Returns
        -------
        ndarray, shape (N, H, W), float32
        """
        if not self.photons:
            return np.asarray(light, np.float32)
        counts = rng.poisson(np.maximum(light + pedestal, 0) * self.photons).astype(np.float32)
        if self.excess:
            # Pulses of gamma-distributed height: as many of them as photons are one gamma variable.
            counts = np.where(counts > 0, rng.gamma(np.maximum(counts, 1) / self.excess) * self.excess, 0)
        noise = counts / self.photons - pedestal - light
        if self.read_noise:
            noise += self.read_noise * rng.standard_normal(light.shape, dtype=np.float32)
        if self.line_noise:
            noise += self.line_noise * rng.standard_normal((*light.shape[:2], 1), dtype=np.float32)
        if any(self.resampling):
            noise = shift(noise, (0, *self.resampling), order=1, mode="nearest")
        recorded = light + noise
        if self.clips_dark:
            recorded = np.maximum(recorded, -pedestal)
        return np.minimum(recorded, self.ceiling).astype(np.float32)


def draw_detector(rng: np.random.Generator) -> Detector:
    """A random detector over the whole range that training covers, from none to five photons."""
    if rng.random() < _NOISELESS_SHARE:
        return Detector()
    photons = float(np.exp(rng.uniform(*np.log(_PHOTONS))))
    dim = 1 / np.sqrt(photons)
    return Detector(
        photons=photons,
        excess=float(rng.choice([0, rng.uniform(0.1, 0.8)], p=[0.75, 0.25])),
        read_noise=float(rng.choice([0, 0.01, rng.uniform(0.0, 0.6) * dim], p=[0.2, 0.4, 0.4])),
        line_noise=float(rng.choice([0, rng.uniform(0.02, 0.2) * dim], p=[0.92, 0.08])),
        resampling=(rng.uniform(0, 0.5), rng.uniform(0, 0.5)) if rng.random() < 0.1 else (0.0, 0.0),
        clips_dark=bool(rng.random() < 0.12),
        ceiling=float(rng.choice([np.inf, rng.uniform(0.6, 1.0)], p=[0.96, 0.04])),
    )
