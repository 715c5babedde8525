"""One thing that a dock does: a stream of events, and what they and its end mean for the viewer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ...tasks.remaining import Remaining, SeriesRemaining
from ...tasks.threads import End, Source


def _nothing(*_: object) -> None:
    pass


@dataclass(eq=False)
class Activity:
    """One job.

    Attributes
    ----------
    text : str
        What is being done, in words.
    source : callable
        The stream of events.
    handle, flush, ended : callable
        Take an event, redraw, and clean up after the last one, in the GUI thread.
    needed : sequence of layers
        Those that the job cannot go on without.
    done : str
        Shown when it is done and took long; nothing by default.
    can_stop : bool
        Whether "Stop and keep" means anything.
    keeps_messages : bool
        Whether what was said of an earlier one remains.
    remaining : Remaining or SeriesRemaining, optional
        Follows a run of several stages; what else is done says by `Step`s how far it is.
    """

    text: str
    source: Source
    handle: Callable[[Any], None] = _nothing
    needed: Sequence[Any] = ()
    done: str = ""
    can_stop: bool = False
    keeps_messages: bool = False
    remaining: Remaining | SeriesRemaining | None = None
    flush: Callable[[], None] = _nothing
    ended: Callable[[End], None] = _nothing

    def needs(self, layer: Any) -> bool:
        """Whether the job cannot go on without a layer."""
        return any(layer == needed for needed in self.needed)
