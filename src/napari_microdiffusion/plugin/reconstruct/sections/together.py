"""The dock's sections together, from top to bottom."""

from napari import Viewer

from ...widgets.section import Section
from ..document import ReconstructionDocument
from .advanced import AdvancedSection
from .beam import BeamSection
from .diffusion import DiffusionSection
from .guide import GuideSection
from .projections import ProjectionsSection
from .reference import ReferenceSection
from .truth import TruthSection


class Sections:
    """The sections in the order of the work; each shows the document and writes it."""

    def __init__(self, document: ReconstructionDocument, viewer: Viewer) -> None:
        self.beam = BeamSection(document, viewer)
        self.reference = ReferenceSection(document, viewer)
        self.guide = GuideSection(document)
        self.diffusion = DiffusionSection(document)
        self.truth = TruthSection(document, viewer)
        self.advanced = AdvancedSection(document)
        # Last, since it tells the others what there is in the viewer.
        self.projections = ProjectionsSection(document, viewer)

    def all(self) -> tuple[Section, ...]:
        """From top to bottom."""
        above = (self.projections, self.beam, self.reference, self.guide)
        return (*above, self.diffusion, self.truth, self.advanced)

    def refresh_layers(self) -> None:
        """Take the lists of layers from the viewer."""
        self.projections.refresh()
        self.beam.views.refresh()
        self.reference.refresh()
        self.truth.refresh()
