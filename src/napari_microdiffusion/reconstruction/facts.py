"""What holds for a whole stack: computed once, when a stage first needs it, and never changed."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..optics import Acquisition, BeamOperator, IntensityScale, ProjectionOperator
from ..optics.detector.light import EvenedLight, even_light
from ..optics.detector.noise import likely_variance, local_light, noise_share, relative_noise
from ..settings.method import Consistency, ReconstructionConfig
from .events import Region

# Noise, relative to the projections' range, up to which there is nothing to leave out: an exact volume takes
# less from it than an inexact one loses.
NEGLIGIBLE_NOISE = 0.01


@dataclass(frozen=True, eq=False)
class StackFacts:
    """A measurement, how it was recorded, and what follows from both.

    Arrays are float32; grey levels unless called unit. With V views of N slabs the measurement has V*N
    images and the volume N*n slices.

    Attributes
    ----------
    given : ndarray, shape (V*N, H, W)
        The projections as they were given.
    acquisition : Acquisition
    config : ReconstructionConfig
    """

    given: np.ndarray
    acquisition: Acquisition
    config: ReconstructionConfig

    @cached_property
    def light(self) -> EvenedLight:
        """The correction of flicker or bleaching, where the settings ask for one."""
        known = self.acquisition
        return even_light(self.given, self.config.light, views=known.views, dark_level=known.dark_level)

    @property
    def measured(self) -> np.ndarray:
        """The projections in even light, shape (V*N, H, W)."""
        return self.light.projections

    @property
    def step_length(self) -> int:
        """Slices n of a slab."""
        return self.acquisition.step_length

    @property
    def shape(self) -> tuple[int, int, int]:
        """Slabs, rows and columns (N, H, W)."""
        count, height, width = self.given.shape
        return count // self.acquisition.views, height, width

    @property
    def volume_shape(self) -> tuple[int, int, int]:
        """Slices, rows and columns of the volume (N*n, H, W)."""
        count, height, width = self.shape
        return count * self.step_length, height, width

    @property
    def region(self) -> Region:
        """The whole image."""
        return Region(0, self.shape[1], 0, self.shape[2])

    @property
    def slabs(self) -> slice:
        """All slabs."""
        return slice(0, self.shape[0])

    @cached_property
    def by_view(self) -> np.ndarray:
        """The mean of the views, shape (N, H, W): what a first look may take for plain projections."""
        if self.acquisition.is_disjoint:
            return self.measured
        return np.asarray(self.measured.reshape(self.acquisition.views, *self.shape).mean(0))

    @cached_property
    def operator(self) -> ProjectionOperator:
        """The forward operator of slabs that are recorded each for itself."""
        return ProjectionOperator(self.acquisition.profile)

    @cached_property
    def beam_operator(self) -> BeamOperator:
        """The forward operator of beams of any shape, on the volume extended by what they see around it."""
        return BeamOperator(self.acquisition.beams, self.step_length, self.shape)

    @cached_property
    def scale(self) -> IntensityScale:
        """The scale from grey levels to unit intensities."""
        return IntensityScale.of(self.measured)

    @cached_property
    def prior_scale(self) -> IntensityScale:
        """The intensity scale of what the prior sees."""
        return self.scale.widened(self.measured)

    @cached_property
    def noise_level(self) -> float:
        """Standard deviation of the noise at mid-range, in unit intensities."""
        if not self.acquisition.has_noise_model:
            return relative_noise(self.measured, self.scale.span)
        level = float(np.sqrt(np.median(self.acquisition.noise_variance(self.measured))))
        return min(level / self.scale.span, 0.2)

    @property
    def prior_noise(self) -> float:
        """Standard deviation of the noise at mid-range, in the unit of what the prior sees."""
        return self.noise_level * self.scale.span / self.prior_scale.span

    @cached_property
    def noise_share(self) -> float:
        """RMS of the noise relative to the projections' range."""
        return noise_share(self.measured, self.acquisition, self.scale)

    @cached_property
    def variance(self) -> np.ndarray:
        """Noise variance of each pixel measured, grey levels squared, shape (V*N, H, W)."""
        return likely_variance(self.measured, self.acquisition, self.scale)

    @cached_property
    def consistency(self) -> Consistency:
        """The data consistency in effect: `noise` is `nonnegative` where the noise is negligible."""
        asked = self.config.consistency
        return "nonnegative" if asked == "noise" and self.noise_share < NEGLIGIBLE_NOISE else asked

    @cached_property
    def local_light(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean of the light around each pixel, and the variance of the structure there, (V*N, H, W) each."""
        return local_light(self.measured, self.variance)
