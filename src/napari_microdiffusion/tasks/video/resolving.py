"""Resolves a video in depth: volumes go to disk as they are made, and the window hears of each."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...optics import Acquisition
from ...reconstruction.events import CancelToken, Notice
from ...settings.method import ReconstructionConfig
from ...stacks.contrast_limits import limits_of, sampled
from ...video.events import FrameReady, StructureReady, VideoFinished
from ...video.frame_store import FrameStore
from ..imports import load_torch_libraries
from ..progress import Step
from .plan import VideoPlan, VideoRemaining
from .shown_traces import ShownTraces

if TYPE_CHECKING:
    from ...reconstruction.result import ReconstructionResult
    from ...registration.reference_stack import ReferenceStack
    from ...video.reconstruction import Video

# Activity is brighter than the structure, which is a mean.
_HEADROOM = 1.3
# Seconds between two plots of growing traces at least, and how many times as long as they took to work out.
_BETWEEN_TRACES, _SHARE_OF_TRACES = 1.0, 50


@dataclass(frozen=True, eq=False)
class StructureMade:
    """What stays the same is known.

    Attributes
    ----------
    structure : ReconstructionResult
    regions : ndarray of int, shape (Z, H, W)
        0 outside, else from 1.
    frames : ndarray, shape (T, Z, H, W), float32
        Where the volumes appear; zero until then.
    limits, structure_limits : tuple of float
        Contrast limits that show them, and the structure.
    """

    structure: "ReconstructionResult"
    regions: np.ndarray
    frames: np.ndarray
    limits: tuple[float, float]
    structure_limits: tuple[float, float]


@dataclass(frozen=True)
class FrameStored:
    """The volume of one frame is on disk."""

    index: int


@dataclass(frozen=True, eq=False)
class TracesGrown:
    """Traces of the frames until now."""

    traces: ShownTraces


@dataclass(frozen=True, eq=False)
class VideoResolved:
    """The video ended, by itself or because it was stopped.

    Attributes
    ----------
    finished : VideoFinished
    traces : ShownTraces
    remaining : VideoRemaining
        Knows what it took.
    """

    finished: VideoFinished
    traces: ShownTraces
    remaining: VideoRemaining


@dataclass(frozen=True, eq=False)
class ResolveVideo:
    """Resolves a video in depth.

    Attributes
    ----------
    video : Video
        Its frames may be lazy (dask, memory-mapped); they are read in the thread, one at a time.
    acquisition : Acquisition
    config : ReconstructionConfig
        Of the structure.
    plan : VideoPlan
    reference : ReferenceStack or None
    folder : Path or None
        Where the volumes lie until they are saved.
    """

    video: "Video"
    acquisition: Acquisition
    config: ReconstructionConfig
    plan: VideoPlan
    reference: "ReferenceStack | None" = None
    folder: Path | None = None

    def __call__(self, cancel: CancelToken) -> Iterator[Any]:
        """`Step`s and `Notice`s, `StructureMade`, `FrameStored` and `TracesGrown`, then `VideoResolved`.

        There is a `FrameStored` for every frame, and traces about every second.
        """
        yield Step("Starting")
        if self.config.needs_torch:
            load_torch_libraries()
        from ...video.reconstruction import reconstruct_video

        video = self.video
        if video.regions is not None:
            # A copy: regions that are painted on during the run are those of the next.
            video = replace(video, regions=np.array(video.regions))
        store, remaining = FrameStore(self.plan.shape, self.folder), VideoRemaining(self.plan)
        events = reconstruct_video(
            video, self.acquisition, self.config, reference=self.reference, cancel=cancel
        )
        due = 0.0
        for event in events:
            if isinstance(event, FrameReady):
                store.write(event.index, event.volume)
                yield FrameStored(event.index)
                started = time.monotonic()
                if started >= due:
                    yield TracesGrown(ShownTraces(event.traces(), is_whole=False))
                    took = time.monotonic() - started
                    due = started + max(_BETWEEN_TRACES, _SHARE_OF_TRACES * took)
            elif isinstance(event, VideoFinished):
                yield Step("Traces without their noise", 1.0)
                yield VideoResolved(event, ShownTraces(event.traces), remaining)
            else:
                yield remaining.step(event)
            if isinstance(event, Notice):
                yield event
            elif isinstance(event, StructureReady):
                # Of longer numbers napari compiles how it shows them, which takes long.
                is_short = event.regions.max(initial=0) <= np.iinfo(np.uint16).max
                regions = event.regions.astype(np.uint16) if is_short else event.regions
                low, high = limits_of(sampled(event.result.volume))
                bright = low + _HEADROOM * (high - low)
                yield StructureMade(event.result, regions, store.frames, (low, bright), (low, high))
                due = time.monotonic() + _BETWEEN_TRACES
