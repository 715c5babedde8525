"""How long a run will take and how much memory it needs, said before it starts."""

import os
import platform
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from ...optics import Acquisition
from ...settings.method import ReconstructionConfig
from ..device import describe_device, torch_is_loaded
from ..slab.evaluations import PIXELS_ON_CPU, STORED_PIXELS, passes
from .speed import MachineSpeed

# Processor time on one thread of a two-core server, measured with benchmarks/memory_and_time.py at n = 6 with
# the shipped prior. A pixel is one of the projections, a voxel one of the volume.
SECONDS_TO_START = 2.1
SECONDS_PER_MEAN_PIXEL = 2.6e-5
SECONDS_PER_SAMPLED_PIXEL = 9.2e-6
SECONDS_PER_SAMPLED_PIXEL_NOT_STORED = 2.0e-5
# For each epoch.
SECONDS_PER_FITTED_VOXEL = 1.0e-7
SECONDS_PER_LOGSPLINE_VOXEL = 1.1e-6
SECONDS_PER_VOXEL = 7.6e-8
# A reference is shared out in depth, and before that searched for, also mirrored and upside down.
SECONDS_PER_REFERENCE_VOXEL = 1.0e-6
SECONDS_PER_SEARCHED_VOXEL = 8e-6
# Arrays of the extended volume that data consistency through a beam holds at once, counted.
BYTES_PER_BEAM_VOXEL = 28
# Through beams that leave their slabs: the first estimate, and each data consistency, by kind of beam.
SECONDS_PER_BEAM_GUIDE_VOXEL = {"straight": 2.4e-6, "bent": 2.4e-6, "two views": 5.1e-6}
SECONDS_PER_CONSISTENT_VOXEL = {"straight": 1.2e-6, "bent": 1.0e-6, "two views": 1.6e-6}
# Of the paper's networks, measured with benchmarks/paper/schedule.py; training costs as much thrice.
SECONDS_PER_MULTIPLICATION = 5e-11
EVALUATIONS_PER_TRAINING = 3
# What twice the cores gain; measured runs of networks never gain all of it.
CORES_EXPONENT = 0.8
# The window and its libraries come on top of the first in the viewer.
BYTES_TO_START = 350_000_000
BYTES_PER_VOXEL = 13
BYTES_PER_EVALUATED_PIXEL = 1_500
BYTES_PER_FITTED_VOXEL = 75
BYTES_PER_SAMPLED_PIXEL = 170
# Small stacks store their inputs between the evaluations of a sample; large ones make them anew.
BYTES_PER_STORED_PIXEL = 1_130
# Per pixel and channel at full resolution of a training step of the paper's diffusion.
BYTES_PER_TRAINED_CHANNEL = 400
_NETWORKS = ("posterior mean", "samples")
_IN_BLOCKS = ("guide", *_NETWORKS)


@dataclass(frozen=True)
class Estimate:
    """What a run will cost.

    Attributes
    ----------
    seconds : float
    bytes : int
        Memory at the peak, besides that of the window.
    device_text : str
        Where the networks run, in words.
    is_bound : bool
        Whether `seconds` is the time on the processor alone, where a graphics card may do better.
    stages : mapping of str to float
        Of `seconds`, those of each part of the run, in their order: "start", the stages, "end".
    kinds : mapping of str to str
        For each part, what its speed depends on, under which `MachineSpeed` learns it.
    """

    seconds: float
    bytes: int
    device_text: str
    is_bound: bool = False
    stages: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    kinds: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def __str__(self) -> str:
        """E.g. "about 40 s and 1.2 GB on this CPU"."""
        time = "less than" if self.is_bound else "about"
        return f"{time} {_duration(self.seconds)} and {self.bytes / 1e9:.1f} GB on {self.device_text}"


