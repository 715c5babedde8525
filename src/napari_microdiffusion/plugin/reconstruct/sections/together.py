"""The dock's sections together: what a person has set, as the engine takes it."""

from typing import TYPE_CHECKING

from pydantic import ValidationError

from ....errors import UserError
from ....optics import Acquisition
from ....reconstruction.estimate import estimate
from ....settings.method import ReconstructionConfig, settings_error
from ...jobs.job import spare_threads
from ...widgets.section import Section
from .advanced import AdvancedSection
from .beam import BeamSection
from .diffusion import DiffusionSection
from .guide import GuideSection
from .projections import ProjectionsSection
from .truth import TruthSection

if TYPE_CHECKING:
    from napari import Viewer

NO_PROJECTIONS = "Choose projections first: drop a TIFF on the dock or open a sample."
NOTHING_TO_DO = "No first estimate and no diffusion leave nothing to reconstruct: choose one of them."


class Sections:
    """The sections in the order of the work, each kept up to date with those above it.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    def __init__(self, viewer: "Viewer") -> None:
        self.projections = ProjectionsSection(viewer)
        self.beam = BeamSection(viewer)
        self.guide = GuideSection()
        self.diffusion = DiffusionSection()
        self.truth = TruthSection(viewer)
        self.advanced = AdvancedSection()
        self.projections.changed.connect(self._projections_changed)
        self.beam.changed.connect(self._beam_changed)
        self.guide.changed.connect(self._guide_changed)
        self.advanced.guide_chosen.connect(self.guide.set_guide)
        self.advanced.changed.connect(self._advanced_changed)
        self._projections_changed()

    def all(self) -> tuple[Section, ...]:
        """From top to bottom."""
        return (self.projections, self.beam, self.guide, self.diffusion, self.truth, self.advanced)

    def acquisition(self) -> Acquisition:
        """The optics as they are set.

        Raises
        ------
        UsageError
            For a setting that cannot be.
        """
        try:
            return Acquisition(**self.beam.settings(), **self.advanced.optics())
        except ValidationError as error:
            raise settings_error(error) from error

    def config(self) -> ReconstructionConfig:
        """The settings of the method as they are set.

        Raises
        ------
        UsageError
            For a setting that cannot be.
        """
        chosen = {**self.guide.settings(), **self.diffusion.settings(), **self.advanced.settings()}
        try:
            return ReconstructionConfig(**chosen, threads=spare_threads())
        except ValidationError as error:
            raise settings_error(error) from error

    def inr_identity(self) -> tuple[object, ...] | None:
        """What an INR belongs to: the projections, the beam, and the settings of its fit."""
        found = self.projections.projections
        if found is None:
            return None
        return (
            hash(found.layer),
            id(found.layer.data),
            found.chosen,
            *self.beam.identity,
            *self.guide.inr.values().values(),
            self.advanced.paper_schedule,
            self.advanced.light.currentData(),
        )

    def forget_layer(self, layer: object) -> None:
        """A layer is gone, and the INR that was fitted to it with it."""
        held = self.guide.held
        if held is not None and held.belongs_to is not None and held.belongs_to[0] == hash(layer):
            self.guide.held = None

    def refresh_layers(self) -> None:
        """Take the lists of layers from the viewer."""
        self.projections.refresh()
        self.projections.describe()
        self.beam.views.refresh()
        self.truth.refresh()

    def judge(self) -> tuple[str, str]:
        """What a run would cost, and why it cannot be started; either may be empty."""
        found = self.projections.projections
        if found is None:
            return "", NO_PROJECTIONS
        try:
            config = self.config()
            held = self.guide.usable_inr
            shape = (max(1, self.beam.slabs), *found.shape[1:])
            cost = str(estimate(shape, self.acquisition(), config, has_inr=held is not None))
        except UserError as error:
            return "", str(error)
        return cost, NOTHING_TO_DO if config.guide == "none" and config.diffusion == "off" else ""

    def _projections_changed(self) -> None:
        self.beam.take_from(self.projections.projections)

    def _beam_changed(self) -> None:
        n = self.beam.step_length.value()
        self.truth.set_projections(self.projections.projections, n, self.beam.views.per_stack)
        self.guide.set_identity(self.inr_identity())
        self.diffusion.set_step_length(n)

    def _guide_changed(self) -> None:
        self.guide.set_identity(self.inr_identity())
        self.advanced.show_guide(self.guide.guide)

    def _advanced_changed(self) -> None:
        self.diffusion.set_paper_system(self.advanced.system.currentData())
        self.guide.set_paper_schedule(self.advanced.paper_schedule)
        self.guide.set_identity(self.inr_identity())
