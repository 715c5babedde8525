"""What the dock "Reconstruct volume" does: each kind of job, and what its events mean for the viewer."""

from typing import Any

from ...optics import Acquisition
from ...reconstruction.events import Finished, LossPoint, Notice
from ...reconstruction.result import describe_outcome
from ..jobs.activity import Activity
from ..jobs.job import End, Source
from ..jobs.run_panel import RunPanel
from ..layers.contrast import Contrast
from ..layers.metadata import known_beam
from ..layers.result import ResultLayers, add_volume
from .outcome_panel import OutcomePanel
from .sections.projections import Projections, ProjectionsSection
from .sections.together import Sections
from .tasks import Judged, LayersMade, Question


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
    ) -> None:
        needed = (projections.layer, layers.volume)
        super().__init__(
            "Starting", source, needed=needed, done="The volume is reconstructed.", can_stop=True
        )
        self.handle, self.flush, self.ended = self._handle, self._flush, self._end
        self.projections, self.layers, self.placement = projections, layers, projections.placement
        self._panel, self._outcome, self._advanced = panel, outcome, sections.advanced
        self.result: Any = None

    def _handle(self, event: Any) -> None:
        """Stream slices; hold the result."""
        if isinstance(event, Notice):
            (self._outcome.warn if event.level == "warning" else self._outcome.say)(event.text)
        elif isinstance(event, Judged):
            self.result = event.result
            self._outcome.say(describe_outcome(event.result, event.median_uncertainty, event.metrics))
            self._outcome.offer(event.result.uncertainty is not None, self.layers.truth is not None)
        elif isinstance(event, LossPoint):
            if event.stage == "posterior mean":
                self._advanced.show_loss(event.step, event.loss)
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
    ) -> None:
        super().__init__("Fitting the INR", source, needed=(projections.layer,), done="The INR is fitted.")
        self.handle = self._handle
        self._viewer, self.projections, self._acquisition = viewer, projections, acquisition
        self._plot = sections.guide.plot
        self._contrast = Contrast(0.0, 1.0)
        self.result: Any = None
        self._plot.clear()
        self._plot.show()

    def _handle(self, event: Any) -> None:
        """Plot the loss; show the slices of a finished fit."""
        if isinstance(event, LossPoint):
            self._plot.add(event.step, event.loss)
        elif isinstance(event, Contrast):
            self._contrast = event
        elif isinstance(event, Finished) and event.result.inr is not None and not event.result.stopped:
            self.result = event.result
            add_volume(
                self._viewer,
                f"{self.projections.name} INR",
                "INR",
                event.result.guide,
                self.projections.placement.of_volume(self._acquisition.step_length),
                (self._contrast.low, self._contrast.high),
                known_beam(self._acquisition),
            )


class Opening(Activity):
    """A file or a sample on its way into the viewer."""

    def __init__(self, source: Source, viewer: Any, section: ProjectionsSection) -> None:
        super().__init__("Opening", source)
        self.handle = self._handle
        self._viewer, self._section = viewer, section
        self.question: Question | None = None

    def _handle(self, event: Any) -> None:
        """Add the layers and choose the projections among them."""
        if isinstance(event, Question):
            self.question = event
        if not isinstance(event, LayersMade):
            return
        added = [self._viewer.add_image(data, **look) for data, look, _ in event.layers]
        self._section.refresh()
        self._section.select(added[event.chosen])


def put_scale(made: LayersMade, layer: Any) -> str:
    """Put the scale of a file on the layer that another reader opened; says why where it cannot be."""
    data, look, _ = made.layers[0]
    if tuple(data.shape[-3:]) != tuple(layer.data.shape[-3:]):
        return (
            f"The file holds stacks of shape {tuple(data.shape)}, the layer {layer.data.shape}; "
            "open the file with … instead, which tells channels and slices apart."
        )
    if look["units"][-1] == "pixel":
        return "The file gives no voxel size either; set the layer's scale by hand."
    before = layer.ndim - 3
    units = [str(unit) for unit in layer.units]
    layer.scale = (*layer.scale[:before], *look["scale"][-3:])
    layer.translate = (*layer.translate[:before], *look["translate"][-3:])
    layer.units = (*units[:before], *look["units"][-3:])
    layer.axis_labels = (*layer.axis_labels[:before], "z", "y", "x")
    layer.metadata.update(look["metadata"])
    return ""
