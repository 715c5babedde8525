"""What the dock "Reconstruct volume" does: each kind of job, and what its events mean for the viewer."""

from dataclasses import replace
from typing import Any

from ...optics import Acquisition
from ...reconstruction.events import Finished, LossPoint, Notice
from ...reconstruction.result import describe_outcome
from ...stacks.metadata import known_beam
from ...stacks.projections import Projections
from ...tasks.contrast import Contrast
from ...tasks.reconstructing import Judged
from ...tasks.remaining import Remaining
from ...tasks.threads import End, Source
from ..jobs.activity import Activity
from ..jobs.run_panel import RunPanel
from ..layers.result import ResultLayers, add_volume
from .outcome_panel import OutcomePanel
from .sections.together import Sections


class Reconstructing(Activity):
    """A reconstruction that streams into layers."""

    def __init__(
        self,
        source: Source,
        projections: Projections,
        layers: ResultLayers,
        panel: RunPanel,
        outcome: OutcomePanel,
        sections: Sections,
        remaining: Remaining,
    ) -> None:
        needed = (projections.layer, layers.volume)
        super().__init__("Starting", source, needed=needed, can_stop=True, remaining=remaining)
        self.done = "The volume is reconstructed."
        self.handle, self.flush, self.ended = self._handle, self._flush, self._end
        self.projections, self.layers = projections, layers
        self._panel, self._outcome, self._sections = panel, outcome, sections
        self.result: Any = None
        self.is_saved = False

    def _handle(self, event: Any) -> None:
        """Stream slices; hold the result."""
        if isinstance(event, Notice):
            (self._outcome.warn if event.level == "warning" else self._outcome.say)(event.text)
        elif isinstance(event, Judged):
            # Held as long as its layer; the starting estimate would take as much memory again.
            self.result = replace(event.result, guide=event.result.guide[:0])
            if event.result.stopped:
                self.done = "The run was stopped; what there was is kept."
            self._outcome.say(describe_outcome(event.result, event.median_uncertainty, event.metrics))
        elif isinstance(event, LossPoint):
            if event.stage == "posterior mean":
                self._sections.advanced.show_loss(event.step, event.loss)
            else:
                self._sections.guide.show_misfit(event.step, event.loss)
        else:
            self.layers.handle(event)

    def _flush(self) -> None:
        """Redraw, following the slice as the box says."""
        self.layers.follow = self._panel.follow.isChecked()
        self.layers.flush()
        if not self.layers.follow:
            self._panel.follow.setChecked(False)

    def _end(self, end: End) -> None:
        """Take away what a cancelled run left; keep what a failed one had finished."""
        if self.result is not None and not end.message:
            return
        if end.cancelled or not self.layers.keep_unfinished():
            self.layers.remove()


class FittingInr(Activity):
    """A fit of an INR on its own."""

    def __init__(
        self,
        source: Source,
        viewer: Any,
        projections: Projections,
        acquisition: Acquisition,
        sections: Sections,
        remaining: Remaining,
    ) -> None:
        super().__init__("Fitting the INR", source, needed=(projections.layer,), remaining=remaining)
        self.done = "The INR is fitted."
        self.handle = self._handle
        self._viewer, self.projections, self._acquisition = viewer, projections, acquisition
        self._guide = sections.guide
        self._contrast = Contrast(0.0, 1.0)
        self.result: Any = None

    def _handle(self, event: Any) -> None:
        """Plot the misfit; show the slices of a finished fit."""
        if isinstance(event, LossPoint):
            self._guide.show_misfit(event.step, event.loss)
        elif isinstance(event, Contrast):
            self._contrast = event
        elif isinstance(event, Finished) and event.result.inr is not None and not event.result.stopped:
            self.result = event.result
            add_volume(
                self._viewer,
                f"{self.projections.name} INR",
                "INR",
                event.result.guide,
                self.projections.volume_placement(self._acquisition.step_length),
                (self._contrast.low, self._contrast.high),
                known_beam(self._acquisition),
            )
