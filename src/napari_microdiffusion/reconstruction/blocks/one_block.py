"""One block of a large stack: a function of the facts, its projections and the settings."""

import numpy as np

from ...diffusion.slab import MAX_DIFFUSION_STEP_LENGTH
from ...errors import RunFailed
from ..conditioning import Conditioning
from ..data_consistency import DataConsistency, data_consistency, misfit
from ..events import Events, Notice
from ..facts import StackFacts
from ..methods import DIFFUSIONS, GUIDES
from ..run_state import RunState
from .finished_blocks import FinishedBlocks
from .plan import Block


def reconstruct_block(
    facts: StackFacts, block: Block, finished: FinishedBlocks, run_state: RunState
) -> Events:
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
        "misfit": None if left is None else [left.rms, left.correlation, left.pixels],
        "off": off,
        "device": state.device,
        "samples_in": state.samples_in,
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
