"""The guides as stages of a run: each fills `run.guide`, in grey levels, and says how far it is."""

from collections.abc import Callable, Generator
from time import perf_counter

import numpy as np

from ..errors import RunFailed
from ..inr import FittedInr, fit_inr
from ..interpolation import (
    INTERPOLATIONS,
    bent_logspline_parts,
    choose_pedestal,
    logspline_parts,
    nearest,
)
from ..optics import IntensityScale
from ..settings.method import ReconstructionConfig
from .device import choose_device, limit_threads
from .events import Event, Events, LossPoint, Progress, StageStarted
from .recovery import Trouble, named_troubles
from .run import Clock, Run

# Voxels that are interpolated between two looks at the cancel token.
_VOXELS_AT_ONCE = 4_000_000


def interpolated(run: Run) -> Events:
    """One of the classical guides, in strips of rows, since they look along z alone."""
    name, n = run.config.guide, run.acquisition.step_length
    yield StageStarted("guide", f"First estimate: {name}")
    guide = np.empty_like(run.volume)
    depth, height, width = guide.shape
    rows = max(1, _VOXELS_AT_ONCE // (depth * width))
    clock = Clock("guide", -(-height // rows))
    for top in range(0, height, rows):
        run.cancel.check()
        strip = np.s_[:, top : top + rows]
        guide[strip] = INTERPOLATIONS[name](run.projections[strip], n)
        yield clock.advance()
    run.take_guide(guide)


def smooth_logarithm(run: Run) -> Events:
    """The log-spline, piece by piece; through a beam that leaves its slab, on the extended volume."""
    yield StageStarted("guide", "First estimate: log-spline")
    beam, unit = run.beam, run.scale.to_unit(run.measured)
    guide = np.empty(run.volume.shape if beam is None else beam.operator.extended_shape, np.float32)
    clock = Clock("guide", guide.size)
    if beam is None:
        run.pedestal = choose_pedestal(unit, run.operator, run.noise_level)
        parts = logspline_parts(unit, run.operator, run.noise_level, pedestal=run.pedestal)
    elif beam.operator.is_straight:
        parts = logspline_parts(unit, beam.operator, run.noise_level)
    else:
        parts = bent_logspline_parts(unit, beam.operator, run.noise_level, run.cancel.check)
    for part, values in parts:
        run.cancel.check()
        guide[part] = run.scale.to_grey(values)
        yield clock.advance(values.size)
    if beam is not None and (warning := beam.contradiction(guide)) is not None:
        yield run.notice(warning)
    run.take_guide(guide)


def without(run: Run) -> Events:
    """No guide: nothing is said about depth within a slab."""
    yield StageStarted("guide", "No first estimate")
    run.take_guide(nearest(run.projections, run.acquisition.step_length))
    yield Progress("guide", 1.0, 0.0)


def inr(run: Run) -> Events:
    """The implicit neural representation: given, loaded from a file, or fitted now."""
    config, given = run.config, run.inr
    shape = run.projections.shape if run.beam is None else run.beam.operator.extended_slabs
    if given is not None:
        yield StageStarted("guide", "INR, fitted before")
        fitted = given
        fitted.require(shape, run.acquisition.step_length, "the INR")
    elif config.inr_file is not None:
        yield StageStarted("guide", f"INR from {config.inr_file.name}")
        fitted = FittedInr.load(config.inr_file)
        fitted.require(shape, run.acquisition.step_length, str(config.inr_file))
    else:
        yield StageStarted("guide", "Fitting the INR")
        fitted = _unfitted(run) if _is_joint(config) else (yield from _fit(run))
        # Where its intensities lie in grey levels, for whoever renders it later.
        fitted.extra |= {"background": run.scale.background, "span": run.scale.span}
    run.inr = fitted
    yield from render_inr(run, fitted)


def _is_joint(config: ReconstructionConfig) -> bool:
    return config.diffusion == "paper" and config.paper.inr_training == "joint"


def _unfitted(run: Run) -> FittedInr:
    """A field of random weights, for a diffusion that trains it along with itself."""
    from ..inr.fields import build_field

    config, profile = run.config, run.acquisition.profile
    device = choose_device(config.device)
    field = build_field(run.volume.shape, len(profile), config.inr, config.seed, device.type)
    return FittedInr(field, config.inr, profile)


def _fit(run: Run) -> Generator[Event, None, FittedInr]:
    config = run.config
    limit_threads(config.threads)
    device = choose_device(config.device).type
    while True:
        run.device = device
        try:
            fitted: FittedInr = yield from _fit_on(run, device)
            return fitted
        except Trouble as trouble:
            if device == "cpu":
                raise RunFailed("out of memory while the INR was fitted; crop the image") from trouble
            device = "cpu"
            yield run.notice("The graphics card cannot fit the INR: going on with the CPU.")


def _fit_on(run: Run, device: str) -> Generator[Event, None, FittedInr]:
    config, started = run.config, perf_counter()
    fitting = fit_inr(
        run.scale.to_unit(run.measured),
        run.acquisition.profile,
        config.inr,
        seed=config.seed,
        device=device,
        operator=None if run.beam is None else run.beam.operator,
    )
    while True:
        run.cancel.check()
        try:
            with named_troubles():
                step = next(fitting)
        except StopIteration as finished:
            fitted: FittedInr = finished.value
            return fitted
        fraction = step.step / step.steps
        spent = perf_counter() - started
        yield LossPoint("guide", step.step, step.loss)
        yield Progress("guide", 0.9 * fraction, spent * (1 - fraction) / max(fraction, 1e-6))


def render_inr(run: Run, fitted: FittedInr) -> Events:
    """The field's slices, in grey levels, as the run's guide."""
    own = fitted.extra
    # A field from a file keeps the grey levels it was fitted on.
    scale = IntensityScale(own["background"], own["span"]) if "span" in own else run.scale
    guide = np.empty(fitted.shape, np.float32)
    for z, plane in enumerate(fitted.render_slices()):
        run.cancel.check()
        guide[z] = scale.to_grey(plane)
        yield Progress("guide", 0.9 + 0.1 * (z + 1) / len(guide))
    run.take_guide(guide)


GUIDES: dict[str, Callable[[Run], Events]] = {
    "none": without,
    "nearest": interpolated,
    "linear": interpolated,
    "cubic": interpolated,
    "histospline": interpolated,
    "logspline": smooth_logarithm,
    "inr": inr,
}
