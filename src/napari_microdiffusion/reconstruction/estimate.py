"""How long a run will take and how much memory it needs, said before it starts."""

import os
from dataclasses import dataclass

from ..optics import Acquisition
from .config import ReconstructionConfig
from .device import describe_device

# Measured with benchmarks/memory_and_time.py on two cores of a server, 16 slabs of 128 x 128 and 512 x 512.
MEASURED_CORES = 2
SECONDS_TO_START = 3.0
SECONDS_PER_EVALUATED_PIXEL = 7.0e-6
SECONDS_PER_FITTED_VOXEL = 1.0e-6
SECONDS_PER_VOXEL = 6.0e-8
BYTES_TO_START = 450_000_000
BYTES_PER_VOXEL = 8
BYTES_PER_EVALUATED_PIXEL = 2_600
BYTES_PER_FITTED_VOXEL = 60
PIXELS_AT_ONCE = 260_000
# A graphics card is this much faster at evaluations than the measured cores, at the least.
GPU_GAIN = 20.0


@dataclass(frozen=True)
class Estimate:
    """What a run will cost.

    Attributes
    ----------
    seconds : float
    bytes : int
        Main memory of the whole program at the peak.
    device_text : str
        Where the networks run, in words.
    """

    seconds: float
    bytes: int
    device_text: str

    def __str__(self) -> str:
        """E.g. "about 40 s and 1.2 GB on this CPU"."""
        return f"about {_duration(self.seconds)} and {self.bytes / 1e9:.1f} GB on {self.device_text}"


def estimate(
    shape: tuple[int, int, int],
    acquisition: Acquisition,
    config: ReconstructionConfig,
) -> Estimate:
    """Estimate time and memory of a run.

    Parameters
    ----------
    shape : tuple of int
        Slabs, rows, columns of the projections.
    acquisition : Acquisition
    config : ReconstructionConfig

    Returns
    -------
    Estimate
        Meant to be right within a factor of about two.
    """
    pixels = shape[0] * shape[1] * shape[2]
    voxels = pixels * acquisition.step_length
    device = describe_device(config.device)
    on_cpu = "CPU" in device or "found" in device
    cores = min(config.threads or os.cpu_count() or 1, os.cpu_count() or 1)
    pace = (MEASURED_CORES / cores) ** 0.8 if on_cpu else 1 / GPU_GAIN
    seconds = SECONDS_PER_VOXEL * voxels
    memory = BYTES_TO_START + BYTES_PER_VOXEL * voxels
    if config.guide == "inr" or config.diffusion != "off":
        seconds += SECONDS_TO_START
    if config.guide == "inr" and config.inr_file is None:
        seconds += pace * SECONDS_PER_FITTED_VOXEL * voxels * config.inr.epochs_to_run
        memory += BYTES_PER_FITTED_VOXEL * voxels
    if config.diffusion != "off":
        evaluations = 1 + config.samples * config.steps
        seconds += pace * SECONDS_PER_EVALUATED_PIXEL * pixels * evaluations
        memory += BYTES_PER_EVALUATED_PIXEL * min(pixels, PIXELS_AT_ONCE)
        if config.samples:
            memory += 2 * BYTES_PER_VOXEL * voxels
    return Estimate(seconds, int(memory), device)


def _duration(seconds: float) -> str:
    """A duration as precise as an estimate is."""
    if seconds < 10:
        return f"{max(1, round(seconds))} s"
    if seconds < 90:
        return f"{round(seconds / 5) * 5} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"
