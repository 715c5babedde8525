"""Projects a volume at one step length, or at many to see what they cost."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..optics import Acquisition, DetectorNoise
from ..reconstruction.events import CancelToken
from ..settings.method import ReconstructionConfig
from ..stacks.contrast_limits import limits_of
from .imports import load_torch_libraries
from .progress import Step, seconds_left

if TYPE_CHECKING:
    from ..studies.step_length_sweep import SweepPoint


@dataclass(frozen=True, eq=False)
class Simulated:
    """Projections (N, H, W), contrast limits that show them, and slices that filled no slab."""

    projections: np.ndarray
    limits: tuple[float, float]
    dropped: int


@dataclass(frozen=True, eq=False)
class Simulate:
    """Projects a volume (Z, H, W), which may be lazy (dask, memory-mapped)."""

    volume: Any
    acquisition: Acquisition
    noise: DetectorNoise

    def __call__(self, cancel: CancelToken) -> Iterator[Any]:
        """One `Simulated`."""
        from ..io import validate_projections
        from ..optics import simulate_projections

        yield Step("Reading the volume")
        volume = np.asarray(self.volume)
        validate_projections(volume, "the volume", mask_missing=True)
        cancel.check()
        yield Step(f"Projecting slabs of {self.acquisition.step_length} slices")
        projections = simulate_projections(volume, self.acquisition, **self.noise.model_dump())
        cancel.check()
        yield Simulated(projections, limits_of(projections), len(volume) % self.acquisition.step_length)


@dataclass(frozen=True, eq=False)
class PointReady:
    """One more step length of a sweep, and what says in a sentence how deep the beam may be."""

    point: "SweepPoint"
    answer: Callable[..., str]


@dataclass(frozen=True, eq=False)
class Sweep:
    """Projects and reconstructs a volume with the beam at many step lengths."""

    volume: Any
    acquisitions: Sequence[Acquisition]
    config: ReconstructionConfig
    noise: DetectorNoise

    def __call__(self, cancel: CancelToken) -> Iterator[Any]:
        """`Step`s, and a `PointReady` for each step length."""
        if self.config.needs_torch:
            load_torch_libraries()
        from ..studies.step_length_sweep import SweepPoint, answer, sweep

        yield Step("Reading the volume")
        volume, started = np.asarray(self.volume), time.perf_counter()
        points = sweep(volume, self.acquisitions, self.config, noise=self.noise, cancel=cancel)
        for event in points:
            if isinstance(event, SweepPoint):
                yield PointReady(event, answer)
                continue
            yield Step(event.text, event.fraction, seconds_left(event.fraction, started))
