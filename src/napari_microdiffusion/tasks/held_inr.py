"""An INR that a window holds for the next run."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..inr.fitted import FittedInr


@dataclass(frozen=True, eq=False)
class HeldInr:
    """An INR at hand, and what it belongs to.

    Attributes
    ----------
    text : str
        Where it comes from, in words.
    path : Path or None
        Its file, where it was saved or came from one.
    belongs_to : tuple or None
        What identifies the projections, the beam and the settings it was fitted with; None for one from a
        file, which the engine checks.
    fitted : FittedInr or None
        Itself, where it was fitted here.
    """

    text: str
    path: Path | None
    belongs_to: tuple[object, ...] | None = None
    fitted: "FittedInr | None" = None
