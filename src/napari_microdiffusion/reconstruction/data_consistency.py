"""Data consistency of a run: how its volume is made to reproduce the projections."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..optics import make_consistent
from ..optics.detector.noise import AMBIGUOUS, MID_LIGHT, NEGLIGIBLE, shown_noise
from .any_beam import AnyBeamConsistency
from .events import Events, Region, Stage
from .facts import StackFacts
from .run_state import RunState

# Misfits, in units of the noise, and a correlation of neighbouring pixels that are worth a warning.
_LOW_MISFIT, _HIGH_MISFIT, _CORRELATED = 0.7, 1.3, 0.25
# Noise relative to what was stated, which fine structure alone hardly reaches.
_UNDERSTATED = 1.6
# Noise, relative to the range, beyond which it is worth leaving out: below it costs about what it gives.
_NOISY = 0.02
# Groups of pixels, equally many and about equally bright, that share a variance where noise is the unit.
_GROUPS = 16
# Noise, in photons, that is none to be compared with: what is estimated is never below two thirds of it.
_FEW_PHOTONS = 0.15


class DataConsistency(Protocol):
    """What the stages of a run ask of it, whatever the beam; arrays are grey levels."""

    def start(self, estimate: np.ndarray) -> np.ndarray:
        """The guide, shape (N*n, H, W), made of a first estimate of that shape or of an extended volume."""

    def slab_projections(self, volume: np.ndarray) -> np.ndarray:
        """What slabs are summarised by, (N, H, W): denoised, or the slab means of a volume (N*n, H, W)."""

    def contradiction(self, estimate: np.ndarray) -> str | None:
        """A warning where the first estimate shows that the measurement contradicts the stated beam."""

    def enforce_on_slabs(
        self,
        slices: np.ndarray,
        slabs: slice,
        region: Region,
        *,
        knows_noise: bool = False,
    ) -> np.ndarray:
        """Slices of some slabs, shape (slabs * n, rows, columns), as consistent as they can be by themselves.

        Where consistency is noise-aware, slices that already know the noise keep their projections. Others
        are made to project onto the denoised projections.
        """

    def enforce_on_volume(self, state: RunState, stage: Stage, *, is_last: bool = True) -> Events:
        """Make the whole volume consistent, where slabs could not be one by one, and announce it."""

    def enforce_on_sample(self, sample: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The same for a posterior sample, shape (N*n, H, W)."""

    def reprojected(self, volume: np.ndarray) -> np.ndarray:
        """What would have been measured of a volume that was made consistent, shape (V*N, H, W)."""

    def reprojection_max(self, volume: np.ndarray) -> float:
        """Largest difference between such a volume's projections and the measurement."""


