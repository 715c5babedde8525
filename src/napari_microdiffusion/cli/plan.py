"""What a long run will take, said before it begins: how many parts, how long, how large."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ..errors import UserError
from ..io import ImageStack, read_sizes
from .terminal import PROGRAM, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..batch import Piece, Series, Work
    from ..reconstruction.cost.estimate import Estimate
    from ..reconstruction.cost.speed import MachineSpeed
    from ..reconstruction.outputs import Outputs
    from ..reconstruction.result import ReconstructionResult
    from ..settings.method import ReconstructionConfig
    from ..settings.resolve import Resolved

# Pieces of a batch whose headers are read to say what all will take.
_LOOKED_AT = 20


@dataclass(frozen=True)
class LargeRun:
    """A stack that is reconstructed in blocks, and what it was said to take."""

    speed: "MachineSpeed"
    said: "Estimate"
    is_resumed: bool

    @classmethod
    def planned(cls, image: ImageStack, settings: "Resolved", outputs: "Outputs") -> "LargeRun | None":
        """Say it; None for a stack that is reconstructed in memory, which does not take long."""
        from ..reconstruction.blocks.plan import BlockPlan, blocks_gb
        from ..reconstruction.cost.estimate import estimate, size_in_words

        shape, acquisition, method = image.data.shape, settings.acquisition, settings.method
        room = blocks_gb(shape, acquisition, method)
        if room is None:
            return None
        speed = _speed_for(method)
        said = estimate(shape, acquisition, method, speed=speed, blocks_gb=room)
        count = sum(1 for _ in BlockPlan.of(shape, acquisition, method).blocks())
        images = 1 if outputs.uncertainty is None else 2
        size = size_in_words(images * 4 * acquisition.step_length * int(np.prod(shape)))
        is_resumed = outputs.blocks.exists()
        rest = "; it goes on from the blocks that are finished" if is_resumed else ""
        say(f"{PROGRAM}: {_counted(count, 'block')}: {said}; the result takes {size}{rest}")
        return cls(speed, said, is_resumed)

    def learn(self, result: "ReconstructionResult") -> None:
        """Learn from the run how fast this machine is, if all of it was done now."""
        if not self.is_resumed and not result.stopped:
            self.speed.learn(self.said.stages, result.seconds, self.said.kinds)


def say_plan_of_series(series: "Series", left: "Sequence[Piece]", settings: "Resolved", work: "Work") -> None:
    """Say what the time points that are left will take."""
    from ..reconstruction.cost.estimate import size_in_words

    whole = series.whole
    together = _together(left[:1], len(left), work, settings.method)
    if together is None:
        return
    sizes = read_sizes(whole.source, whole.input.axes, whole.input.position)
    voxels = settings.acquisition.step_length * int(np.prod([sizes.get(axis, 1) for axis in "zyx"]))
    images = 1 if whole.outputs.uncertainty is None else 2
    size = size_in_words(images * 4 * voxels * len(series.pieces))
    say(f"{PROGRAM}: {_counted(len(left), 'time point')}: {together}; the result takes {size}")


def say_plan_of_batch(pieces: "Sequence[Piece]", work: "Work", method: "ReconstructionConfig") -> None:
    """Say what the pieces of a batch will take that are worked on one after the other."""
    looked_at = pieces[:: max(1, len(pieces) // _LOOKED_AT)]
    together = _together(looked_at, len(pieces), work, method)
    if together is not None:
        say(f"{PROGRAM}: {_counted(len(pieces), 'piece')}: {together}")


def _together(
    some: "Sequence[Piece]", count: int, work: "Work", method: "ReconstructionConfig"
) -> "Estimate | None":
    """What so many pieces take that are like some; None where nothing can be said of these."""
    from ..batch import cost_of

    if not some:
        return None
    costs, speed = [], _speed_for(method)
    for piece in some:
        try:
            costs.append(cost_of(piece, work, speed))
        except UserError:
            continue  # its own run says what is wrong with it
    if not costs:
        return None
    largest = max(costs, key=lambda cost: cost.bytes)
    return replace(largest, seconds=count * sum(cost.seconds for cost in costs) / len(costs))


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count > 1)}"


def _speed_for(method: "ReconstructionConfig") -> "MachineSpeed":
    """What is known of this machine; where nothing is, a short run is timed before networks are run."""
    from ..reconstruction.cost.speed import MachineSpeed
    from ..reconstruction.cost.timing import time_machine
    from ..reconstruction.engine import reconstruct

    speed = MachineSpeed.of_this_machine()
    if not speed.is_known and method.needs_torch:
        time_machine(speed, reconstruct)
    return speed
