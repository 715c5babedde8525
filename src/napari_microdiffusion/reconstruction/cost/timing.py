"""A short run on this machine, timed before any other, so that already the first estimate is its own."""

import time
from collections.abc import Callable, Iterable

import numpy as np

from ...optics import Acquisition
from ...settings.method import ReconstructionConfig
from ..events import Event, Finished, StageStarted
from .estimate import estimate
from .speed import MachineSpeed

# Slabs, rows, columns: a third of a second of work.
_SHAPE = (6, 48, 48)
_STEP_LENGTH = 6
# Of which the quickest counts; another one before loads what they need.
_RUNS = 2


def time_machine(
    speed: MachineSpeed,
    reconstruct: Callable[[np.ndarray, Acquisition, ReconstructionConfig], Iterable[Event]],
) -> None:
    """Tell `speed` how long a short run takes on one of the machine's processors; takes about a second.

    It is the processor's time that counts, so that a machine that is busy just now is not thought slow.

    Parameters
    ----------
    speed : MachineSpeed
    reconstruct : callable
        The engine's: from projections, optics and method to the events of a run.
    """
    import torch

    acquisition = Acquisition(step_length=_STEP_LENGTH)
    config = ReconstructionConfig(samples=0, threads=1, device="cpu")
    projections = _bright_bars()
    threads = torch.get_num_threads()
    try:
        runs = [_processor_seconds(reconstruct(projections, acquisition, config)) for _ in range(1 + _RUNS)]
    finally:
        torch.set_num_threads(threads)
    quickest = min(runs[1:], key=lambda seconds: sum(seconds.values()))
    said = estimate(_SHAPE, acquisition, config)  # now, since torch need not be loaded any more
    speed.time(said.stages, quickest, said.kinds)


def _processor_seconds(events: Iterable[Event]) -> dict[str, float]:
    """Seconds of this thread on a processor, by stage of a run."""
    spent: dict[str, float] = {}
    stage, began = "start", time.thread_time()
    for event in events:
        if isinstance(event, StageStarted | Finished):
            now = time.thread_time()
            spent[stage] = spent.get(stage, 0.0) + now - began
            stage, began = event.stage if isinstance(event, StageStarted) else "", now
    return spent


def _bright_bars() -> np.ndarray:
    """Projections of something at a hundred photons, float32."""
    rows, columns = np.indices(_SHAPE[1:])
    light = [5 + 95 * np.exp(-(((rows - columns + 4 * slab) / 5) ** 2)) for slab in range(_SHAPE[0])]
    return np.random.default_rng(0).poisson(light).astype(np.float32)