class SlabConsistency:
    """Of slabs that are recorded each for itself.

    Parameters
    ----------
    facts : StackFacts
    """

    def __init__(self, facts: StackFacts) -> None:
        self.facts = facts

    def start(self, estimate: np.ndarray) -> np.ndarray:
        """The estimate as it is: slabs follow when they are finished."""
        return estimate

    def slab_projections(self, volume: np.ndarray) -> np.ndarray:
        """The measurement, denoised."""
        return self.facts.denoised

    def contradiction(self, estimate: np.ndarray) -> str | None:
        """None: any projections are possible."""
        return None

    def enforce_on_slabs(
        self,
        slices: np.ndarray,
        slabs: slice,
        region: Region,
        *,
        knows_noise: bool = False,
    ) -> np.ndarray:
        """See `DataConsistency`."""
        facts, window = self.facts, (slabs, *region.index)
        dark, operator = facts.acquisition.dark_level, facts.operator
        if facts.consistency != "noise":
            measured = facts.measured[window]
            return make_consistent(slices, measured, operator, facts.consistency, dark_level=dark)
        light = facts.denoised[window]
        means: np.ndarray = np.asarray(operator.project(slices), np.float32) if knows_noise else light
        means = np.maximum(means, np.minimum(np.float32(dark), light))
        return make_consistent(slices, means, operator, "nonnegative", dark_level=dark)

    def enforce_on_volume(self, state: RunState, stage: Stage, *, is_last: bool = True) -> Events:
        """Nothing: the slabs are consistent."""
        yield from ()

    def enforce_on_sample(self, sample: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The sample as it is: its slabs are consistent."""
        return sample

    def reprojected(self, volume: np.ndarray) -> np.ndarray:
        """See `DataConsistency`."""
        n = self.facts.step_length
        projections = np.empty((len(volume) // n, *volume.shape[1:]), volume.dtype)
        for i in range(len(projections)):
            # Slab by slab, without a weighted copy of the whole volume.
            projections[i] = self.facts.operator.project(volume[i * n : (i + 1) * n])[0]
        return projections

    def reprojection_max(self, volume: np.ndarray) -> float:
        """See `DataConsistency`."""
        facts, n, worst = self.facts, self.facts.step_length, 0.0
        for i, measured in enumerate(facts.measured):
            off = facts.operator.project(volume[i * n : (i + 1) * n].astype(np.float64))[0] - measured
            if facts.missing is not None:
                off[facts.missing[i]] = 0
            worst = max(worst, float(np.abs(off[(facts.inner or facts.region).index]).max()))
        return worst


def data_consistency(facts: StackFacts, check: Callable[[], None]) -> DataConsistency:
    """The data consistency for a beam; `check` is called often, and may raise to leave."""
    return SlabConsistency(facts) if facts.acquisition.is_disjoint else AnyBeamConsistency(facts, check)


@dataclass(frozen=True)
class Misfit:
    """What is left of the measurement, X - A m, in units of the noise."""

    rms: float
    """About 1 for a volume that is consistent within the noise."""
    correlation: float
    """Of neighbouring pixels, along rows and columns: about 0 where nothing but noise is left."""
    pixels: int
    """That tell: those with noise, or with more than it left."""


def misfit(facts: StackFacts, consistency: DataConsistency, volume: np.ndarray) -> Misfit | None:
    """The misfit of a volume; None where nothing tells, or the data consistency in effect is not `noise`."""
    if facts.consistency != "noise":
        return None
    inner = (facts.inner or facts.region).index
    seen, observed = (part[:, *inner] for part in (consistency.reprojected(volume), facts.observed))
    left = observed - seen
    least = max(NEGLIGIBLE * facts.scale.span, _FEW_PHOTONS * facts.noise.photon_gain)
    groups, deviation, tells = _by_brightness(np.square(facts.noise.deviation(seen)), left, least)
    squares, pairs = _Mean(), [_Mean(), _Mean()]
    for own, group in zip(left, groups, strict=True):
        relative = np.where(tells[group], own / deviation[group], np.nan)
        squares.add(np.square(relative))
        pairs[0].add(relative[1:] * relative[:-1])
        pairs[1].add(relative[:, 1:] * relative[:, :-1])
    if not squares.count:
        return None
    likeness = [pair.value for pair in pairs if pair.count]
    correlation = float(np.mean(likeness)) / squares.value if likeness and squares.value else 0.0
    return Misfit(float(np.sqrt(squares.value)), correlation, squares.count)


class _Mean:
    """The mean of the finite values of many arrays, which are not kept."""

    def __init__(self) -> None:
        self.count, self._sum = 0, 0.0

    def add(self, values: np.ndarray) -> None:
        self.count += int(np.count_nonzero(np.isfinite(values)))
        self._sum += float(np.nansum(values, dtype=np.float64))

    @property
    def value(self) -> float:
        return self._sum / max(self.count, 1)


def _by_brightness(
    variance: np.ndarray, left: np.ndarray, least: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which pixels are about as bright, their noise, and whether it or what is left is above the least.

    Where hardly a photon is expected in a pixel, a single one is many times the noise there: but not of that
    among all such pixels. And photons that are counted leave nothing where none come from: zeros, which would
    hide what is wrong elsewhere.

    Returns
    -------
    groups : ndarray, shape of `left`, uint8
    deviation : ndarray, shape (_GROUPS,)
        Of each group, at least `least`.
    tells : ndarray, shape (_GROUPS,)
    """
    edges = np.quantile(variance, np.arange(1, _GROUPS) / _GROUPS)
    groups = np.stack([np.digitize(own, edges).astype(np.uint8) for own in variance])
    sums = np.zeros((3, _GROUPS))
    for group, expected, found in zip(groups, variance, left, strict=True):
        known = np.isfinite(found)
        for total, values in zip(sums, (None, expected[known], np.square(found[known])), strict=True):
            total += np.bincount(group[known], values, minlength=_GROUPS)
    expected, found = sums[1:] / np.maximum(sums[0], 1)
    return groups, np.sqrt(np.maximum(expected, least**2)), np.maximum(expected, found) >= least**2


def noise_warning(facts: StackFacts) -> str | None:
    """What to say where the projections show far more noise than was stated; None otherwise."""
    if not facts.acquisition.has_noise_model or facts.consistency != "noise":
        return None
    mid = np.array(facts.scale.background + MID_LIGHT * facts.scale.span)
    shown = shown_noise(facts.observed).if_above(AMBIGUOUS, facts.scale.span)
    ratio = float(shown.deviation(mid)) / float(facts.noise.deviation(mid))
    if ratio < _UNDERSTATED:
        return None
    return (
        f"The projections show about {ratio:.1f} times the noise that was stated, and the rest stays in "
        "the volume. Check the photon gain and the read noise, or leave them out to have them estimated."
    )


def noise_notice(facts: StackFacts) -> str | None:
    """What to say where a volume that is exactly consistent takes over much noise; None otherwise."""
    if facts.consistency not in ("exact", "nonnegative") or facts.noise_share <= _NOISY:
        return None
    return (
        f"The noise of the projections is about {facts.noise_share:.0%} of their range, and a volume that "
        "reproduces them exactly takes it over. Matching the images within their noise (noise) leaves it out."
    )


def misfit_warning(found: Misfit | None, facts: StackFacts) -> str | None:
    """What to say of a misfit that is far from 1, or not white; None of others."""
    if found is None:
        return None
    source = "stated" if facts.acquisition.has_noise_model else "estimated"
    if found.rms > _HIGH_MISFIT:
        return (
            f"The volume differs from the projections by {found.rms:.1f} times their noise: the noise is "
            f"stronger than {source}, the beam is not as stated, or the sample moved."
        )
    # Dense tissue follows the noise in places, and what is followed is no misfit.
    if found.rms < _LOW_MISFIT and found.rms**2 < _LOW_MISFIT**2 * (1 - facts.denoising_error.followed):
        return (
            f"The volume differs from the projections by only {found.rms:.1f} times their noise: the noise "
            f"is weaker than {source}, or neighbouring pixels share it, as after motion correction."
        )
    if found.correlation > _CORRELATED:
        return (
            f"What the volume leaves of the projections is alike in neighbouring pixels (correlation "
            f"{found.correlation:.2f}): structure was taken for noise, or the noise is not each pixel's own."
        )
    return None
