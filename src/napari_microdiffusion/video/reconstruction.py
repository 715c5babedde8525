"""From a video of projections to one of volumes, frame by frame, in bounded memory."""

import time
from collections.abc import Generator
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from ..errors import Cancelled, UserError
from ..io import validate_projections
from ..optics import Acquisition
from ..optics.detector.noise import NoiseModel
from ..reconstruction.engine import reconstruct
from ..reconstruction.events import CancelToken, Event, Finished, StopRequested
from ..registration.forward import Forward
from ..registration.reference_stack import ReferenceStack
from ..settings.method import ReconstructionConfig
from .events import FrameReady, StructureReady, VideoFinished, VideoProgress
from .footprints import Footprints
from .frame_noise import frame_noise
from .modulation import modulated
from .motion import frame_shift, moved_back
from .regions import find_regions
from .traces import GrowingTraces

# Frames that the first template is the mean of, and those that tell the noise.
_FIRST, _NOISY = 20, 40
# Shift in pixels from which motion is told.
_MOVED = 0.3

VideoEvents = Generator[Event | VideoProgress | StructureReady | FrameReady | VideoFinished, None, None]


@dataclass(frozen=True, eq=False)
class Video:
    """Projections with a time axis.

    Attributes
    ----------
    frames : array_like, shape (T, V*N, H, W)
        Read frame by frame as it is indexed; may lie on disk.
    rate : float or None
        Volumes a second.
    regions : ndarray of int or None, shape (N*n, H, W)
        0 outside, else from 1; None to have them found.
    corrects_motion : bool
    """

    frames: Any
    rate: float | None = None
    regions: np.ndarray | None = None
    corrects_motion: bool = True

    def check(self, acquisition: Acquisition) -> None:
        """Refuse what cannot be.

        Raises
        ------
        UserError
        """
        shape = tuple(int(size) for size in self.frames.shape)
        if len(shape) != 4 or shape[0] < 2:
            raise UserError(
                f"the video is of shape {shape}; at least 2 frames of projections are needed, (t, z, y, x)"
            )
        if shape[1] % acquisition.views:
            raise UserError(
                f"a frame has {shape[1]} images, but {acquisition.views} views need as many of each"
            )
        volume = (shape[1] // acquisition.views * acquisition.step_length, *shape[2:])
        if self.regions is None:
            return
        if tuple(self.regions.shape) != volume:
            raise UserError(
                f"the regions are of shape {tuple(self.regions.shape)}; those of this video need {volume}, "
                "the shape of its volume"
            )
        if np.dtype(self.regions.dtype).kind not in "iu" or self.regions.min() < 0 or not self.regions.any():
            raise UserError("the regions must be whole numbers: 0 outside, 1 and up inside")


def reconstruct_video(
    video: Video,
    acquisition: Acquisition,
    config: ReconstructionConfig | None = None,
    *,
    reference: ReferenceStack | None = None,
    cancel: CancelToken | None = None,
) -> VideoEvents:
    """Reconstruct a video, yielding events while it goes on.

    What does not change is estimated once, from the mean of all frames. Each frame is that structure with its
    regions as bright as the frame shows them, and what the regions do not explain, beyond the noise, where
    the projections show it.

    Parameters
    ----------
    video : Video
    acquisition : Acquisition
    config : ReconstructionConfig, optional
        Of the structure.
    reference : ReferenceStack, optional
        For the guide `reference` of the structure.
    cancel : CancelToken, optional
        Ends it from another thread; `stop` keeps the frames that are done.

    Yields
    ------
    Event, VideoProgress, StructureReady, FrameReady, VideoFinished
        The engine's events of the structure but its last; then the structure, each frame, and the end.

    Raises
    ------
    UserError
        If the frames or settings cannot be used; raised at the first `next`.
    Cancelled, RunFailed
        As the engine; stopped before the first frame it is cancelled.
    """
    try:
        yield from _resolved(video, acquisition, config, reference, cancel)
    except StopRequested:
        raise Cancelled("stopped before the first volume; nothing is kept") from None


def _resolved(
    video: Video,
    acquisition: Acquisition,
    config: ReconstructionConfig | None,
    reference: ReferenceStack | None,
    cancel: CancelToken | None,
) -> VideoEvents:
    config, cancel = config or ReconstructionConfig(), cancel or CancelToken()
    video.check(acquisition)
    noise = frame_noise([_frame(video, t) for t in range(min(_NOISY, len(video.frames)))], acquisition)
    mean, shifts = yield from _mean(video, cancel)
    validate_projections(mean, "the mean of the frames")
    largest = float(np.abs(shifts).max())
    # Of the mean of all frames the noise is another than that stated for one.
    steady = acquisition
    if acquisition.has_noise_model:
        less = noise.averaged(len(video.frames))
        steady = acquisition.model_copy(
            update={"photon_gain": less.photon_gain, "read_noise": less.read_noise}
        )
    for event in reconstruct(mean, steady, config, reference=reference, cancel=cancel):
        if isinstance(event, Finished):
            structure = event.result
        else:
            yield event
    regions = video.regions
    if regions is None:
        yield VideoProgress("Finding regions", 0.0)
        regions = find_regions(structure.volume)
    yield StructureReady(structure, regions)

    dark = noise.dark_level if acquisition.dark_level == 0 else acquisition.dark_level
    dark = min(float(dark), float(np.percentile(structure.volume, 1)))
    forward = Forward(acquisition, mean.shape[0] // acquisition.views)
    light = np.maximum(structure.volume - np.float32(dark), 0)
    above = replace(noise, dark_level=noise.dark_level - dark)
    footprints = Footprints(light, np.asarray(regions, np.int64), forward, above)
    traces = GrowingTraces.of(light, regions, footprints.deviation, video.rate)
    stopped, started = False, time.perf_counter()
    for t in range(len(video.frames)):
        # Before the first frame there is nothing to keep.
        if cancel.stopped and t:
            stopped = True
            break
        cancel.check()
        frame = moved_back(_frame(video, t), (shifts[t, 0], shifts[t, 1])) - np.float32(dark)
        now = footprints.brightness(frame)
        volume = modulated(frame, light, footprints, now, forward, above)
        traces.add(now[: footprints.regions])
        yield FrameReady(t, volume + np.float32(dark), traces.so_far)
        pace = (t + 1) / (time.perf_counter() - started)
        left = (len(video.frames) - t - 1) / pace
        yield VideoProgress("Frames", (t + 1) / len(video.frames), left, pace)
    about = _provenance(video, structure.provenance, noise, largest)
    yield VideoFinished(traces.so_far(), shifts, stopped, about)


def moved_sentence(shifts: np.ndarray) -> str | None:
    """What to say of motion between frames, (T, 2) in pixels; None where there was hardly any."""
    largest = float(np.abs(shifts).max(initial=0))
    if largest < _MOVED:
        return None
    return f"The frames moved by up to {largest:.1f} pixels; that is corrected."


def _frame(video: Video, index: int) -> np.ndarray:
    frame = np.asarray(video.frames[index], np.float32)
    if not np.isfinite(frame).all():
        raise UserError(f"frame {index} of the video has NaN or infinite pixels; every one must be a number")
    return frame


def _mean(video: Video, cancel: CancelToken) -> Generator[VideoProgress, None, tuple[np.ndarray, np.ndarray]]:
    """The mean of the frames where the first ones lie, and how far each has moved."""
    count = len(video.frames)
    first = np.stack([_frame(video, t) for t in range(min(_FIRST, count))])
    template = np.asarray(first.mean(0), np.float32)
    total, shifts = np.zeros(template.shape, np.float64), np.zeros((count, 2))
    for t in range(count):
        cancel.check()
        frame = _frame(video, t)
        if video.corrects_motion:
            shifts[t] = frame_shift(frame, template)
        total += moved_back(frame, (shifts[t, 0], shifts[t, 1]))
        yield VideoProgress("Mean of all frames", (t + 1) / count)
    return np.asarray(total / count, np.float32), shifts


def _provenance(video: Video, structure: dict[str, Any], noise: NoiseModel, largest: float) -> dict[str, Any]:
    own = {
        "frames": len(video.frames),
        "rate": video.rate,
        "regions": "found" if video.regions is None else "given",
        "noise_of_a_frame": asdict(noise),
        "largest_shift": round(largest, 3) if video.corrects_motion else None,
    }
    return {**structure, "video": own}
