"""The method space: guide x diffusion x consistency. A new method is a class in a file and a line here."""

from collections.abc import Callable
from typing import Protocol

from ..diffusion.slab import MAX_DIFFUSION_STEP_LENGTH
from .conditioning import Conditioning
from .data_consistency import DataConsistency
from .events import Events
from .facts import StackFacts
from .guides import GUIDES_FROM_PROJECTIONS
from .reference.guide import reference
from .run_state import RunState
from .slab.stages import SlabDiffusion

__all__ = ["DIFFUSIONS", "GUIDES", "Diffusion", "beyond_the_prior"]


class Diffusion(Protocol):
    """What a diffusion does once the guide is ready."""

    def posterior_mean(self) -> Events:
        """Write the volume."""

    def samples(self) -> Events:
        """Fill the uncertainty."""


def _paper(
    facts: StackFacts, state: RunState, consistency: DataConsistency, conditioning: Conditioning
) -> Diffusion:
    # Imported when it is chosen: its networks load torch.
    from .paper.stages import PaperDiffusion

    return PaperDiffusion(facts, state, consistency, conditioning)


def beyond_the_prior(n: int) -> str:
    """What is said where the steps are longer than the prior knows, so that the diffusion is off."""
    return (
        "The diffusion is off: its prior was trained for step lengths up to "
        f"{MAX_DIFFUSION_STEP_LENGTH}, and this is {n}."
    )


GUIDES = {**GUIDES_FROM_PROJECTIONS, "reference": reference}
DIFFUSIONS: dict[str, Callable[[StackFacts, RunState, DataConsistency, Conditioning], Diffusion]] = {
    "slab": SlabDiffusion,
    "paper": _paper,
}
