"""What the dock "Reconstruct volume" does: each kind of job, and what its events mean for the viewer."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ...optics import Acquisition
from ...reconstruction.events import Finished, LossPoint, Notice, SliceReady
from ...reconstruction.result import describe_outcome
from ...stacks.metadata import known_beam
from ...stacks.projections import Projections
from ...tasks.contrast import Contrast
from ...tasks.large_stacks.reconstructing import GrowingVolumes
from ...tasks.reconstructing import EmptyVolume, Judged
from ...tasks.remaining import Remaining, SeriesRemaining
from ...tasks.several.series import SeriesDone, StackDone
from ...tasks.threads import End, Source
from ..jobs.activity import Activity
from ..jobs.run_panel import RunPanel
from ..layers.result import ResultLayers, add_volume
from .outcome_panel import OutcomePanel
from .sections.together import Sections


class Reconstructing(Activity):
    """A reconstruction that streams into layers."""

    is_series = False

    def __init__(
        self,
        source: Source,
        projections: Projections,
        add_layers: Callable[[np.ndarray | GrowingVolumes], ResultLayers],
        panel: RunPanel,
        outcome: OutcomePanel,
        sections: Sections,
        remaining: Remaining | SeriesRemaining,
    ) -> None:
        super().__init__("Starting", source, needed=(projections.layer,), can_stop=True, remaining=remaining)
        self.done = "The volume is reconstructed."
        self.handle, self.flush, self.ended = self._handle, self._flush, self._end
        self.projections, self._add_layers = projections, add_layers
        self._layers: ResultLayers | None = None
        self._empty: Any = None
        self._panel, self._outcome, self._sections = panel, outcome, sections
        self.result: Any = None
        self.is_saved = False
        self._said: list[str] = []

    @property
    def layers(self) -> ResultLayers:
        """The layers of the result; there are some once a slice has come."""
        assert self._layers is not None
        return self._layers

    def _handle(self, event: Any) -> None:
        """Stream slices; hold the result."""
        if isinstance(event, EmptyVolume):
            self._empty = event.values
        elif isinstance(event, GrowingVolumes):
            # There are projections to look at in it.
            self._add_to(event)
        elif isinstance(event, SliceReady) and self._layers is None:
            # Not before: a new layer takes napari long to show, and a run that is refused needs none.
            self._add_to(self._empty)
            self._empty = None
            self.layers.handle(event)
        elif isinstance(event, Notice) and event.level == "warning":
            self._outcome.warn(event.text)
        elif isinstance(event, Notice):
            # Of several stacks the last one's alone.
            self._said = [event.text] if self.is_series else [*self._said, event.text]
            self._outcome.say(" ".join(self._said))
        elif isinstance(event, Judged):
            # Held as long as its layer; the starting estimate would take as much memory again.
            self.result = replace(event.result, guide=event.result.guide[:0])
            if event.result.stopped:
                self.done = "The run was stopped; what there was is kept."
            outcome = describe_outcome(event.result, event.median_uncertainty, event.metrics)
            self._outcome.say(" ".join([outcome, *self._said]))
        elif isinstance(event, LossPoint):
            if event.stage == "posterior mean":
                self._sections.advanced.show_loss(event.step, event.loss)
            else:
                self._sections.guide.show_misfit(event.step, event.loss)
        elif self._layers is not None:
            self._layers.handle(event)

    def _add_to(self, volume: np.ndarray | GrowingVolumes) -> None:
        self._layers = self._add_layers(volume)
        self.needed = (*self.needed, self._layers.volume)

    def _flush(self) -> None:
        """Redraw, following the slice as the box says."""
        if self._layers is None:
            return
        self.layers.follow = self._panel.follow.isChecked()
        self.layers.flush()
        if not self.layers.follow:
            self._panel.follow.setChecked(False)

    def _end(self, end: End) -> None:
        """Take away what a cancelled run left; keep what a failed one had finished."""
        if self._layers is None or (self.result is not None and not end.message):
            return
        if end.cancelled or not self.layers.keep_unfinished():
            self.layers.remove()


class ReconstructingSeries(Reconstructing):
    """Several stacks, whose volumes stream into the layers of one image."""

    is_series = True

    def _handle(self, event: Any) -> None:
        """Hold the result of all; what is said of a single one is not shown."""
        if isinstance(event, StackDone) and self._layers is None:  # of large stacks no slices come
            self._add_to(self._empty)
            self._empty = None
        if isinstance(event, SeriesDone):
            self.result = event.result
            self.done = "The volumes are reconstructed."
            if event.result.stopped:
                self.done = "The run was stopped; what was finished is kept."
            self._outcome.say(event.text)
            self.layers.handle(Finished(event.result))
        elif not isinstance(event, Finished):
            super()._handle(event)


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
