"""What is taken of the frames, and the regions whose light is followed."""

from typing import Any

from napari import Viewer

from ...stacks.roles import why_no_regions
from ...tasks.video.settings import VideoSettings, rate_of
from ..reconstruct.sections.beam import BeamSection
from ..reconstruct.sections.diffusion import DiffusionSection
from ..reconstruct.sections.projections import ProjectionsSection
from ..reconstruct.sections.reference import ReferenceSection
from ..widgets.form import Form
from ..widgets.layer_chooser import LayerChooser
from ..widgets.section import Section, column, titled
from .document import VideoDocument

FOUND = "found automatically"
_TIP = (
    "A labels layer in the shape of the volumes: 0 outside, 1 and up inside. A run adds the regions that it "
    "finds as such a layer, to be painted on and chosen here for the next run."
)


class FramesSection(Section):
    """Rate, motion, room on disk, and the regions."""

    def __init__(self, document: VideoDocument, viewer: Viewer) -> None:
        super().__init__("Frames and regions", is_open=True, page="video")
        self.document = document
        self._rated: Any = None
        self.form = Form(document.video, VideoSettings.model_fields, unset={"rate": "not known"})
        self.regions = LayerChooser(viewer, self._why_not, "regions", _TIP, none=FOUND)
        self.set_content(column(self.form, titled("Regions", self.regions, _TIP)))
        self.regions.changed.connect(self._choose)
        document.events.revision.connect(self.show_state)
        document.video.events.revision.connect(self.show_state)
        self.show_state()

    def refresh(self) -> None:
        """Take the list of layers from the viewer."""
        self.regions.refresh()

    def show_state(self, _revision: int = 0) -> None:
        """Say what is set; a layer whose time axis has a unit of time says the rate."""
        found = self.document.projections
        layer = None if found is None else found.layer
        if layer is not self._rated:
            self._rated = layer
            self.regions.refresh()
            if layer is not None and (rate := rate_of(layer)) is not None:
                self.document.video.ask({"rate": rate})
        rate, regions = self.document.video.value("rate"), self.document.regions
        frames = f"{self.document.frames} frames" if found is not None else ""
        parts = (frames, f"{rate:g}/s" if rate else "", "" if regions is None else regions.name)
        self.set_state(", ".join(part for part in parts if part))

    def _why_not(self, layer: Any) -> str:
        if self.document.problem:
            return "The settings cannot be"
        return why_no_regions(layer, self.document.volume_shape)

    def _choose(self) -> None:
        if self.regions.layer is not self.document.regions:
            self.document.change(regions=self.regions.layer)


class Sections:
    """The sections in the order of the work; each shows the document and writes it."""

    def __init__(self, document: VideoDocument, viewer: Viewer) -> None:
        self.beam = BeamSection(document)
        self.reference = ReferenceSection(document, viewer)
        self.diffusion = DiffusionSection(document)
        self.frames = FramesSection(document, viewer)
        # Last, since it tells the others what there is in the viewer.
        self.projections = ProjectionsSection(document, viewer, has_frames=True)

    def all(self) -> tuple[Section, ...]:
        """From top to bottom."""
        return (self.projections, self.beam, self.reference, self.diffusion, self.frames)

    def refresh_layers(self) -> None:
        """Take the lists of layers from the viewer."""
        self.projections.refresh()
        self.reference.refresh()
        self.frames.refresh()
