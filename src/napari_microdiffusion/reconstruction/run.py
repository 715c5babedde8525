"""One run's state: the measurement, what has been reconstructed so far, and how it is brought to agree."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ..inr import FittedInr
from ..interpolation import INTERPOLATIONS, choose_pedestal, logspline_parts
from ..optics import Acquisition, IntensityScale, ProjectionOperator, make_consistent
from ..optics.detector.light import EvenedLight, even_light
from ..optics.detector.noise import likely_variance, local_light, noise_share, relative_noise
from ..settings.method import Consistency, ReconstructionConfig
from .events import CancelToken, Events, Notice, Progress, Region, SliceReady, Stage
from .through_beam import FINAL, PASSING, ThroughBeam

# Noise, relative to the projections' range, up to which there is nothing to leave out: an exact volume takes
# less from it than an inexact one loses.
NEGLIGIBLE_NOISE = 0.01


@dataclass(eq=False)
class Run:
    """What the stages of one reconstruction share. Arrays are float32; grey levels unless called unit.

    `given` is what was given, `measured` the same, in even light where that was asked for. `projections` is
    what slabs are summarised by: the same where each slab was recorded for itself, else (`beam` is set) the
    mean over views and, once there is a guide, its slab means.
    """

    projections: np.ndarray
    acquisition: Acquisition
    config: ReconstructionConfig
    cancel: CancelToken
    given: np.ndarray = field(init=False)
    light: EvenedLight = field(init=False)
    measured: np.ndarray = field(init=False)
    beam: ThroughBeam | None = field(init=False, default=None)
    operator: ProjectionOperator = field(init=False)
    scale: IntensityScale = field(init=False)
    volume: np.ndarray = field(init=False)
    guide: np.ndarray = field(init=False)
    first_estimate: np.ndarray = field(init=False)
    uncertainty: np.ndarray | None = None
    inr: FittedInr | None = None
    samples: list[np.ndarray] = field(default_factory=list)
    reached: list[str] = field(init=False)
    seconds: dict[str, float] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
    device: str = "cpu"
    trust: float = 1.0
    pedestal: float = 0.0
    """Of a log-spline that is the guide, unit intensities."""

    def __post_init__(self) -> None:
        """Set up the operator, the intensity scale and the volumes."""
        known = self.acquisition
        self.given = self.projections
        self.light = even_light(self.given, self.config.light, views=known.views, dark_level=known.dark_level)
        self.measured = self.projections = self.light.projections
        self.operator = ProjectionOperator(self.acquisition.profile)
        self.scale = IntensityScale.of(self.measured)
        self.noise_level = self._noise_level()
        if not self.acquisition.is_disjoint:
            self.beam = ThroughBeam(
                self.measured,
                self.acquisition,
                self.consistency,
                self.scale,
                self.variance,
                self.cancel.check,
            )
            self.projections = self.beam.by_view()
        n, (count, height, width) = self.acquisition.step_length, self.projections.shape
        self.volume = np.zeros((count * n, height, width), np.float32)
        self.guide = self.first_estimate = self.volume
        self.reached = [""] * count
        if self.consistency == "noise" and self.beam is None:
            self.local_mean, self.structure = local_light(self.projections, self.variance)

    @property
    def region(self) -> Region:
        """The whole image."""
        return Region(0, self.projections.shape[1], 0, self.projections.shape[2])

    @cached_property
    def prior_scale(self) -> IntensityScale:
        """The intensity scale of what the prior sees."""
        return self.scale.widened(self.measured)

    @property
    def prior_noise(self) -> float:
        """Standard deviation of the noise at mid-range, in the unit of what the prior sees."""
        return self.noise_level * self.scale.span / self.prior_scale.span

    def _noise_level(self) -> float:
        """Standard deviation of the noise at mid-range, in unit intensities."""
        if not self.acquisition.has_noise_model:
            return relative_noise(self.measured, self.scale.span)
        level = float(np.sqrt(np.median(self.acquisition.noise_variance(self.measured))))
        return min(level / self.scale.span, 0.2)

    @cached_property
    def noise_share(self) -> float:
        """RMS of the noise relative to the projections' range."""
        return noise_share(self.measured, self.acquisition, self.scale)

    @cached_property
    def consistency(self) -> Consistency:
        """The data consistency in effect: `noise` is `nonnegative` where the noise is negligible."""
        asked = self.config.consistency
        return "nonnegative" if asked == "noise" and self.noise_share < NEGLIGIBLE_NOISE else asked

    @cached_property
    def variance(self) -> np.ndarray:
        """Noise variance of each pixel measured, grey levels squared."""
        return likely_variance(self.measured, self.acquisition, self.scale)

    def agree(
        self, slices: np.ndarray, slabs: slice, region: Region, rng: np.random.Generator | None = None
    ) -> np.ndarray:
        """Bring slices of some slabs, grey levels, into the chosen agreement with the measurement.

        Parameters
        ----------
        slices : ndarray, shape (slabs * n, rows, columns)
        slabs : slice
        region : Region
        rng : numpy.random.Generator, optional
            Given for a posterior sample: with noise-aware consistency the measured part is then drawn from
            its own posterior instead of taken at its mean.

        Through a beam that leaves its slab only whole volumes agree: the slices are returned as they are,
        and `settle` follows.
        """
        if self.beam is not None:
            return slices
        window = (slabs, *region.index)
        measured, mode = self.projections[window], self.consistency
        dark = self.acquisition.dark_level
        if mode != "noise":
            return make_consistent(slices, measured, self.operator, mode, dark_level=dark)
        mean, variance, structure = self.local_mean[window], self.variance[window], self.structure[window]
        if rng is not None:
            # Perturbing both the prior mean and the measurement draws from the Gaussian posterior exactly.
            mean = mean + np.sqrt(structure) * rng.standard_normal(mean.shape, dtype=np.float32)
            measured = measured + np.sqrt(variance) * rng.standard_normal(mean.shape, dtype=np.float32)
        centred = make_consistent(slices, mean, self.operator, "exact")
        return make_consistent(
            centred,
            measured,
            self.operator,
            "noise",
            dark_level=dark,
            noise_variance=variance,
            prior_spread=np.sqrt(structure / self.operator.squared_norm),
        )

    def take_guide(self, guide: np.ndarray) -> None:
        """Take the guide, of the shape of the volume or, through a beam, of its extended volume."""
        if self.beam is None:
            self.guide = self.first_estimate = guide
            return
        if guide.shape == self.volume.shape:
            guide = self.beam.operator.extend(guide)
        self.guide = self.first_estimate = self.beam.start(guide)
        self.projections = self.beam.slab_means(self.guide)

    def condition_on_volume(self) -> None:
        """Take the slab means of the volume for projections, and a guide made from them.

        The guide is the one that a uniform beam would have had, since that is what priors are trained on.
        """
        assert self.beam is not None
        self.projections = self.beam.slab_means(self.volume)
        interpolation = INTERPOLATIONS.get(self.config.guide)
        if interpolation is not None:
            self.guide = interpolation(self.projections, self.acquisition.step_length)
            return
        unit = self.scale.to_unit(self.projections)
        self.guide = np.empty_like(self.volume)
        self.pedestal = choose_pedestal(unit, self.operator, self.noise_level)
        for part, values in logspline_parts(unit, self.operator, self.noise_level, pedestal=self.pedestal):
            self.cancel.check()
            self.guide[part] = self.scale.to_grey(values)

    def settle(self, stage: Stage, *, is_last: bool = True) -> Events:
        """Bring the whole volume to agree through the beam, where slabs could not agree one by one."""
        if self.beam is not None:
            agreed = self.beam.agree(self.volume, tolerance=FINAL if is_last else PASSING)
            yield from self.write(agreed, slice(0, len(self.projections)), self.region, stage)

    def settled(self, sample: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The same for a posterior sample."""
        return sample if self.beam is None else self.beam.agree(sample, rng, PASSING)

    def write(self, slices: np.ndarray, slabs: slice, region: Region, stage: Stage) -> Events:
        """Put finished slices (grey levels, already agreeing) into the volume and announce them."""
        n = self.acquisition.step_length
        first = slabs.start * n
        self.volume[first : slabs.stop * n, region.top : region.bottom, region.left : region.right] = slices
        for offset, plane in enumerate(slices):
            yield SliceReady(first + offset, region, plane, "volume", stage)
        self.reached[slabs] = [stage] * (slabs.stop - slabs.start)

    def notice(self, text: str) -> Notice:
        """A warning, kept for the result as well."""
        self.notices.append(text)
        return Notice("warning", text)

    @contextmanager
    def timed(self, stage: Stage) -> Iterator[None]:
        """Adds the time spent inside to the stage's."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - started

    def reprojection_max(self) -> float:
        """Largest disagreement of the volume with the measurement, relative to the projections' range."""
        if self.beam is not None:
            return self.beam.reprojection_max() / self.scale.span
        n, worst = self.acquisition.step_length, 0.0
        for i, measured in enumerate(self.projections):
            seen = self.operator.project(self.volume[i * n : (i + 1) * n].astype(np.float64))[0]
            worst = max(worst, float(np.abs(seen - measured).max()))
        return worst / self.scale.span

    def misfit(self) -> float | None:
        """RMS of (X - A m) / noise, about 1 for a volume that agrees within the noise; None for others."""
        if self.consistency != "noise":
            return None
        seen = self.operator.project(self.volume) if self.beam is None else self.beam.reprojected()
        residual = np.square(self.measured - seen, dtype=np.float64)
        return float(np.sqrt((residual / np.maximum(self.variance, 1e-12 * self.scale.span**2)).mean()))


class Clock:
    """Progress of a stage with the time it will still take."""

    def __init__(self, stage: Stage, total: int) -> None:
        self.stage, self.total = stage, max(total, 1)
        self.done = 0
        self.started = time.perf_counter()

    def advance(self, units: int = 1) -> Progress:
        """Count finished units and report."""
        self.done += units
        spent = time.perf_counter() - self.started
        left = spent / self.done * (self.total - self.done)
        return Progress(self.stage, min(self.done / self.total, 1.0), left)
