"""The guide `reference`: registered, light shared out in depth as it has it, weighted by its match."""

from collections.abc import Generator

import numpy as np

from ...interpolation import shared, shared_through
from ...optics.detector.denoising import denoise_around, denoise_volume
from ...optics.detector.noise import NEGLIGIBLE, shown_noise
from ...registration.brightness import relative_brightness
from ...registration.forward import Forward
from ...registration.reference_stack import ReferenceStack
from ...registration.registration import register
from ...registration.restoration import restored
from ...registration.rigid import covered, without_aliasing
from ...registration.shared_reference import SharedReference
from ..data_consistency import DataConsistency
from ..events import Event, Progress, StageStarted
from ..facts import StackFacts
from ..guides import FirstEstimate, GuideStage, smooth_logarithm
from ..run_state import RunState
from .weight import changed_places, match_weight, thick_slab_weight

# Share of the estimate without a reference that is added to it, so that what is new has a place to be.
_NEW = 0.03
# Light everywhere that the reference is thought to have at least, relative to the projections' range.
_LEAST = 1e-3
# Of the variance of the projections' noise, what is left of it where they are as expected.
_NOISE_LEFT = 0.1
# Weight of the whole reference below which a run says so.
_LITTLE_WEIGHT = 0.5
# Share of the volume below which a run tells how little the reference covers.
_MOST_COVERED = 0.98


def reference(facts: StackFacts, state: RunState, consistency: DataConsistency) -> GuideStage:
    """The reference where it matches, and the log-spline where it does not."""
    given = state.reference
    assert given is not None, "the engine refuses a run without one"
    plain = yield from smooth_logarithm(facts, state, consistency)
    start = consistency.start(plain.volume)
    state.shared = yield from _shared(facts, state, given, start)
    if state.shared is None:
        return plain
    volume = state.shared.blended(start, facts.slabs, facts.region.index)
    # The trained prior knows the guides that projections alone give; it serves where the reference does not.
    conditioning = start if facts.config.diffusion == "slab" else None
    return FirstEstimate(volume, plain.pedestal, conditioning)


def _shared(
    facts: StackFacts, state: RunState, given: ReferenceStack, start: np.ndarray
) -> Generator[Event, None, SharedReference | None]:
    yield StageStarted("guide", "Starting estimate: registering the reference")
    check, scale = state.cancel.check, facts.scale
    for note in given.notes:
        yield state.message(note)
    noise = shown_noise(np.asarray(given.data, np.float32))
    noise = noise.if_above(NEGLIGIBLE, float(np.ptp(given.data)))
    stack = denoise_volume(np.asarray(given.data, np.float32), noise, check)
    own_noise = float(np.sqrt(np.square(noise.deviation(np.maximum(stack, 0))).mean()))
    yield Progress("guide", 0.4)
    found = register(
        facts.denoised,
        stack,
        facts.acquisition,
        voxel=given.voxel,
        place=given.place,
        measured=facts.measured,
        noise=own_noise,
        check=check,
    )
    state.registration = found
    if not found.is_of_this_tissue:
        yield state.notice(found.describe(given.spacing))
        return None
    yield state.message(found.describe(given.spacing))
    yield Progress("guide", 0.7)

    forward, shape = Forward(facts.acquisition, facts.shape[0]), facts.volume_shape
    smooth = without_aliasing(stack, given.voxel)
    raw = restored(smooth, given.voxel, found.pose, shape, own_noise, found.deformation, check)
    inside = covered(stack.shape, given.voxel, found.pose, shape, found.deformation)
    seen_inside = forward(inside.astype(np.float32)) > 0.99
    brightness = relative_brightness(facts.denoised, forward(raw), seen_inside, facts.shape[0])
    # What it does not reach is as without it.
    expected = np.where(inside, brightness.applied(raw), start)
    deviation = noise.deviation(np.maximum(raw, 0)) * np.mean(brightness.gains, dtype=np.float32) * inside
    dark = _dark_level(facts, expected)
    light = denoise_around(facts.measured, forward(expected), facts.noise, check) - dark
    weights = np.maximum(expected - dark, 0) + np.float32(_NEW) * np.maximum(start - dark, 0)
    weights += np.float32(_LEAST * scale.span)
    whole, places = 1.0, np.ones(facts.shape, np.float32)
    if facts.acquisition.is_disjoint:
        volume = shared(light, weights, facts.operator)
        whole, places = thick_slab_weight(light, weights, facts.operator)
    else:
        beam = facts.beam_operator
        volume = beam.crop(shared_through(light, beam.extend(weights), beam, check))
    # Noise that is independent from slice to slice is less in their mean.
    own = forward(np.square(deviation)) / len(facts.acquisition.profile)
    seen = forward(expected) - dark
    own += np.float32(_NOISE_LEFT) * np.square(facts.noise.deviation(seen + dark))
    match = match_weight(light, seen, own, scale.span, facts.step_length)
    match = _mean_over_views(match, facts)
    changed = _mean_over_views(changed_places(light, seen, own, scale.span), facts)
    covering = _mean_over_views(forward(inside.astype(np.float32)), facts)
    yield Progress("guide", 1.0, 0.0)
    yield from _say(state, whole, float(covering.mean()))
    return SharedReference(
        volume=np.asarray(volume + dark, np.float32),
        expected=expected,
        noise=deviation,
        weight=np.asarray(places * match * covering, np.float32),
        changed=np.where(covering > 0.5, changed, np.float32(0)),
        light=_mean_over_views(np.maximum(np.maximum(light, seen), 0), facts),
        whole_weight=whole,
        registration=found,
    )


def _say(state: RunState, whole: float, covering: float) -> Generator[Event, None, None]:
    if whole < _LITTLE_WEIGHT:
        yield state.notice(
            f"Little of what the reference tells is confirmed by the projections (weight {whole:.2f} of 1)."
        )
    if covering < _MOST_COVERED:
        yield state.message(
            f"The reference covers {covering:.0%} of the volume; the rest is as without a reference."
        )


def _dark_level(facts: StackFacts, expected: np.ndarray) -> np.float32:
    """Where light begins: as stated, else the dimmest that both know."""
    dimmest = min(float(np.percentile(expected, 0.5)), facts.scale.background)
    return np.float32(max(facts.acquisition.dark_level, dimmest))


def _mean_over_views(images: np.ndarray, facts: StackFacts) -> np.ndarray:
    return np.asarray(images.reshape(facts.acquisition.views, *facts.shape).mean(0))
