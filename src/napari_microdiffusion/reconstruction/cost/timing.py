"""A short run on this machine, timed before any other, so that already the first estimate is its own."""

from collections.abc import Callable, Iterable

import numpy as np

from ...optics import Acquisition
from ...settings.method import ReconstructionConfig
from ..events import Event, Finished
from .estimate import estimate
from .speed import MachineSpeed

# Slabs, rows, columns: a third of a second of work.
_SHAPE = (6, 48, 48)
_STEP_LENGTH = 6
# Of which the quickest counts: something else may take the processor meanwhile. Another one before loads all.
_RUNS = 2


def time_machine(
    speed: MachineSpeed,
    reconstruct: Callable[[np.ndarray, Acquisition, ReconstructionConfig], Iterable[Event]],
    threads: int | None = None,
) -> None:
    """Tell `speed` how long a short run takes on the processor; takes about a second.

    Parameters
    ----------
    speed : MachineSpeed
    reconstruct : callable
        The engine's: from projections, optics and method to the events of a run.
    threads : int, optional
        Processor threads that runs are given.
    """
    acquisition = Acquisition(step_length=_STEP_LENGTH)
    config = ReconstructionConfig(samples=0, threads=threads, device="cpu")
    said = estimate(_SHAPE, acquisition, config)
    projections = _bright_bars()
    runs = [
        event.result.seconds
        for _ in range(1 + _RUNS)
        for event in reconstruct(projections, acquisition, config)
        if isinstance(event, Finished)
    ]
    quickest = min(runs[1:], key=lambda seconds: sum(seconds.values()))
    speed.time(said.stages, quickest, said.kinds)


def _bright_bars() -> np.ndarray:
    """Projections of something at a hundred photons, float32."""
    rows, columns = np.indices(_SHAPE[1:])
    light = [5 + 95 * np.exp(-(((rows - columns + 4 * slab) / 5) ** 2)) for slab in range(_SHAPE[0])]
    return np.random.default_rng(0).poisson(light).astype(np.float32)
