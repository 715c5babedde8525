"""Writes the volumes of a video, and its traces."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...io import ImageStack
from ...reconstruction.events import CancelToken
from ...video.events import VideoFinished
from ...video.outputs import VideoOutputs, write_traces
from ..progress import Saved, Step


@dataclass(frozen=True, eq=False)
class SaveVolumes:
    """Writes volumes, regions and what made them.

    Attributes
    ----------
    outputs : VideoOutputs
    finished : VideoFinished
    frames : ndarray, shape (T, Z, H, W)
    regions : ndarray of int, shape (Z, H, W)
    source : ImageStack
        One frame of the projections, for the scale.
    step_length : int
    """

    outputs: VideoOutputs
    finished: VideoFinished
    frames: np.ndarray
    regions: np.ndarray
    source: ImageStack
    step_length: int

    def __call__(self, _cancel: CancelToken) -> Iterator[Step | Saved]:
        """One `Saved`."""
        yield Step("Writing the volumes")
        written = self.outputs.write(self.finished, self.frames, self.regions, self.source, self.step_length)
        yield Saved(written)


@dataclass(frozen=True, eq=False)
class SaveTraces:
    """Writes traces into a table (.csv), or as Neurodata Without Borders has them (.nwb)."""

    path: Path
    finished: VideoFinished
    regions: np.ndarray

    def __call__(self, _cancel: CancelToken) -> Iterator[Step | Saved]:
        """One `Saved`."""
        yield Step("Writing the traces")
        write_traces(self.path, self.finished, self.regions)
        yield Saved({"traces": str(self.path)})
