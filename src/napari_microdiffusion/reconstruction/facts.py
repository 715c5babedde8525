"""What holds for a whole stack: computed once, when a stage first needs it, and never changed."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np

from ..diffusion.slab import NOISE_LEFT
from ..optics import Acquisition, BeamOperator, IntensityScale, ProjectionOperator
from ..optics.detector.denoising import denoise
from ..optics.detector.denoising_error import DenoisingError
from ..optics.detector.light import EvenedLight, even_light, with_gains
from ..optics.detector.missing import fill_missing, whole_rectangle
from ..optics.detector.noise import AMBIGUOUS, MID_LIGHT, NEGLIGIBLE, TELLING, NoiseModel, likely_noise
from ..optics.operators.conjugate_gradients import unchecked
from ..settings.method import Consistency, ReconstructionConfig
from .events import Region
from .survey import StackSurvey

# The most noise at mid-range that is believed, relative to the projections' range.
_MOST_NOISE = 0.2
# What is left of detail, at most, where sharpening it makes much of noise that counts for little elsewhere:
# tilted by half a pixel a slice a beam leaves nothing, Airy beams 0.2 and more. And how many times the
# likely noise a guide is told there.
_FAINT, _TOLD = 0.1, 2.0


@dataclass(frozen=True, eq=False)
class StackFacts:
    """A measurement, how it was recorded, and what follows from both.

    Arrays are float32; grey levels unless called unit. With V views of N slabs the measurement has V*N
    images and the volume N*n slices.

    Attributes
    ----------
    given : ndarray, shape (V*N, H, W)
        The projections as they were given. Pixels without a value (NaN) are filled for all that follows, but
        for what is measured of the stack.
    acquisition : Acquisition
    config : ReconstructionConfig
    check : callable
        Called now and then while something takes long; may raise to leave.
    survey : StackSurvey or None
        Of the whole stack, where these are the projections of a block of it.
    inner : Region or None
        What is wanted of the block; around it lies what that depends on.
    corner : tuple of int
        Row and column of the block's first pixel in the whole image.
    """

    given: np.ndarray
    acquisition: Acquisition
    config: ReconstructionConfig
    check: Callable[[], None] = unchecked
    survey: StackSurvey | None = None
    inner: Region | None = None
    corner: tuple[int, int] = (0, 0)

    @cached_property
    def missing(self) -> np.ndarray | None:
        """Which projection pixels have no value, shape (V*N, H, W); None where all have one."""
        gaps = np.isnan(self.given) if self.config.mask_missing else None
        return gaps if gaps is not None and gaps.any() else None

    def known(self, values: np.ndarray) -> np.ndarray:
        """Values (V*N, H, W) of the pixels that were measured, flat; as they are where none is missing."""
        return values if self.missing is None else values[~self.missing]

    @cached_property
    def whole(self) -> tuple[slice, slice]:
        """Rows and columns in which no pixel is missing, to take the stack's statistics from."""
        return self.region.index if self.missing is None else whole_rectangle(self.missing)

    @cached_property
    def gaps(self) -> np.ndarray | None:
        """Where a projection of a slab has no value, nor has the volume, shape (N, H, W); None as above."""
        return None if self.missing is None else np.asarray(self.missing.reshape(-1, *self.shape).any(0))

    @property
    def missing_notice(self) -> str | None:
        """What to say of pixels that are left out; None where there are none."""
        share = 0.0 if self.missing is None else float(self.missing.mean())
        share = share if self.survey is None else self.survey.missing_share
        if not share:
            return None
        return f"{share:.2%} of the pixels have no value (NaN), and the volume has none there."

    @cached_property
    def light(self) -> EvenedLight:
        """The correction of flicker or bleaching, where the settings ask for one."""
        filled = self.given if self.missing is None else fill_missing(self.given, self.missing)
        views, dark_level = self.acquisition.views, self.acquisition.dark_level
        if self.survey is not None:
            gains = self.survey.gains
            return EvenedLight(with_gains(filled, gains, dark_level), gains, self.survey.light_notice)
        light, whole = self.config.light, self.whole
        return even_light(filled, light, views=views, dark_level=dark_level, judged_by=whole)

    @property
    def measured(self) -> np.ndarray:
        """The projections in even light, shape (V*N, H, W)."""
        return self.light.projections

    @property
    def observed(self) -> np.ndarray:
        """The same, with the pixels missing (NaN) that were: what noise is judged by."""
        return self.measured if self.missing is None else np.where(self.missing, np.nan, self.measured)

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
        return self._mean_over_views(self.measured)

    @cached_property
    def denoised_by_view(self) -> np.ndarray:
        """The same of the denoised projections."""
        return self._mean_over_views(self.denoised)

    def _mean_over_views(self, images: np.ndarray) -> np.ndarray:
        if self.acquisition.views == 1:
            return images
        return np.asarray(images.reshape(self.acquisition.views, *self.shape).mean(0))

    @cached_property
    def operator(self) -> ProjectionOperator:
        """The forward operator of slabs that are recorded each for itself."""
        return ProjectionOperator(self.acquisition.profile)

    @cached_property
    def beam_operator(self) -> BeamOperator:
        """The forward operator of beams of any shape, on the volume extended by what they see around it."""
        return BeamOperator(self.acquisition.beams, self.step_length, self.shape)

    @cached_property
    def likely_noise(self) -> NoiseModel:
        """The noise as stated, or as the projections tell it, grey levels."""
        known = self.survey and self.survey.likely_noise
        return known or likely_noise(self.observed, self.acquisition)

    @cached_property
    def noise(self) -> NoiseModel:
        """The noise that is taken into account: the same, or none where it is negligible or ambiguous."""
        if self.survey is not None and self.survey.noise is not None:
            return self.survey.noise
        measured, found = self.known(self.measured), self.likely_noise
        # Fine structure that passes for noise is bright: what is dark and noisy all the same is noisy, and of
        # a sparse specimen that is nearly everything.
        is_told = self.acquisition.has_noise_model or found.read_noise > TELLING * float(measured.std())
        return found.if_above(NEGLIGIBLE if is_told else AMBIGUOUS, IntensityScale.of(measured).span)

    @property
    def noise_record(self) -> dict[str, float | str]:
        """The likely noise, JSON-ready, and whether it was stated or estimated."""
        source = "stated" if self.acquisition.has_noise_model else "estimated"
        return {**asdict(self.likely_noise), "source": source}

    @property
    def consistency(self) -> Consistency:
        """The data consistency in effect: `noise` is `nonnegative` where there is no noise to speak of."""
        asked = self.config.consistency
        return "nonnegative" if asked == "noise" and self.noise.is_negligible else asked

    @cached_property
    def denoised(self) -> np.ndarray:
        """The projections without most of their noise, shape (V*N, H, W).

        As they were measured where there is no noise to speak of, and where nothing takes it into account.
        """
        takes_it_into_account = self.config.consistency == "noise" or self.config.diffusion == "slab"
        return denoise(self.measured, self.noise, self.check) if takes_it_into_account else self.measured

    @cached_property
    def denoising_error(self) -> DenoisingError:
        """How far the denoised projections are from the light, by brightness, grey levels squared."""
        known = self.survey and self.survey.denoising_error
        return known or DenoisingError.of(self.measured, self.denoised, self.noise, self.check)

    @cached_property
    def scale(self) -> IntensityScale:
        """The scale from grey levels to unit intensities."""
        known = self.survey and self.survey.scale
        return known or IntensityScale.of(self.known(self.denoised))

    @cached_property
    def prior_scale(self) -> IntensityScale:
        """The intensity scale of what the prior sees."""
        known = self.survey and self.survey.prior_scale
        return known or self.scale.widened(self.known(self.denoised))

    @cached_property
    def noise_level(self) -> float:
        """Standard deviation at mid-range of the noise that is left to guides, in unit intensities."""
        noise, left = self.noise, NOISE_LEFT if self.denoised is not self.measured else 1.0
        if noise.is_negligible and self.beam_operator.faintest_detail < _FAINT:
            noise, left = self.likely_noise, _TOLD
        level = noise.scaled(self.scale.background, self.scale.span).deviation(np.array(MID_LIGHT))
        return min(left * float(level), _MOST_NOISE)

    @cached_property
    def prior_noise(self) -> NoiseModel:
        """The noise of the measurement in the unit of what the prior sees."""
        return self.noise.scaled(self.prior_scale.background, self.prior_scale.span)

    @cached_property
    def variance(self) -> np.ndarray:
        """Noise variance of each pixel measured, grey levels squared, shape (V*N, H, W)."""
        return np.square(self.likely_noise.deviation(self.denoised))

    @cached_property
    def noise_share(self) -> float:
        """RMS of the noise relative to the projections' range."""
        if self.survey is not None and self.survey.noise_share is not None:
            return self.survey.noise_share
        return float(np.sqrt(self.known(self.variance).mean(dtype=np.float64))) / self.scale.span