def estimate(
    shape: tuple[int, int, int],
    acquisition: Acquisition,
    config: ReconstructionConfig,
    has_inr: bool = False,
    speed: MachineSpeed | None = None,
    is_placed: bool = False,
    blocks_gb: float | None = None,
) -> Estimate:
    """Estimate time and memory of a run.

    Parameters
    ----------
    shape : tuple of int
        Slabs, rows, columns of the projections.
    acquisition : Acquisition
    config : ReconstructionConfig
    has_inr : bool
        Whether an INR is at hand, so that none needs to be fitted.
    speed : MachineSpeed, optional
        What earlier runs on this machine took, as factors on what is estimated without them.
    is_placed : bool
        Whether the reference is taken where it lies, so that it need not be searched for.
    blocks_gb : float, optional
        The memory that a run in blocks keeps to; None for a run in memory.

    Returns
    -------
    Estimate
        Meant to be right within a factor of about two, and within 30 % of a second run of the same kind.
    """
    pixels = shape[0] // acquisition.views * shape[1] * shape[2]
    voxels = pixels * acquisition.step_length
    device = _device_text(config.device)
    cores = min(config.threads or os.cpu_count() or 1, os.cpu_count() or 1)
    pace = cores**-CORES_EXPONENT
    # In the order of the run; "start" comes before the first stage, "end" judges what came of it.
    seconds = {"start": 0.0, "preview": SECONDS_PER_VOXEL * voxels, "guide": 0.0}
    seconds |= {"posterior mean": 0.0, "samples": 0.0, "end": SECONDS_PER_VOXEL * voxels}
    memory: float = BYTES_TO_START + BYTES_PER_VOXEL * voxels
    if config.needs_torch and not torch_is_loaded():
        seconds["start"] = SECONDS_TO_START
    beam = _kind_of_beam(acquisition)
    if beam is not None:
        memory += BYTES_PER_BEAM_VOXEL * voxels
    if config.guide in ("logspline", "reference"):
        per_voxel = SECONDS_PER_LOGSPLINE_VOXEL if beam is None else SECONDS_PER_BEAM_GUIDE_VOXEL[beam]
        seconds["guide"] = per_voxel * voxels
    if config.guide == "reference":
        searched = 0.0 if is_placed else SECONDS_PER_SEARCHED_VOXEL
        seconds["guide"] += (SECONDS_PER_REFERENCE_VOXEL + searched) * voxels
    if config.guide == "inr" and config.inr_file is None and not has_inr:
        per_voxel = SECONDS_PER_FITTED_VOXEL
        if config.inr.field == "paper":
            per_voxel = EVALUATIONS_PER_TRAINING * SECONDS_PER_MULTIPLICATION * config.inr.multiply_adds()
        fitting = pace * per_voxel * voxels * config.inr.epochs_to_run
        seconds["guide"] = min(fitting, 60 * (config.inr.minutes or float("inf")))
        memory += BYTES_PER_FITTED_VOXEL * voxels
    if config.diffusion == "paper":
        drawn = shape[0] * acquisition.step_length * config.paper.evaluations
        trained = EVALUATIONS_PER_TRAINING * config.paper.batch * config.paper.steps_for(shape[0])
        per_image = pace * SECONDS_PER_MULTIPLICATION * config.paper.multiply_adds() * shape[1] * shape[2]
        seconds["posterior mean"] = per_image * (trained + drawn)
        seconds["samples"] = per_image * drawn * config.samples
        memory += BYTES_PER_TRAINED_CHANNEL * config.paper.width * config.paper.batch * shape[1] * shape[2]
    elif config.diffusion == "slab":
        evaluations = config.samples * config.steps
        stored = pixels <= STORED_PIXELS
        per_sampled = SECONDS_PER_SAMPLED_PIXEL if stored else SECONDS_PER_SAMPLED_PIXEL_NOT_STORED
        means = passes(acquisition)
        seconds["posterior mean"] = pace * pixels * means * SECONDS_PER_MEAN_PIXEL
        seconds["samples"] = pace * pixels * evaluations * per_sampled
        if beam is not None:
            consistent = SECONDS_PER_CONSISTENT_VOXEL[beam] * voxels
            seconds["guide"] += consistent
            seconds["posterior mean"] += consistent * max(means, 1)
            seconds["samples"] += consistent * config.samples
        memory += BYTES_PER_EVALUATED_PIXEL * min(pixels, PIXELS_ON_CPU)
        if config.samples:
            memory += (BYTES_PER_SAMPLED_PIXEL + BYTES_PER_STORED_PIXEL * stored) * pixels
    if config.memory_gb is not None:
        # Tiles shrink until the run fits, but what it starts from does not.
        memory = max(min(memory, config.memory_gb * 1e9), BYTES_TO_START + BYTES_PER_VOXEL * voxels)
    kinds = {stage: _kind(stage, config, beam, device, is_placed) for stage in seconds}
    factors = {stage: 1.0 if speed is None else speed.factor(kind) for stage, kind in kinds.items()}
    if blocks_gb is not None:
        memory = min(memory, 1e9 * blocks_gb)
        # Block by block, all at once; before any run in blocks each part takes as long as outside of them.
        apart = sum(factors[stage] * seconds[stage] for stage in _IN_BLOCKS)
        seconds["posterior mean"] = together = sum(seconds[stage] for stage in _IN_BLOCKS)
        seconds = {stage: spent for stage, spent in seconds.items() if stage not in ("guide", "samples")}
        kinds = {stage: f"{kinds[stage]}, in blocks" for stage in seconds}
        if speed is not None:
            factors |= {stage: speed.factor(kind) for stage, kind in kinds.items() if kind in speed}
            if kinds["posterior mean"] not in speed and together:
                factors["posterior mean"] = apart / together
    is_known = speed is not None and all(kinds[stage] in speed for stage in seconds if stage in _NETWORKS)
    seconds = {stage: factors[stage] * spent for stage, spent in seconds.items()}
    is_bound = "CPU" not in device and not is_known
    return Estimate(sum(seconds.values()), int(memory), device, is_bound, seconds, kinds)


def _kind(stage: str, config: ReconstructionConfig, beam: str | None, device: str, is_placed: bool) -> str:
    """What the speed of a stage depends on, in words."""
    method = ""
    if stage == "guide":
        method = f"inr {config.inr.field}" if config.guide == "inr" else config.guide
        method += " as placed" if config.guide == "reference" and is_placed else ""
    elif stage in _NETWORKS:
        method = config.diffusion
    on = device if stage in _NETWORKS or method.startswith("inr") else ""
    return ", ".join(part for part in (stage, method, beam or "", on) if part)


def _kind_of_beam(acquisition: Acquisition) -> str | None:
    """Which of the costs above a beam has; None where every slab is recorded for itself."""
    if acquisition.is_disjoint:
        return None
    if acquisition.views > 1:
        return "two views"
    return "straight" if acquisition.sampled_beam.is_straight else "bent"


def _device_text(name: str) -> str:
    """The device in words; where there is nothing but the CPU, "auto" need not wait for torch to say so."""
    is_apple = sys.platform == "darwin" and platform.machine() == "arm64"
    if name == "auto" and not torch_is_loaded() and not is_apple and shutil.which("nvidia-smi") is None:
        return describe_device("cpu")
    return describe_device(name)


def size_in_words(count: int) -> str:
    """So many bytes, as "1.6 GB" or "0.4 MB"."""
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{max(count / 1e6, 0.1):.1f} MB"


def _duration(seconds: float) -> str:
    """A duration as precise as an estimate is."""
    if seconds < 10:
        return f"{max(1, round(seconds))} s"
    if seconds < 90:
        return f"{round(seconds / 5) * 5} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"
