"""What the dock "Reconstruct video" does: each kind of job, and what its events mean for the viewer."""

from typing import Any

from ...optics import Acquisition
from ...reconstruction.events import Notice
from ...reconstruction.result import duration
from ...stacks.metadata import known_beam, known_of
from ...stacks.projections import Projections
from ...tasks.opening import LayersMade, Question
from ...tasks.threads import End, Source
from ...tasks.video.plan import FRAMES
from ...tasks.video.resolving import StructureMade, TracesGrown, VideoResolved
from ...video.reconstruction import moved_sentence
from ..jobs.activity import Activity
from ..jobs.run_panel import RunPanel
from ..widgets.message_panel import MessagePanel
from .layers import VideoLayers
from .sections import Sections
from .traces import TracesSection


class ResolvingVideo(Activity):
    """A video that streams into a layer."""

    def __init__(
        self,
        source: Source,
        viewer: Any,
        projections: Projections,
        acquisition: Acquisition,
        has_regions: bool,
        panel: RunPanel,
        messages: MessagePanel,
        traces: TracesSection,
    ) -> None:
        super().__init__("Starting", source, needed=(projections.layer,), can_stop=True)
        self.done = "The video is reconstructed."
        self.handle, self.flush, self.ended = self._handle, self._flush, self._end
        self.projections, self.acquisition = projections, acquisition
        place = projections.volume_placement(acquisition.step_length)
        self.layers = VideoLayers(viewer, projections.layer, place, known_beam(acquisition), has_regions)
        self.resolved: VideoResolved | None = None
        self.regions: Any = None
        self.is_saved = False
        self._said: list[str] = []
        self._panel, self._messages, self._traces = panel, messages, traces

    def _handle(self, event: Any) -> None:
        """Stream frames; hold the result."""
        if isinstance(event, Notice):
            if event.level == "warning":
                self._messages.warn(event.text)
            else:
                self._said.append(event.text)
                self._messages.say(" ".join(self._said))
        elif isinstance(event, StructureMade):
            self.regions = event.regions
        elif isinstance(event, TracesGrown):
            self._traces.show_traces(event.traces, self.regions, self.layers)
        elif isinstance(event, VideoResolved):
            self.resolved = event
            self._traces.show_traces(event.traces, self.regions, self.layers)
            self._messages.say(" ".join([outcome_of(event), *self._said]))
        self.layers.handle(event)

    def _flush(self) -> None:
        """Redraw, following the frame as the box says."""
        self.layers.follow = self._panel.follow.isChecked()
        self.layers.flush()
        self.needed = (self.projections.layer, self.layers.volumes)
        if not self.layers.follow:
            self._panel.follow.setChecked(False)

    def _end(self, end: End) -> None:
        """Take away what a cancelled run left; keep the frames that a failed one had done."""
        if self.resolved is not None:
            return
        self._traces.clear()
        if end.message and not end.cancelled and self.layers.volumes is not None:
            self.layers.keep_unfinished()
        else:
            self.layers.remove()


class OpeningVideo(Activity):
    """A file or a sample on its way into the viewer."""

    def __init__(self, source: Source, viewer: Any, sections: Sections) -> None:
        super().__init__("Opening", source)
        self.handle = self._handle
        self._viewer, self._sections = viewer, sections
        self.question: Question | None = None

    def _handle(self, event: Any) -> None:
        """Add the layers; choose the frames and the reference among them."""
        if isinstance(event, Question):
            self.question = event
        if not isinstance(event, LayersMade):
            return
        added = [self._viewer.add_image(data, **look) for data, look, _ in event.layers]
        self._sections.refresh_layers()
        for layer in added:
            self._sections.projections.select(layer)
            if known_of(layer).get("role") == "scan":
                self._sections.reference.chooser.select(layer)


def outcome_of(event: VideoResolved) -> str:
    """The line under a finished video."""
    finished, spent = event.finished, event.remaining.spent
    frames, regions = len(finished.traces.light), len(finished.traces.regions)
    seconds = spent.get(FRAMES, 0.0)
    pace = f", {frames / seconds:.3g} a second" if seconds > 0 else ""
    text = (
        f"{'Stopped: ' if finished.stopped else ''}{frames} volumes in {duration(sum(spent.values()))}{pace}"
    )
    parts = [f"{text}. {regions} region{'' if regions == 1 else 's'}.", moved_sentence(finished.shifts)]
    return " ".join(part for part in parts if part)
