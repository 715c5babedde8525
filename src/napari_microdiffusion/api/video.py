"""From a video of projections to volumes and traces."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ..settings.resolve import resolve, tables
from .reconstruction import reference_stack

if TYPE_CHECKING:
    from ..reconstruction.events import CancelToken
    from ..registration.reference_stack import ReferenceStack
    from ..video.reconstruction import VideoEvents
    from ..video.traces import Traces


def video_events(
    frames: Any,
    n: int,
    *,
    reference: "ArrayLike | ReferenceStack | None" = None,
    regions: np.ndarray | None = None,
    rate: float | None = None,
    corrects_motion: bool = True,
    cancel: "CancelToken | None" = None,
    **settings: Any,
) -> "VideoEvents":
    """Reconstruct a video as a generator of events, among them a `FrameReady` for every frame.

    Parameters
    ----------
    frames : array_like, shape (T, N, H, W)
        Projections with a time axis; read frame by frame as they are indexed.
    n
        Step length in slices.
    reference
        A point-scanned stack of the same tissue, as for `reconstruct`.
    regions : ndarray of int, shape (N*n, H, W), optional
        0 outside, else from 1; found where None.
    rate
        Volumes a second, for the traces.
    corrects_motion
        Whether rigid motion between frames is corrected.
    cancel
        Ends it from another thread.
    **settings
        As for `reconstruct`.

    Raises
    ------
    UsageError
        If a setting cannot be used.
    UserError
        If the frames cannot be used; at the first `next`.
    """
    from ..video.reconstruction import Video, reconstruct_video

    if reference is not None:
        settings.setdefault("guide", "reference")
    settings.setdefault("samples", 0)
    resolved = resolve(tables(n, settings))
    given = reference_stack(reference)
    video = Video(frames, rate, regions, corrects_motion)
    return reconstruct_video(video, resolved.acquisition, resolved.method, reference=given, cancel=cancel)


def reconstruct_video(
    frames: Any, n: int, *, keep: "Callable[[int, np.ndarray], object]", **settings: Any
) -> "Traces":
    """Reconstruct a video to its end.

    Parameters
    ----------
    frames : array_like, shape (T, N, H, W)
    n
        Step length in slices.
    keep : callable
        Called with the index and the volume (N*n, H, W) of every frame, to store it.
    **settings
        As for `video_events`.

    Returns
    -------
    Traces
        Of the regions.
    """
    from ..video.events import FrameReady, VideoFinished

    for event in video_events(frames, n, **settings):
        if isinstance(event, FrameReady):
            keep(event.index, event.volume)
        elif isinstance(event, VideoFinished):
            return event.traces
    raise AssertionError("a video ends with its traces or an exception")
