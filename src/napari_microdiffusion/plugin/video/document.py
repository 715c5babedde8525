"""The document of the dock "Reconstruct video": that of a reconstruction, and what is taken of the frames."""

from typing import Any

from pydantic import Field

from ...errors import UserError
from ...optics import Acquisition
from ...settings.method import ReconstructionConfig
from ...stacks.stack import Stack, array_of
from ...tasks.video.plan import VideoPlan
from ...tasks.video.resolving import ResolveVideo
from ...tasks.video.settings import VideoSettings
from ...video.reconstruction import Video
from ..document import FormSettings
from ..reconstruct.document import ReconstructionDocument

NO_VIDEO = "Choose projections with a time axis first: open a file with … or a sample."


class VideoDocument(ReconstructionDocument):
    """The settings of a video and its layers; `projections` are its frames.

    Attributes
    ----------
    video : FormSettings
        Of the model `VideoSettings`.
    regions : napari.layers.Labels or None
        None to have them found.
    """

    video: Any = Field(default_factory=lambda: FormSettings(model=VideoSettings))
    regions: Any = None

    @property
    def frames(self) -> int:
        """Frames of the chosen layer."""
        return 0 if self.projections is None else int(array_of(self.projections.layer).shape[0])

    @property
    def volume_shape(self) -> tuple[int, int, int]:
        """Of the volume of one frame; none of any size without projections."""
        _, height, width = (0, 0, 0) if self.projections is None else self.projections.shape
        return self.slabs * self.acquisition.step_length, height, width

    def plan(self, acquisition: Acquisition, method: ReconstructionConfig) -> VideoPlan:
        """What comes of the chosen frames, and what it takes."""
        slabs = (max(1, self.slabs), *self.projections.shape[1:])
        return VideoPlan.of(self.frames, slabs, acquisition, method, self.speed, self.is_placed_by_hand)

    def judge(self) -> tuple[str, str]:
        """What comes of it, and why it cannot be started; either may be empty."""
        if self.projections is None:
            return "", NO_VIDEO
        cost, reason = super().judge()
        try:
            self.video.made()
            plan = cost and str(self.plan(self.acquisition_of_run(), self.method_of_run()))
        except UserError as error:
            return "", str(error)
        return plan, reason

    def task(self) -> ResolveVideo:
        """What resolves the chosen frames.

        Raises
        ------
        UserError
            For settings that cannot be.
        """
        settings, found = self.video.made(), self.projections
        acquisition, method = self.acquisition_of_run(), self.method_of_run()
        regions = None if self.regions is None else Stack(self.regions).data
        video = Video(Stack(found.layer).data, settings.rate, regions, settings.corrects_motion)
        plan, reference = self.plan(acquisition, method), self.reference_of(found)
        return ResolveVideo(video, acquisition, method, plan, reference, settings.folder)
