"""A reconstruction from disk to disk: block after block, with a memory that does not grow with the stack."""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...diffusion.slab import MAX_DIFFUSION_STEP_LENGTH
from ...errors import Cancelled, RunFailed, UserError
from ...io import validate_projections
from ...optics import Acquisition
from ...settings.method import ReconstructionConfig
from ..conditioning import Conditioning
from ..data_consistency import (
    DataConsistency,
    Misfit,
    data_consistency,
    misfit,
    misfit_warning,
    noise_notice,
    noise_warning,
)
from ..device import choose_device
from ..events import (
    BlockReady,
    CancelToken,
    Events,
    Finished,
    Notice,
    Progress,
    Region,
    StageStarted,
    StopRequested,
)
from ..facts import StackFacts
from ..methods import DIFFUSIONS, GUIDES, beyond_the_prior
from ..priors import check_prior
from ..provenance import digest, package_version, provenance
from ..result import ReconstructionResult
from ..run_state import RunState
from ..survey import StackSurvey
from .finished_blocks import BlockVolume, FinishedBlocks
from .plan import Block, BlockPlan
from .surveying import survey

# Pixels along each side of the part of a stack that serves to say something of the whole.
_CORNER = 64


def first(blocks: Sequence[Block]) -> Block:
    """The first block of those that are left."""
    return blocks[0]


def reconstruct_in_blocks(
    projections: Any,
    acquisition: Acquisition,
    config: ReconstructionConfig,
    folder: Path,
    *,
    plan: BlockPlan | None = None,
    next_of: Callable[[Sequence[Block]], Block] = first,
    keeps_unfinished: bool = False,
    cancel: CancelToken | None = None,
) -> Events:
    """Reconstruct a stack block by block, yielding events while it is made.

    Parameters
    ----------
    projections : array_like, shape (N, H, W)
        Lazy: an image is read when it is indexed.
    acquisition : Acquisition
    config : ReconstructionConfig
        For which, with the acquisition, `plan.needs_blocks`.
    folder : Path
        Where finished blocks are kept. A run that was interrupted goes on from those it finds there; whoever
        writes the result removes the folder.
    cancel : CancelToken, optional
        Ends the run from another thread; finished blocks stay.

    Yields
    ------
    Event
        The last is `Finished`, whose volume and uncertainty are `BlockVolume`s in the folder.

    Raises
    ------
    UserError, Cancelled, RunFailed
        As `engine.reconstruct`.
    """
    cancel = cancel or CancelToken()
    validate_projections(projections, "the projections", mask_missing=config.mask_missing)
    if config.diffusion == "slab":
        check_prior(config.prior)
    plan = plan or BlockPlan.of(projections.shape, acquisition, config)
    try:
        yield from _in_blocks(
            projections, acquisition, config, folder, plan, next_of, keeps_unfinished, cancel
        )
    except StopRequested:
        raise Cancelled("the run was stopped; started again, it goes on from its finished blocks") from None
    except (UserError, Cancelled, RunFailed):
        raise
    except (RuntimeError, MemoryError) as error:
        raise RunFailed(f"the reconstruction failed: {error}") from error


def _in_blocks(
    projections: Any,
    acquisition: Acquisition,
    config: ReconstructionConfig,
    folder: Path,
    plan: BlockPlan,
    next_of: Callable[[Sequence[Block]], Block],
    keeps_unfinished: bool,
    cancel: CancelToken,
) -> Events:
    shape, blocks, hashed = projections.shape, list(plan.blocks()), digest(projections)
    run = {
        "input": hashed,
        "acquisition": acquisition.model_dump(mode="json"),
        "settings": config.model_dump(mode="json"),
        "version": package_version("napari-microdiffusion"),
        "side": plan.side,
        "device": choose_device(config.device).type if config.diffusion != "off" else "cpu",
    }
    finished = FinishedBlocks(folder, run)
    run_state = RunState(cancel, np.empty(0, np.float32), np.empty(0, np.float32), [])
    yield StageStarted("preview", f"Survey of the stack, for {len(blocks)} blocks")
    started = time.perf_counter()
    found = survey(projections, acquisition, config, cancel)
    # A small part tells what is said of a stack as a whole.
    facts = _facts_of(projections, acquisition, config, found, _corner_of(shape), cancel)
    for text in _notices(facts, found):
        yield run_state.notice(text)
    run_state.seconds["preview"] = time.perf_counter() - started
    yield StageStarted("posterior mean", f"{len(blocks)} blocks")
    started, done = time.perf_counter(), 0
    left = [block for block in blocks if finished.record(block) is None]
    stopped = False
    while left:
        block = next_of(left)
        part = _facts_of(projections, acquisition, config, found, block, cancel)
        try:
            yield from _one_block(part, block, finished, run_state)
        except StopRequested:
            if not keeps_unfinished:
                raise
            stopped = True
            break
        left.remove(block)
        done += 1
        yield BlockReady(block.keep)
        pace = (time.perf_counter() - started) / done
        yield Progress("posterior mean", 1 - len(left) / len(blocks), pace * len(left))
    run_state.seconds["posterior mean"] = time.perf_counter() - started
    records = [record for block in blocks if (record := finished.record(block)) is not None]
    if not records:
        raise StopRequested
    if stopped:
        yield run_state.notice(
            f"{len(records)} of {len(blocks)} blocks were finished; elsewhere the volume has no values (NaN)."
        )
    whole = (shape[0] * acquisition.step_length, *shape[1:])
    left_over = _together(records)
    if not stopped and (warning := misfit_warning(left_over, facts)) is not None:
        yield run_state.notice(warning)
    run_state.reached = ["guide" if config.diffusion == "off" else "posterior mean"] * shape[0]
    run_state.prior_weight = 1.0 if found.prior_weight is None else found.prior_weight
    run_state.self_test_error, run_state.pedestal = found.self_test_error, found.pedestal or 0.0
    run_state.device = records[-1]["device"]
    run_state.out_of_distribution = records[0]["out_of_distribution"]
    has_samples = bool(config.samples) and config.diffusion != "off"
    volume = BlockVolume(folder, "volume", whole, plan)
    told = provenance(facts, run_state, left_over, stopped)
    told["input"] = {"shape": list(shape), "sha256": hashed}
    told["blocks"] = {"count": len(blocks), "finished": len(records), "side": plan.side}
    yield Finished(
        ReconstructionResult(
            volume=volume,  # type: ignore[arg-type]
            guide=volume,  # type: ignore[arg-type]
            uncertainty=BlockVolume(folder, "uncertainty", whole, plan) if has_samples else None,  # type: ignore[arg-type]
            stopped=stopped,
            reached=run_state.reached,
            seconds=run_state.seconds,
            reprojection_max=max(record["off"] for record in records) / facts.scale.span,
            misfit=left_over.rms if left_over else None,
            misfit_correlation=left_over.correlation if left_over else None,
            noise=facts.noise_record,
            device=run_state.device,
            notices=run_state.notices,
            provenance=told,
        )
    )


