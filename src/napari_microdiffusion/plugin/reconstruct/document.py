"""The document of the dock "Reconstruct volume": settings, and the layers and the INR that a run takes."""

from typing import Any

from pydantic import Field

from ...errors import UsageError, UserError
from ...optics import Acquisition
from ...optics.recorded_beam import BEAM_FIELDS
from ...reconstruction.blocks.plan import blocks_gb
from ...reconstruction.cost.estimate import Estimate, estimate
from ...reconstruction.cost.speed import MachineSpeed
from ...registration.reference_stack import ReferenceStack
from ...settings.asked import STEP_LENGTH
from ...settings.method import ReconstructionConfig
from ...stacks.stack import Stack
from ...tasks.held_inr import HeldInr
from ...tasks.several.series import describe_plan, why_no_room
from ...tasks.threads import spare_threads
from ..document import RunDocument

GUIDE = "method.guide"
NO_PROJECTIONS = "Choose projections first: drop a TIFF on the dock or open a sample."
NO_REFERENCE = "The starting estimate is reference, but no layer is chosen: choose one under Reference."
NOTHING_TO_DO = "No starting estimate and no diffusion leave nothing to reconstruct: choose one of them."


class ReconstructionDocument(RunDocument):
    """The settings of a reconstruction, its layers and its INR.

    Attributes
    ----------
    series : ProjectionSeries or None
        What is chosen of the layer of projections: one stack or several, of which `projections` is the first.
    truth : napari.layers.Image or None
    reference : Stack or None
        A point-scanned stack of the same tissue.
    is_placed_by_hand : bool
        Whether it is taken where its layer lies.
    inr : HeldInr or None
    speed : MachineSpeed
    """

    series: Any = None
    truth: Any = None
    reference: Any = None
    is_placed_by_hand: bool = False
    inr: Any = None
    speed: Any = Field(default_factory=MachineSpeed.of_this_machine)

    @property
    def slabs(self) -> int:
        """Slabs of the chosen projections."""
        return 0 if self.projections is None else self.projections.shape[0] // self.views_in_the_stack

    @property
    def views_in_the_stack(self) -> int:
        """Views that the chosen stack of projections holds."""
        return 2 if self.value("acquisition.views") == 2 and not self.is_apart else 1

    @property
    def second_view(self) -> Stack | None:
        """The mirrored view, where it is in a layer of its own."""
        is_wanted = self.is_apart and self.value("acquisition.views") == 2
        return self.mirrored if is_wanted else None

    def reference_of(self, found: Stack) -> ReferenceStack | None:
        """The reference of projections that are to be reconstructed, where the guide takes it."""
        chosen = self.reference
        if chosen is None or self.value(GUIDE) != "reference":
            return None
        n = self.acquisition.step_length
        return ReferenceStack.lying(
            chosen.data,
            chosen.placement,
            (self.slabs * n, *found.shape[1:]),
            found.placement.of_volume(n),
            name=chosen.name,
            by_hand=self.is_placed_by_hand,
        )

    @property
    def inr_identity(self) -> tuple[object, ...] | None:
        """What an INR belongs to: the projections, the beam, and the settings of its fit."""
        found, second = self.projections, self.second_view
        if found is None or self.problem:
            return None
        method, optics = self.run.resolved.method, self.acquisition
        beam = tuple(getattr(optics, name) for name in sorted(BEAM_FIELDS))
        apart = None if second is None else (hash(second.layer), id(second.layer.data))
        of_fit = (method.inr, method.light)
        return (
            hash(found.layer),
            id(found.layer.data),
            found.chosen,
            apart,
            optics.step_length,
            beam,
            of_fit,
        )

    @property
    def usable_inr(self) -> HeldInr | None:
        """The INR at hand, if it belongs to the chosen projections, beam and settings."""
        held = self.inr
        return held if held is not None and held.belongs_to in (None, self.inr_identity) else None

    def forget_layer(self, layer: object) -> None:
        """A layer is gone, and the INR that was fitted to it with it."""
        if self.reference is not None and self.reference.layer is layer:
            self.change(reference=None)
        held = self.inr
        if held is not None and held.belongs_to is not None and held.belongs_to[0] == hash(layer):
            self.change(inr=None)

    def acquisition_of_run(self) -> Acquisition:
        """The optics, if they fit the chosen layers.

        Raises
        ------
        UsageError
            For settings that cannot be, a mirrored view that is missing, or an odd number of projections for
            two views.
        """
        found = self.projections
        if self.is_apart and self.value("acquisition.views") == 2 and self.mirrored is None:
            raise UsageError(
                "no other image layer has the size of the projections, so there is no mirrored view; "
                "open it, or choose another number of views"
            )
        if found is not None and found.shape[0] % self.views_in_the_stack:
            raise UsageError(
                f"“{found.name}” has {found.shape[0]} projections, but two views of the same slabs make an "
                "even number"
            )
        return self.acquisition

    def method_of_run(self) -> ReconstructionConfig:
        """The method with the INR at hand, and with processor threads that leave the window one.

        Raises
        ------
        UsageError
            For settings that cannot be.
        """
        method = self.method
        held = self.usable_inr if method.guide == "inr" else None
        return method.model_copy(
            update={
                "inr_file": None if held is None else held.path,
                "threads": method.threads or spare_threads(),
            }
        )

    def judge(self) -> tuple[str, str]:
        """What a run would cost, and why it cannot be started; either may be empty."""
        found = self.projections
        if found is None:
            return "", NO_PROJECTIONS
        try:
            acquisition, method = self.acquisition_of_run(), self.method_of_run()
            one = self.cost(acquisition, method)
        except UserError as error:
            return "", str(error)
        cost, reason = str(one), ""
        if self.is_series:
            slices = self.slabs * acquisition.step_length
            cost = describe_plan(self.series, one, slices)
            reason = why_no_room(self.series, slices, method.diffusion != "off" and method.samples > 0)
        if method.guide == "reference" and self.reference is None:
            reason = NO_REFERENCE
        elif method.guide == "none" and method.diffusion == "off":
            reason = NOTHING_TO_DO
        return cost, reason

    @property
    def is_series(self) -> bool:
        """Whether several stacks are chosen."""
        return self.series is not None and len(self.series) > 1

    def cost(
        self, acquisition: Acquisition, method: ReconstructionConfig, plane: tuple[int, ...] = ()
    ) -> Estimate:
        """What a run of the chosen projections, or of a part of their plane, would take."""
        height, width = plane or self.projections.shape[1:]
        shape = (max(1, self.slabs), height, width)
        return estimate(
            shape,
            acquisition,
            method,
            has_inr=self.usable_inr is not None,
            speed=self.speed,
            is_placed=self.is_placed_by_hand,
            blocks_gb=blocks_gb(shape, acquisition, method),
        )

    def step_length_source(self) -> str:
        """How the step length is known, in words."""
        if self.projections is None:
            return ""
        origin, recorded = self.run.origin(STEP_LENGTH), self.recorded
        if origin == "file":
            return "from file"
        if recorded.suggested is None and "step_length" not in recorded.acquisition:
            return "not in the file: check it"
        return "assumed: isotropic voxels" if origin == "assumed" else "set by hand"
