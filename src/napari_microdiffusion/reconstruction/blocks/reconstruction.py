"""A reconstruction from disk to disk: block after block, with a memory that does not grow with the stack."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import Cancelled, RunFailed, UserError
from ...io import validate_projections
from ...optics import Acquisition
from ...settings.method import ReconstructionConfig
from ..device import return_memory
from ..events import BlockReady, CancelToken, Events, Progress, StageStarted, StopRequested
from ..priors import check_prior
from ..run_state import RunState
from .one_block import reconstruct_block
from .plan import Block, BlockPlan
from .run import BlockRun, notices


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
    run = _checked(projections, acquisition, config, folder, plan, cancel)
    with _failures():
        yield from _in_blocks(run, next_of, keeps_unfinished)


def begin_blocks(
    projections: Any, acquisition: Acquisition, config: ReconstructionConfig, folder: Path
) -> int:
    """Make the folder of a run that several processes share, and say how many blocks there are.

    Parameters and errors as of `reconstruct_in_blocks`.
    """
    run = _checked(projections, acquisition, config, folder)
    run.begin()
    return len(list(run.plan.blocks()))


def reconstruct_share(
    projections: Any,
    acquisition: Acquisition,
    config: ReconstructionConfig,
    folder: Path,
    share: int,
    shares: int,
    cancel: CancelToken | None = None,
) -> None:
    """Reconstruct every so-manieth block of a stack, for a run that several processes share.

    `reconstruct_in_blocks` then finds them finished, and does what is left.

    Parameters
    ----------
    projections, acquisition, config, folder, cancel
        As of `reconstruct_in_blocks`; `begin_blocks` has made the folder.
    share : int
        Which share, from 0.
    shares : int
        How many there are.

    Raises
    ------
    UserError, Cancelled, RunFailed
        As `reconstruct_in_blocks`, and where the folder belongs to another run.
    """
    run = _checked(projections, acquisition, config, folder, cancel=cancel)
    with _failures():
        finished, found = run.join(), run.survey()
        run_state = _no_state(run)
        for block in list(run.plan.blocks())[share::shares]:
            if finished.record(block) is None:
                for _ in reconstruct_block(run.facts_of(found, block), block, finished, run_state):
                    pass
                return_memory()


def _checked(
    projections: Any,
    acquisition: Acquisition,
    config: ReconstructionConfig,
    folder: Path,
    plan: BlockPlan | None = None,
    cancel: CancelToken | None = None,
) -> BlockRun:
    validate_projections(projections, "the projections", mask_missing=config.mask_missing)
    if config.diffusion == "slab":
        check_prior(config.prior)
    plan = plan or BlockPlan.of(projections.shape, acquisition, config)
    return BlockRun(projections, acquisition, config, folder, plan, cancel or CancelToken())


def _no_state(run: BlockRun) -> RunState:
    """The state of the whole run, whose volume lies on disk."""
    return RunState(run.cancel, np.empty(0, np.float32), np.empty(0, np.float32), [])


@contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except StopRequested:
        raise Cancelled("the run was stopped; started again, it goes on from its finished blocks") from None
    except (UserError, Cancelled, RunFailed):
        raise
    except (RuntimeError, MemoryError) as error:
        raise RunFailed(f"the reconstruction failed: {error}") from error


def _in_blocks(run: BlockRun, next_of: Callable[[Sequence[Block]], Block], keeps_unfinished: bool) -> Events:
    blocks = list(run.plan.blocks())
    finished, run_state = run.begin(), _no_state(run)
    yield StageStarted("preview", "Brightness and noise of the whole stack")
    started = time.perf_counter()
    found = run.survey()
    facts = run.corner(found)
    for text in notices(facts, found):
        yield run_state.notice(text)
    run_state.seconds["preview"] = time.perf_counter() - started
    yield StageStarted("posterior mean", f"{len(blocks)} blocks")
    started, done = time.perf_counter(), 0
    left = [block for block in blocks if finished.record(block) is None]
    stopped = False
    while left and not stopped:
        block = next_of(left)
        try:
            yield from reconstruct_block(run.facts_of(found, block), block, finished, run_state)
        except StopRequested:
            if not keeps_unfinished or len(left) == len(blocks):
                raise
            stopped = True
            continue
        left.remove(block)
        return_memory()
        done += 1
        yield BlockReady(block.keep)
        pace = (time.perf_counter() - started) / done
        yield Progress("posterior mean", 1 - len(left) / len(blocks), pace * len(left))
    run_state.seconds["posterior mean"] = time.perf_counter() - started
    yield from run.result(finished, found, facts, run_state, stopped)
