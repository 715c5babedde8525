"""What the dock "Reconstruct volume" does: each kind of job, and what its events mean for the viewer."""

from typing import TYPE_CHECKING, Any

from ...optics import Acquisition
from ...reconstruction.events import Finished, LossPoint, Notice
from ..jobs.activity import Activity
from ..jobs.job import End, Saved, Source
from ..jobs.run_panel import RunPanel
from ..layers.contrast import Contrast
from ..layers.metadata import known_beam
from ..layers.result import ResultLayers, add_volume
from .outcome_panel import OutcomePanel, describe_outcome
from .sections.advanced import AdvancedSection
from .sections.guide import GuideSection
from .sections.projections import Projections, ProjectionsSection
from .tasks import AxesWanted, Judged, LayersMade

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Layer


class Reconstructing(Activity):
    """A reconstruction that streams into layers."""

    text = "Starting"
    done = "The volume is reconstructed."
    can_stop = True

    def __init__(
        self,
        source: Source,
        projections: Projections,
        layers: ResultLayers,
        panel: RunPanel,
        outcome: OutcomePanel,
        advanced: AdvancedSection,
    ) -> None:
        super().__init__(source)
        self._advanced = advanced
        self.projections, self.layers = projections, layers
        self.placement = projections.placement
        self._panel, self._outcome = panel, outcome
        self.result: Any = None

    def needs(self, layer: "Layer") -> bool:
        """The projections and the volume."""
        return bool(layer == self.projections.layer or layer == self.layers.volume)

    def handle(self, event: Any) -> None:
        """Stream slices; keep the result."""
        if isinstance(event, Notice):
            if event.level == "warning":
                self._outcome.warn(event.text)
            else:
                self._outcome.say(event.text)
        elif isinstance(event, Judged):
            self.result = event.result
            self._outcome.say(describe_outcome(event.result, event.median_uncertainty, event.metrics))
            self._outcome.offer(event.result.uncertainty is not None, self.layers.truth is not None)
        elif isinstance(event, LossPoint):
            if event.stage == "posterior mean":
                self._advanced.show_loss(event.step, event.loss)
        else:
            self.layers.handle(event)

    def flush(self) -> None:
        """Redraw, following the slice as the box says."""
        self.layers.follow = self._panel.follow.isChecked()
        self.layers.flush()
        if not self.layers.follow:
            self._panel.follow.setChecked(False)

    def ended(self, end: End) -> None:
        """Take away what a cancelled run left; keep what a failed one had finished."""
        if self.result is not None and not end.message:
            return
        if end.cancelled or not self.layers.keep_unfinished():
            self.layers.remove()


class FittingInr(Activity):
    """A fit of an INR on its own."""

    text = "Fitting the INR"
    done = "The INR is fitted."

    def __init__(
        self,
        source: Source,
        viewer: "Viewer",
        projections: Projections,
        acquisition: Acquisition,
        guide: GuideSection,
    ) -> None:
        super().__init__(source)
        self._viewer, self.projections, self._acquisition = viewer, projections, acquisition
        self._guide = guide
        self._contrast = Contrast(0.0, 1.0)
        self.result: Any = None
        guide.plot.clear()
        guide.plot.show()

    def needs(self, layer: "Layer") -> bool:
        """The projections."""
        return bool(layer == self.projections.layer)

    def handle(self, event: Any) -> None:
        """Plot the loss; show the slices of a finished fit."""
        if isinstance(event, LossPoint):
            self._guide.plot.add(event.step, event.loss)
        elif isinstance(event, Contrast):
            self._contrast = event
        elif isinstance(event, Finished) and event.result.inr is not None and not event.result.stopped:
            self.result = event.result
            volume = event.result.guide
            n = self._acquisition.step_length
            add_volume(
                self._viewer,
                f"{self.projections.name} INR",
                "INR",
                volume,
                self.projections.placement.of_volume(n),
                (self._contrast.low, self._contrast.high),
                known_beam(self._acquisition),
            )


class Opening(Activity):
    """A file or a sample on its way into the viewer."""

    text = "Opening"

    def __init__(self, source: Source, viewer: "Viewer", section: ProjectionsSection) -> None:
        super().__init__(source)
        self._viewer, self._section = viewer, section
        self.question: AxesWanted | None = None

    def handle(self, event: Any) -> None:
        """Add the layers and choose the projections among them."""
        if isinstance(event, AxesWanted):
            self.question = event
        if not isinstance(event, LayersMade):
            return
        added = [self._viewer.add_image(data, **look) for data, look, _ in event.layers]
        self._section.refresh()
        # The sample's truth comes first, so that the projections lie above it.
        self._section.select(added[-1] if event.image is None else added[0])


class Calibrating(Activity):
    """The scale of a layer that another reader opened, read again from its file."""

    text = "Reading the scale"

    def __init__(
        self, source: Source, section: ProjectionsSection, layer: Any, outcome: OutcomePanel
    ) -> None:
        super().__init__(source)
        self._section, self._layer, self._outcome = section, layer, outcome

    def needs(self, layer: "Layer") -> bool:
        """The layer."""
        return bool(layer == self._layer)

    def handle(self, event: Any) -> None:
        """Put the file's scale on the layer."""
        if not isinstance(event, LayersMade):
            return
        data, look, _ = event.layers[0]
        if tuple(data.shape[-3:]) != tuple(self._layer.data.shape[-3:]):
            self._outcome.fail(
                f"The file holds stacks of shape {tuple(data.shape)}, the layer {self._layer.data.shape}; "
                "open the file with … instead, which tells channels and slices apart."
            )
            return
        if look["units"][-1] == "pixel":
            self._outcome.fail("The file gives no voxel size either; set the layer's scale by hand.")
            return
        before = self._layer.ndim - 3
        units = [str(unit) for unit in self._layer.units]
        self._layer.scale = (*self._layer.scale[:before], *look["scale"][-3:])
        self._layer.translate = (*self._layer.translate[:before], *look["translate"][-3:])
        self._layer.units = (*units[:before], *look["units"][-3:])
        self._layer.axis_labels = (*self._layer.axis_labels[:before], "z", "y", "x")
        self._layer.metadata.update(look["metadata"])
        self._section.take()


class Saving(Activity):
    """A result on its way to the disk."""

    text = "Saving"
    keeps_messages = True

    def __init__(self, source: Source, outcome: OutcomePanel) -> None:
        super().__init__(source)
        self._outcome = outcome

    def handle(self, event: Any) -> None:
        """Say where it is."""
        if isinstance(event, Saved):
            self._outcome.say("Saved: " + ", ".join(event.files.values()))
