"""Cancel, and stop and keep, in the middle of whatever is under way: nothing more is evaluated or told."""

from collections.abc import Callable

import pytest
from torch.nn.modules.module import register_module_forward_pre_hook

from napari_microdiffusion.diffusion.networks import SlabBlock
from napari_microdiffusion.diffusion.paper.unet import ResBlock
from napari_microdiffusion.errors import Cancelled
from napari_microdiffusion.reconstruction.engine import reconstruct
from napari_microdiffusion.reconstruction.events import (
    CancelToken,
    Finished,
    Progress,
    SliceReady,
    StageStarted,
)
from napari_microdiffusion.registration.reference_stack import ReferenceStack
from napari_microdiffusion.settings.method import ReconstructionConfig
from napari_microdiffusion.settings.presets import PAPER_SYSTEMS

PAPER = {
    "training_steps": 3,
    "batch": 2,
    "width": 8,
    "multipliers": (1, 2),
    "blocks": 1,
    "features": 6,
    "frequencies": 5,
    "sampling_steps": 3,
    "sampler": "ddim",
}
PAPER_INR = {"field": "paper", "epochs": 2, "frequencies": 4, "layers": 2, "width": 4}
N = 3
GUIDES = ["nearest", "linear", "cubic", "histospline", "logspline", "inr", "paper's inr", "reference"]


@pytest.fixture
def settings(configure):
    """The method of a case: a guide alone, our diffusion, or a system of the paper."""

    def of(case: str) -> ReconstructionConfig:
        if case in PAPER_SYSTEMS:
            guide, diffusion = PAPER_SYSTEMS[case]
            theirs = {"inr": PAPER_INR, "paper": PAPER, "samples": 1, "consistency": "none"}
            return configure(guide=guide, diffusion=diffusion, **theirs)
        if case == "prior":
            return configure(guide="logspline", samples=1)
        inr = PAPER_INR if case == "paper's inr" else {"epochs": 3}
        return configure(guide="inr" if "inr" in case else case, inr=inr, diffusion="off")

    return of


@pytest.fixture(scope="module")
def small(measure):
    return measure(n=N, slabs=4, height=9, width=14)


@pytest.fixture
def start(small, settings):
    """Starts the run of a case."""

    def begin(case: str, token: CancelToken):
        reference = ReferenceStack(small.truth) if case == "reference" else None
        config = settings(case)
        return reconstruct(small.projections, small.acquisition, config, cancel=token, reference=reference)

    return begin


@pytest.fixture
def blocks():
    """Blocks of a network that were begun, and what to do in the block of a number."""
    begun: list[object] = []
    acts: dict[int, Callable[[], None]] = {}

    def hook(module, _inputs):
        if isinstance(module, SlabBlock | ResBlock):
            begun.append(module)
            acts.get(len(begun), lambda: None)()

    handle = register_module_forward_pre_hook(hook)
    yield begun, acts
    handle.remove()


@pytest.mark.parametrize("act", ["cancel", "stop"])
@pytest.mark.parametrize("case", ["prior", "MicroDiffusion"])
def test_a_network_is_left_within_the_block_that_it_is_in(start, blocks, case, act):
    """In the first and the last block of a run, and in every stage between: training, mean, draws."""
    begun, acts = blocks
    list(start(case, CancelToken()))
    total = len(begun)
    assert total > 10
    for number in (1, total // 4, total // 2, 3 * total // 4, total):
        begun.clear()
        acts.clear()
        token, after, ending = CancelToken(), [], None
        acts[number] = getattr(token, act)
        try:
            for event in start(case, token):
                if token.cancelled or token.stopped:
                    after.append(type(event))
        except Cancelled:
            ending = "cancel"
        assert len(begun) == number
        assert (after, ending) == (([], "cancel") if act == "cancel" else ([Finished], None))


@pytest.mark.parametrize("act", ["cancel", "stop"])
@pytest.mark.parametrize("case", GUIDES)
def test_a_starting_estimate_is_left_at_any_event(start, case, act):
    """At the first event of each kind in each stage, and in the middle of it."""
    events = list(start(case, CancelToken()))[:-1]
    kinds = [(type(event), getattr(event, "stage", "")) for event in events]
    moments = {kinds.index(kind) for kind in kinds} | {len(kinds) // 2, len(kinds) - 1}
    assert {stage for _, stage in kinds} >= {"preview", "guide"}
    for moment in sorted(moments):
        token, after, ending = CancelToken(), [], None
        run = start(case, token)
        try:
            for number, event in enumerate(run):
                if number > moment:
                    after.append(event)
                elif number == moment:
                    getattr(token, act)()
        except Cancelled:
            ending = "cancel"
        kept = [event for event in after if isinstance(event, Finished)]
        # A slab that is being written is finished; of another stage no more than its name is told.
        told = [type(event) for event in after if not isinstance(event, Finished)]
        assert len(told) <= N + 1, (kinds[moment], told)
        assert set(told) <= {SliceReady, Progress, StageStarted}, (kinds[moment], told)
        if act == "cancel":
            assert not kept
            assert ending == "cancel"
        else:
            has_preview = kinds.index((StageStarted, "guide")) <= moment
            assert len(kept) >= has_preview
            # Whatever is there when the last slice has come is the whole result.
            assert all(event.result.stopped or moment >= len(kinds) - N - 1 for event in kept)


@pytest.mark.parametrize("act", ["cancel", "stop"])
@pytest.mark.parametrize("case", ["prior", "MicroDiffusion", "reference"])
def test_a_run_that_is_ended_before_it_begins_says_nothing(start, blocks, case, act):
    token = CancelToken()
    getattr(token, act)()
    events = []
    with pytest.raises(Cancelled):
        for event in start(case, token):
            events.append(event)
    assert events == []
    assert blocks[0] == []
