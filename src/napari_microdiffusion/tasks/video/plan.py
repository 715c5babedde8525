"""What resolving a video will take, said before it starts, and how far it is."""

import time
from dataclasses import dataclass
from math import prod
from typing import Any

from ...optics import Acquisition
from ...reconstruction.cost.estimate import Estimate, estimate
from ...reconstruction.cost.speed import MachineSpeed
from ...settings.method import ReconstructionConfig
from ...video.events import StructureReady, VideoProgress
from ..progress import Step, seconds_left
from ..remaining import Remaining

MEAN, FRAMES = "mean of the frames", "frames"
KINDS = {MEAN: "video mean", FRAMES: "video frames"}
# Processor time on one core of a two-core server, for 4 slabs of 256 × 256 at n = 6: of each
# pixel of all projections, and of each voxel of all volumes (benchmarks/video.py --speed).
SECONDS_PER_PIXEL = 2.5e-7
SECONDS_PER_VOXEL = 2.5e-8


@dataclass(frozen=True)
class VideoPlan:
    """What comes of a video, and what it takes.

    Attributes
    ----------
    shape : tuple of int
        Frames, slices, rows and columns of the volumes.
    structure : Estimate
        Of what is reconstructed once.
    whole : Estimate
        Of everything.
    """

    shape: tuple[int, int, int, int]
    structure: Estimate
    whole: Estimate

    @classmethod
    def of(
        cls,
        frames: int,
        slabs: tuple[int, int, int],
        acquisition: Acquisition,
        method: ReconstructionConfig,
        speed: MachineSpeed,
        is_placed: bool = False,
    ) -> "VideoPlan":
        """Plan for so many frames of slabs (slabs, rows, columns); the rest is as `estimate` takes it."""
        shape = (frames, slabs[0] * acquisition.step_length, *slabs[1:])
        structure = estimate(slabs, acquisition, method, speed=speed, is_placed=is_placed)
        pixels = frames * acquisition.views * prod(slabs)
        own = {
            MEAN: SECONDS_PER_PIXEL * pixels * speed.factor(KINDS[MEAN]),
            FRAMES: SECONDS_PER_VOXEL * prod(shape) * speed.factor(KINDS[FRAMES]),
        }
        stages = {MEAN: own[MEAN], **structure.stages, FRAMES: own[FRAMES]}
        whole = Estimate(
            structure.seconds + sum(own.values()),
            structure.bytes,
            structure.device_text,
            structure.is_bound,
            stages,
            {**structure.kinds, **KINDS},
        )
        return cls(shape, structure, whole)

    @property
    def disk_bytes(self) -> int:
        """Of the volumes."""
        return 4 * prod(self.shape)

    def __str__(self) -> str:
        frames, slices, height, width = self.shape
        megabytes = self.disk_bytes / 1e6
        size = f"{megabytes / 1000:.1f} GB" if megabytes >= 1000 else f"{max(1, round(megabytes))} MB"
        return f"{frames} volumes of {slices} slices of {height} × {width}, {size} on disk; {self.whole}"


class VideoRemaining:
    """Follows a video's events against its plan.

    Attributes
    ----------
    spent : dict of str to float
        Seconds of each part that is over.
    """

    def __init__(self, plan: VideoPlan) -> None:
        self.plan, self._structure = plan, Remaining(plan.structure)
        self.spent: dict[str, float] = {}
        self._began, self._shown = time.perf_counter(), 0.0

    def step(self, event: Any) -> Step:
        """How far the whole is after an event."""
        text, left = self._left(event)
        elapsed = time.perf_counter() - self._began
        self._shown = max(self._shown, elapsed / (elapsed + left + 1e-9))
        return Step(text, self._shown, left)

    def teach(self, speed: MachineSpeed) -> None:
        """Teach the machine's speed what a video took that came to its end by itself."""
        speed.learn(self.plan.whole.stages, self.spent, self.plan.whole.kinds)

    def _left(self, event: Any) -> tuple[str, float]:
        """What is being done, and the seconds that the whole will still take."""
        stages, structure = self.plan.whole.stages, self.plan.structure.seconds
        if isinstance(event, StructureReady):
            self.spent |= event.result.seconds
            return "Frames", stages[FRAMES]
        if not isinstance(event, VideoProgress):
            self._structure.handle(event)
            inner = self._structure.step()
            return inner.text, (inner.seconds_left or 0.0) + stages[FRAMES]
        if event.volumes_per_second is not None:
            total = self.plan.shape[0]
            done = round(event.fraction * total)
            self.spent[FRAMES] = done / event.volumes_per_second
            pace = f"{event.volumes_per_second:.3g} volumes a second"
            return f"Frame {done} of {total}, {pace}", event.seconds_left or 0.0
        if MEAN in self.spent:
            return event.text, stages[FRAMES]
        left = seconds_left(event.fraction, self._began)
        if event.fraction >= 1:
            self.spent[MEAN] = time.perf_counter() - self._began
            self._structure = Remaining(self.plan.structure)
        left = stages[MEAN] * (1 - event.fraction) if left is None else left
        return event.text, left + structure + stages[FRAMES]
