"""The one engine: from projections to a volume, as a stream of events."""

from dataclasses import replace

import numpy as np

from ..diffusion.slab import MAX_DIFFUSION_STEP_LENGTH
from ..errors import Cancelled, RunFailed, UsageError, UserError
from ..inr.fitted import FittedInr
from ..interpolation import histospline_slab
from ..io import check_output, validate_projections
from ..optics import Acquisition
from ..optics.detector.intensity import working_unit
from ..registration.reference_stack import ReferenceStack
from ..settings.method import ReconstructionConfig
from .conditioning import Conditioning
from .data_consistency import (
    DataConsistency,
    data_consistency,
    misfit,
    misfit_warning,
    noise_notice,
    noise_warning,
)
from .events import CancelToken, Event, Events, Finished, SliceReady, StageStarted, StopRequested
from .facts import StackFacts
from .methods import DIFFUSIONS, GUIDES, beyond_the_prior
from .priors import check_prior
from .provenance import digest, provenance
from .result import ReconstructionResult
from .run_state import RunState, StageClock


def reconstruct(
    projections: np.ndarray,
    acquisition: Acquisition,
    config: ReconstructionConfig | None = None,
    *,
    inr: FittedInr | None = None,
    reference: ReferenceStack | None = None,
    cancel: CancelToken | None = None,
) -> Events:
    """Reconstruct a volume, yielding events while it is made.

    The histospline comes first as a preview, then the guide, then the posterior mean, which is the volume,
    then samples for the uncertainty. The last event is `Finished`.

    Parameters
    ----------
    projections : ndarray, shape (N, H, W)
        One image per slab, any real type.
    acquisition : Acquisition
        Step length and beam.
    config : ReconstructionConfig, optional
        Settings; the default is the recommended method.
    inr : FittedInr, optional
        A field fitted before to these projections; the guide `inr` takes it instead of fitting one.
    reference : ReferenceStack, optional
        A point-scanned stack of the same tissue; the guide `reference` needs it.
    cancel : CancelToken, optional
        Ends the run from another thread.

    Yields
    ------
    Event
        See `events`.

    Raises
    ------
    UserError
        If the projections or the settings cannot be used. Raised at the first `next`.
    Cancelled
        If the run was cancelled, or stopped before there was anything to keep.
    RunFailed
        If it failed for a reason outside its settings.
    """
    config = config or ReconstructionConfig()
    _check(projections, acquisition, config, reference)
    cancel, given = cancel or CancelToken(), np.asarray(projections)
    unit = working_unit(given, acquisition.step_length)
    if unit == 1:
        facts = StackFacts(np.asarray(given, dtype=np.float32), acquisition, config, cancel.check)
        yield from _run(facts, RunState.of(facts, cancel, inr, reference))
        return
    near_one = np.asarray(unit * given.astype(np.float64), dtype=np.float32)
    facts = StackFacts(near_one, acquisition.scaled(unit), config, cancel.check)
    if inr is None and config.inr_file is not None:
        inr = FittedInr.load(config.inr_file)
    state = RunState.of(facts, cancel, None if inr is None else inr.scaled(unit), reference)
    for event in _run(facts, state):
        if isinstance(event, SliceReady):
            event = replace(event, plane=event.plane / np.float32(unit))
        elif isinstance(event, Finished):
            event = Finished(_in_grey_levels(event.result, unit, given, acquisition))
        yield event


def _run(facts: StackFacts, state: RunState) -> Events:
    consistency = data_consistency(facts, state.cancel.check)
    stopped = False
    try:
        for event in _stages(facts, state, consistency):
            yield _with_gaps(event, facts)
    except StopRequested:
        if "" in state.reached:
            raise Cancelled("the run was stopped before there was anything to keep") from None
        stopped = True
    except (UserError, Cancelled, RunFailed):
        raise
    except (RuntimeError, MemoryError) as error:
        # napari's workers lose a RuntimeError without a sign, and torch raises little else.
        raise RunFailed(f"the reconstruction failed: {error}") from error
    if state.cancel.cancelled:
        state.cancel.check()
    if not np.isfinite(state.volume.sum(dtype=np.float64)):
        raise RunFailed(
            "the volume holds values that are no numbers, and is not kept; choose another starting estimate "
            "or prior"
        )
    # A preview knows nothing of the noise, and finding it out would hold up whoever has stopped the run.
    left = None if "preview" in state.reached else misfit(facts, consistency, state.volume)
    reprojection_max = consistency.reprojection_max(state.volume) / facts.scale.span
    if facts.gaps is not None:
        for volume in (state.volume, state.guide, state.uncertainty, *state.samples):
            if volume is not None:
                volume[facts.gaps.repeat(facts.step_length, axis=0)] = np.nan
    if not stopped and (warning := misfit_warning(left, facts)) is not None:
        yield state.notice(warning)
    yield Finished(
        ReconstructionResult(
            volume=state.volume,
            guide=state.guide,
            uncertainty=state.uncertainty,
            inr=state.inr,
            reference=None if state.shared is None else state.shared.expected,
            samples=state.samples,
            stopped=stopped,
            reached=state.reached,
            seconds=state.seconds,
            reprojection_max=reprojection_max,
            misfit=left.rms if left else None,
            misfit_correlation=left.correlation if left else None,
            noise=facts.noise_record,
            device=state.device,
            notices=state.notices,
            provenance=provenance(facts, state, left, stopped),
        )
    )


