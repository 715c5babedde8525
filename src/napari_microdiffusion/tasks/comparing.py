"""Compares reconstructions with the ground truth: metrics, error maps, exports."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from ..optics import MAX_STEP_LENGTH, MIN_STEP_LENGTH
from ..reconstruction.events import CancelToken
from .progress import Saved, Step, seconds_left

MOST_VOXELS = 500_000_000
"""Of a volume that lies in a file, to be read into memory and compared: with the copies that measuring takes,
both volumes need some 20 bytes a voxel."""


class CompareSettings(BaseModel):
    """What a comparison must know beside the volumes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    step_length: int | None = Field(
        None,
        title="Step length n",
        description="Slices per slab of the reconstructions. Without it, what depends on slabs is left out: "
        "the depth recovered and the consistency with the projections.",
        ge=MIN_STEP_LENGTH,
        le=MAX_STEP_LENGTH,
        json_schema_extra={"unit": "slices"},
    )


@dataclass(frozen=True, eq=False)
class Scored:
    """The metrics of reconstruction number `index`, and both volumes as they were measured, in memory."""

    index: int
    metrics: dict[str, Any]
    volume: np.ndarray
    truth: np.ndarray


@dataclass(frozen=True, eq=False)
class CompareVolumes:
    """Measures reconstructions, one after the other.

    Attributes
    ----------
    truth : array_like, shape (Z, H, W)
        May be lazy (dask, memory-mapped), as may the reconstructions.
    reconstructions : sequence of (name, array_like)
    n : int or None
        Step length; None leaves out what depends on slabs.
    profile : ndarray or None
        Axial weights of the beam.
    """

    truth: Any
    reconstructions: Sequence[tuple[str, Any]]
    n: int | None
    profile: np.ndarray | None = None

    def __call__(self, cancel: CancelToken) -> Iterator[Any]:
        """`Step`s, and a `Scored` for each reconstruction."""
        from ..evaluation import comparing

        yield Step("Reading the ground truth")
        truth = np.asarray(self.truth)
        count, started = len(self.reconstructions), time.perf_counter()
        for index, (name, volume) in enumerate(self.reconstructions):
            cancel.check()
            array = np.asarray(volume)
            for step in comparing(array, truth, self.n, profile=self.profile):
                cancel.check()
                if step.metrics is not None:
                    yield Scored(index, step.metrics, array, truth)
                    break
                share = (index + step.fraction) / count
                yield Step(f"Measuring {name}", share, seconds_left(share, started))


@dataclass(frozen=True, eq=False)
class ErrorMade:
    """Reconstruction less truth, float32, and the contrast limit that shows it well."""

    error: np.ndarray
    bound: float


@dataclass(frozen=True, eq=False)
class MapError:
    """Subtracts the truth from a reconstruction."""

    truth: Any
    reconstruction: Any

    def __call__(self, cancel: CancelToken) -> Iterator[Any]:
        """One `ErrorMade`."""
        depth = len(self.reconstruction)
        error = np.empty(tuple(self.reconstruction.shape), np.float32)
        bounds = []
        for z in range(depth):
            cancel.check()
            np.subtract(self.reconstruction[z], self.truth[z], out=error[z], dtype=np.float32)
            bounds.append(float(np.percentile(np.abs(error[z]), 99.8)))
            yield Step("Error map", (z + 1) / depth)
        # What most slices need, so that one bad slice does not darken all others.
        yield ErrorMade(error, float(np.percentile(bounds, 75)) or max(bounds) or 1.0)


@dataclass(frozen=True, eq=False)
class ExportScores:
    """Writes the per-slice figure or table, by the file's ending."""

    path: Path
    rows: Sequence[tuple[str, dict[str, Any]]]
    n: int | None

    def __call__(self, _cancel: CancelToken) -> Iterator[Saved]:
        """One `Saved`."""
        from ..evaluation import slice_figure, slice_table

        if self.path.suffix.lower() == ".csv":
            slice_table(self.path, self.rows)
        else:
            slice_figure(self.path, self.rows, self.n)
        yield Saved({"scores": str(self.path)})
