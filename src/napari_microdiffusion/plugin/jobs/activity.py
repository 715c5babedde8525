"""One thing that a dock does: a stream of events, and what they and its end mean for the viewer."""

from typing import TYPE_CHECKING, Any

from .job import End, Source

if TYPE_CHECKING:
    from napari.layers import Layer


class Activity:
    """One job.

    Attributes
    ----------
    text : str
        What is being done, in words.
    done : str
        What is told when it is done and took long; nothing by default.
    source : callable
        The stream of events.
    can_stop : bool
        Whether "Stop and keep" means anything.
    keeps_messages : bool
        Whether what was said of an earlier one remains.
    """

    text = "Working"
    done = ""
    can_stop = False
    keeps_messages = False

    def __init__(self, source: Source) -> None:
        self.source = source

    def needs(self, layer: "Layer") -> bool:
        """Whether the job cannot go on without a layer."""
        return False

    def handle(self, event: Any) -> None:
        """Take an event."""

    def flush(self) -> None:
        """Redraw."""

    def ended(self, end: End) -> None:
        """Clean up."""