def _one_block(facts: StackFacts, block: Block, finished: FinishedBlocks, run_state: RunState) -> Events:
    """Reconstruct a block and put it with the finished ones."""
    state = RunState.of(facts, run_state.cancel)
    consistency = data_consistency(facts, run_state.cancel.check)
    for event in _stages(facts, state, consistency):
        if isinstance(event, Notice) and event.text not in run_state.notices:
            run_state.notices.append(event.text)
            yield event
    volume, uncertainty = (
        None if data is None else data[:, *block.inner.index] for data in (state.volume, state.uncertainty)
    )
    assert volume is not None
    if not np.isfinite(volume.sum(dtype=np.float64)):
        raise RunFailed(
            "the volume holds values that are no numbers, and is not kept; choose another starting estimate "
            "or prior"
        )
    left = misfit(facts, consistency, state.volume)
    off = consistency.reprojection_max(state.volume)
    if facts.gaps is not None:
        gaps = facts.gaps[:, *block.inner.index].repeat(facts.step_length, axis=0)
        for data in (volume, uncertainty):
            if data is not None:
                data[gaps] = np.nan
    record = {
        "misfit": None if left is None else [left.rms, left.correlation],
        "pixels": volume[0].size,
        "off": off,
        "device": state.device,
        "out_of_distribution": state.out_of_distribution,
    }
    finished.write(block, record, volume=volume, uncertainty=uncertainty)


def _stages(facts: StackFacts, state: RunState, consistency: DataConsistency) -> Events:
    """The guide and the diffusion of a block, as `engine` has them for a stack."""
    config, n = facts.config, facts.step_length
    estimate = yield from GUIDES[config.guide](facts, state, consistency)
    state.guide, state.pedestal = consistency.start(estimate.volume), estimate.pedestal
    if config.diffusion == "off" or n > MAX_DIFFUSION_STEP_LENGTH:
        for i in range(facts.shape[0]):
            part, slab = slice(i * n, (i + 1) * n), slice(i, i + 1)
            state.volume[part] = consistency.enforce_on_slabs(state.guide[part], slab, facts.region)
        return
    state.cancel.check()
    slab_projections = consistency.slab_projections(state.guide)
    conditioning = Conditioning(facts, slab_projections, state.guide, estimate.pedestal)
    method = DIFFUSIONS[config.diffusion](facts, state, consistency, conditioning)
    yield from method.posterior_mean()
    if config.samples:
        yield from method.samples()


def _facts_of(
    projections: Any,
    acquisition: Acquisition,
    config: ReconstructionConfig,
    found: StackSurvey,
    block: Block,
    cancel: CancelToken,
) -> StackFacts:
    """The facts of a block, whose projections are read here."""
    rows, columns = block.read.index
    given = np.empty((len(projections), rows.stop - rows.start, columns.stop - columns.start), np.float32)
    for index in range(len(projections)):
        cancel.check()
        given[index] = projections[index][rows, columns]
    return StackFacts(
        given,
        acquisition,
        config,
        cancel.check,
        survey=found,
        inner=block.inner,
        corner=(block.read.top, block.read.left),
    )


def _corner_of(shape: tuple[int, int, int]) -> Block:
    part = Region(0, min(shape[1], _CORNER), 0, min(shape[2], _CORNER))
    return Block(part, part)


def _notices(facts: StackFacts, found: StackSurvey) -> Iterator[str]:
    """What is said of the whole stack, once."""
    config = facts.config
    for warning in (facts.missing_notice, found.light_notice, noise_warning(facts), noise_notice(facts)):
        if warning:
            yield warning
    if config.diffusion == "slab" and facts.step_length > MAX_DIFFUSION_STEP_LENGTH:
        yield beyond_the_prior(facts.step_length)


def _together(records: list[dict[str, Any]]) -> Misfit | None:
    """The misfit of all blocks."""
    known = [(record["pixels"], *record["misfit"]) for record in records if record["misfit"] is not None]
    if not known:
        return None
    pixels, rms, correlation = (np.array(column, np.float64) for column in zip(*known, strict=True))
    squares = pixels * rms**2
    shared = float((correlation * squares).sum() / squares.sum()) if squares.sum() else 0.0
    return Misfit(float(np.sqrt(squares.sum() / pixels.sum())), shared)