def _with_gaps(event: Event, facts: StackFacts) -> Event:
    """Slices as they are shown: without what was filled in where pixels have no value."""
    if facts.gaps is None or not isinstance(event, SliceReady):
        return event
    gaps = facts.gaps[event.z // facts.step_length, *event.region.index]
    return replace(event, plane=np.where(gaps, np.nan, event.plane))


def _in_grey_levels(
    result: ReconstructionResult, unit: float, given: np.ndarray, acquisition: Acquisition
) -> ReconstructionResult:
    """The result of projections that were multiplied by `unit`, for those that were given."""

    def grey(volume: np.ndarray) -> np.ndarray:
        return np.asarray(volume / np.float32(unit))

    noise = {k: v if isinstance(v, str) else v / unit for k, v in result.noise.items()}
    read = result.provenance["input"] | {"sha256": digest(given)}
    record = {"acquisition": acquisition.model_dump(mode="json"), "noise": noise, "input": read}
    return replace(
        result,
        volume=grey(result.volume),
        guide=grey(result.guide),
        uncertainty=None if result.uncertainty is None else grey(result.uncertainty),
        reference=None if result.reference is None else grey(result.reference),
        inr=None if result.inr is None else result.inr.scaled(1 / unit),
        samples=[grey(sample) for sample in result.samples],
        noise=noise,
        provenance=result.provenance | record,
    )


def _check(
    projections: np.ndarray,
    acquisition: Acquisition,
    config: ReconstructionConfig,
    reference: ReferenceStack | None,
) -> None:
    validate_projections(projections, "the projections", mask_missing=config.mask_missing)
    if len(projections) % acquisition.views:
        raise UserError(
            f"the projections are {len(projections)} images, but {acquisition.views} views need as many of "
            "each; give all projections of the first view, then those of the second"
        )
    if config.guide == "none" and config.diffusion == "off":
        raise UsageError(
            "guide is none and diffusion is off, which leaves nothing to reconstruct; choose one of them"
        )
    if config.diffusion == "paper" and not acquisition.is_disjoint:
        raise UsageError(
            "the paper's diffusion is made for straight beams no wider than the step; choose another one"
        )
    if config.guide == "reference":
        if reference is None:
            raise UsageError("the guide is reference, but there is none; give a point-scanned stack")
        reference.check()
    elif reference is not None:
        raise UsageError(f"a reference is given, but the guide is {config.guide}; choose the guide reference")
    if config.diffusion == "slab":
        check_prior(config.prior)
    if config.diffusion == "paper" and config.paper.checkpoint is not None:
        check_output(config.paper.checkpoint, (".safetensors",))


def _stages(facts: StackFacts, state: RunState, consistency: DataConsistency) -> Events:
    config, n = facts.config, facts.step_length
    diffusion = config.diffusion
    state.cancel.check()
    for warning in (facts.missing_notice, facts.light.notice, noise_warning(facts)):
        if warning:
            yield state.notice(warning)
    with state.timed("preview"):
        yield from _preview(facts, state, consistency)
    if (warning := noise_notice(facts)) is not None:
        yield state.notice(warning)
    if diffusion == "slab" and n > MAX_DIFFUSION_STEP_LENGTH:
        diffusion = "off"
        yield state.notice(beyond_the_prior(n))
    with state.timed("guide"):
        estimate = yield from GUIDES[config.guide](facts, state, consistency)
        state.guide, state.pedestal = consistency.start(estimate.volume), estimate.pedestal
        # Also where a diffusion follows: whoever stops it has this.
        yield from _write_guide(facts, state, consistency)
        if diffusion == "off":
            yield from consistency.enforce_on_volume(state, "guide")
    if diffusion == "off":
        return
    state.cancel.check()
    with state.timed("posterior mean"):
        start = state.guide if estimate.conditioning is None else estimate.conditioning
        projections = consistency.slab_projections(start)
        conditioning = Conditioning(facts, projections, start, estimate.pedestal)
        method = DIFFUSIONS[diffusion](facts, state, consistency, conditioning)
        yield from method.posterior_mean()
    if config.samples:
        with state.timed("samples"):
            yield from method.samples()


def _preview(facts: StackFacts, state: RunState, consistency: DataConsistency) -> Events:
    """The histospline, slab by slab: something to look at within a second."""
    yield StageStarted("preview", "Quick preview")
    clock = StageClock("preview", facts.shape[0])
    for i in range(facts.shape[0]):
        state.cancel.check()
        slices, slab = histospline_slab(facts.by_view, facts.step_length, i), slice(i, i + 1)
        if not facts.acquisition.is_uniform:
            slices = consistency.enforce_on_slabs(slices, slab, facts.region)
        yield from state.write(slices, slab, facts.region, "preview")
        yield clock.advance()


def _write_guide(facts: StackFacts, state: RunState, consistency: DataConsistency) -> Events:
    """Put the guide into the volume, as consistent with the measurement as slabs can be by themselves."""
    n, knows_noise = facts.step_length, state.shared is not None
    for i in range(facts.shape[0]):
        state.cancel.check()
        slab = slice(i, i + 1)
        guide = state.guide[i * n : (i + 1) * n]
        slices = consistency.enforce_on_slabs(guide, slab, facts.region, knows_noise=knows_noise)
        yield from state.write(slices, slab, facts.region, "guide")
