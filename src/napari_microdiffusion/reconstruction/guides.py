"""The guides as stages of a run: each makes a first estimate of the volume and says how far it is."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from ..errors import RunFailed
from ..inr.fitted import FittedInr
from ..inr.fitting import fit_inr
from ..inr.steps import FitStep
from ..interpolation import (
    INTERPOLATIONS,
    bent_logspline_parts,
    choose_pedestal,
    logspline_parts,
    nearest,
)
from ..optics import IntensityScale
from ..settings.method import ReconstructionConfig
from .data_consistency import DataConsistency
from .device import DeviceError, choose_device, device_errors, limit_threads, until_done
from .events import Event, LossPoint, Progress, StageStarted
from .facts import StackFacts
from .run_state import RunState, StageClock

# Voxels that are interpolated between two looks at the cancel token.
_VOXELS_AT_ONCE = 4_000_000


@dataclass(frozen=True, eq=False)
class FirstEstimate:
    """What a guide makes.

    Attributes
    ----------
    volume : ndarray, shape (N*n, H, W) or, through a beam that leaves its slab, `extended_shape`
        Grey levels.
    pedestal : float
        That a log-spline was raised by, unit intensities.
    conditioning : ndarray or None, shape (N*n, H, W)
        What the diffusion starts from, where that is not the volume: priors know the guides that projections
        alone give.
    """

    volume: np.ndarray
    pedestal: float = 0.0
    conditioning: np.ndarray | None = None


GuideStage = Generator[Event, None, FirstEstimate]


def interpolated(facts: StackFacts, state: RunState, _: DataConsistency) -> GuideStage:
    """One of the classical guides, in strips of rows, since they look along z alone."""
    name = facts.config.guide
    yield StageStarted("guide", f"Starting estimate: {name}")
    guide = np.empty(facts.volume_shape, np.float32)
    depth, height, width = guide.shape
    rows = max(1, _VOXELS_AT_ONCE // (depth * width))
    clock = StageClock("guide", -(-height // rows))
    for top in range(0, height, rows):
        state.cancel.check()
        strip = np.s_[:, top : top + rows]
        guide[strip] = INTERPOLATIONS[name](facts.denoised_by_view[strip], facts.step_length)
        yield clock.advance()
    return FirstEstimate(guide)


def smooth_logarithm(facts: StackFacts, state: RunState, consistency: DataConsistency) -> GuideStage:
    """The log-spline, piece by piece; through a beam that leaves its slab, on the extended volume."""
    yield StageStarted("guide", "Starting estimate: log-spline")
    unit, noise, pedestal = facts.scale.to_unit(facts.denoised), facts.noise_level, 0.0
    if facts.acquisition.is_disjoint:
        shape: tuple[int, ...] = facts.volume_shape
        known = None if facts.survey is None else facts.survey.pedestal
        pedestal = choose_pedestal(unit, facts.operator, noise) if known is None else known
        parts = logspline_parts(unit, facts.operator, noise, pedestal=pedestal)
    else:
        shape = facts.beam_operator.extended_shape
        if facts.beam_operator.is_straight:
            parts = logspline_parts(unit, facts.beam_operator, noise)
        else:
            parts = bent_logspline_parts(unit, facts.beam_operator, noise, state.cancel.check)
    guide = np.empty(shape, np.float32)
    clock = StageClock("guide", guide.size)
    for part, values in parts:
        state.cancel.check()
        guide[part] = facts.scale.to_grey(values)
        yield clock.advance(values.size)
    if (warning := consistency.contradiction(guide)) is not None:
        yield state.notice(warning)
    return FirstEstimate(guide, pedestal)


def without(facts: StackFacts, state: RunState, _: DataConsistency) -> GuideStage:
    """No guide: nothing is said about depth within a slab."""
    yield StageStarted("guide", "No starting estimate")
    guide = nearest(facts.denoised_by_view, facts.step_length)
    yield Progress("guide", 1.0, 0.0)
    return FirstEstimate(guide)


def inr(facts: StackFacts, state: RunState, _: DataConsistency) -> GuideStage:
    """The implicit neural representation: given, loaded from a file, or fitted now."""
    config, given = facts.config, state.inr
    shape = facts.shape if facts.acquisition.is_disjoint else facts.beam_operator.extended_slabs
    if given is not None:
        yield StageStarted("guide", "INR, fitted before")
        fitted = given
        fitted.require(shape, facts.step_length, "the INR")
    elif config.inr_file is not None:
        yield StageStarted("guide", f"INR from {config.inr_file.name}")
        fitted = FittedInr.load(config.inr_file)
        fitted.require(shape, facts.step_length, str(config.inr_file))
    else:
        yield StageStarted("guide", "Fitting the INR")
        fitted = _unfitted(facts) if _is_joint(config) else (yield from _fit(facts, state))
        # Where its intensities lie in grey levels, for whoever renders it later.
        fitted.extra |= {"background": facts.scale.background, "span": facts.scale.span}
    state.inr = fitted
    return FirstEstimate((yield from render_inr(facts, state, fitted)))


def _is_joint(config: ReconstructionConfig) -> bool:
    return config.diffusion == "paper" and config.paper.inr_training == "joint"


def _unfitted(facts: StackFacts) -> FittedInr:
    """A field of random weights, for a diffusion that trains it along with itself."""
    from ..inr.fields import build_field

    config, profile = facts.config, facts.acquisition.profile
    device = choose_device(config.device)
    field = build_field(facts.volume_shape, len(profile), config.inr, config.seed, device.type)
    return FittedInr(field, config.inr, profile)


def _fit(facts: StackFacts, state: RunState) -> Generator[Event, None, FittedInr]:
    limit_threads(facts.config.threads)
    state.device = choose_device(facts.config.device).type

    def go_on_with_cpu(error: DeviceError) -> Event:
        if state.device == "cpu":
            raise RunFailed("out of memory while the INR was fitted; crop the image") from error
        state.device = "cpu"
        return state.notice("The graphics card cannot fit the INR: going on with the CPU.")

    return (yield from until_done(lambda: _fit_on_device(facts, state), go_on_with_cpu))


def _fit_on_device(facts: StackFacts, state: RunState) -> Generator[Event, None, FittedInr]:
    config, started = facts.config, perf_counter()
    step: FitStep | None = None
    with device_errors():
        for step in fit_inr(
            facts.scale.to_unit(facts.measured),
            facts.acquisition.profile,
            config.inr,
            seed=config.seed,
            device=state.device,
            operator=None if facts.acquisition.is_disjoint else facts.beam_operator,
        ):
            state.cancel.check()
            fraction, spent = step.step / step.steps, perf_counter() - started
            if step.notice:
                yield state.notice(step.notice)
            yield LossPoint("guide", step.step, step.misfit)
            yield Progress("guide", 0.9 * fraction, spent * (1 - fraction) / max(fraction, 1e-6))
    assert step is not None
    return step.fitted


def render_inr(facts: StackFacts, state: RunState, fitted: FittedInr) -> Generator[Event, None, np.ndarray]:
    """The field's slices, in grey levels."""
    own = fitted.extra
    # A field from a file keeps the grey levels it was fitted on.
    scale = IntensityScale(own["background"], own["span"]) if "span" in own else facts.scale
    guide = np.empty(fitted.shape, np.float32)
    for z, plane in enumerate(fitted.render_slices()):
        state.cancel.check()
        guide[z] = scale.to_grey(plane)
        yield Progress("guide", 0.9 + 0.1 * (z + 1) / len(guide))
    return guide


GUIDES_FROM_PROJECTIONS: dict[str, Callable[[StackFacts, RunState, DataConsistency], GuideStage]] = {
    "none": without,
    "nearest": interpolated,
    "linear": interpolated,
    "cubic": interpolated,
    "histospline": interpolated,
    "logspline": smooth_logarithm,
    "inr": inr,
}
