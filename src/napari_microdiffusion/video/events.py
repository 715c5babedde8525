"""What the reconstruction of a video says while it works."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..reconstruction.result import ReconstructionResult
from .traces import Traces


@dataclass(frozen=True)
class VideoProgress:
    """How far a stage is, 0 to 1; volumes a second while frames are reconstructed."""

    text: str
    fraction: float
    seconds_left: float | None = None
    volumes_per_second: float | None = None


@dataclass(frozen=True, eq=False)
class StructureReady:
    """What stays the same over the whole video, and its regions (N*n, H, W), 0 outside and else from 1."""

    result: ReconstructionResult
    regions: np.ndarray


@dataclass(frozen=True, eq=False)
class FrameReady:
    """A frame is reconstructed.

    Attributes
    ----------
    index : int
    volume : ndarray, shape (N*n, H, W), float32
        In the projections' grey levels.
    traces : callable
        Makes the traces of the frames up to this one.
    """

    index: int
    volume: np.ndarray
    traces: Callable[[], Traces]


@dataclass(frozen=True, eq=False)
class VideoFinished:
    """The video ended.

    Attributes
    ----------
    traces : Traces
        Of the regions, as far as frames were reconstructed.
    shifts : ndarray, shape (T, 2)
        How far each frame had moved (y, x), in pixels.
    stopped : bool
        Whether it was asked to end before the last frame.
    provenance : dict
        That of the structure, and what holds for the frames.
    """

    traces: Traces
    shifts: np.ndarray
    stopped: bool = False
    provenance: dict[str, Any] = field(default_factory=dict)
