"""The method space: guide x diffusion x consistency. A new method is a class in a file and a line here."""

from collections.abc import Callable
from typing import Protocol

from .events import Events
from .guides import GUIDES
from .run import Run
from .slab.stages import SlabDiffusion

__all__ = ["DIFFUSIONS", "GUIDES", "Diffusion"]


class Diffusion(Protocol):
    """What a diffusion does once the guide is ready."""

    def posterior_mean(self) -> Events:
        """Write the volume."""

    def samples(self) -> Events:
        """Fill the uncertainty."""


def _paper(run: Run) -> Diffusion:
    # Imported when it is chosen: its networks load torch.
    from .paper.stages import PaperDiffusion

    return PaperDiffusion(run)


DIFFUSIONS: dict[str, Callable[[Run], Diffusion]] = {"slab": SlabDiffusion, "paper": _paper}
