"""What the dock says that a run will take, against what it takes: six kinds of run, each for a second time.

    python benchmarks/estimates.py [--threads 1] [--kinds NAME ...]

First a short run is timed, as the dock does where it knows nothing of the machine; then every kind once, so
that the machine's speed is learned from all of them, then every kind again. Prints a line a run: seconds said
and needed, their ratio, and the seconds of every stage. Nothing is read from or written to the person's own
record of the machine's speed. On a machine that does other things the ratios tell as well how these changed
in between.
"""

import argparse
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from napari_microdiffusion.optics import Acquisition, simulate_projections
from napari_microdiffusion.reconstruction.cost.estimate import Estimate, estimate
from napari_microdiffusion.reconstruction.cost.speed import MachineSpeed
from napari_microdiffusion.reconstruction.cost.timing import time_machine
from napari_microdiffusion.reconstruction.engine import reconstruct
from napari_microdiffusion.reconstruction.events import CancelToken, Finished
from napari_microdiffusion.registration.reference_stack import ReferenceStack
from napari_microdiffusion.settings.method import ReconstructionConfig
from napari_microdiffusion.specimens import make_specimen
from napari_microdiffusion.tasks.reconstructing import Reconstruction
from napari_microdiffusion.tasks.remaining import Remaining

N, SLABS = 6, 16


@dataclass(frozen=True)
class Kind:
    """A kind of run: pixels a side, settings."""

    side: int
    settings: dict[str, Any] = field(default_factory=dict)


KINDS = {
    "small": Kind(48, {"samples": 0}),
    "large": Kind(128, {"samples": 0}),
    "samples": Kind(64, {"samples": 2, "steps": 6}),
    "INR": Kind(48, {"guide": "inr", "samples": 0}),
    "exact": Kind(80, {"consistency": "exact", "samples": 0}),
    "reference": Kind(80, {"guide": "reference", "samples": 0}),
}


def run(kind: Kind, threads: int, speed: MachineSpeed) -> tuple[Estimate, float, dict[str, float]]:
    """What was said of a run, and what it and its stages took, as the dock follows it."""
    truth = 500 + 3000 * make_specimen("vasculature", (N * SLABS, kind.side, kind.side), 5)
    acquisition = Acquisition(step_length=N)
    projections = simulate_projections(truth, acquisition)
    config = ReconstructionConfig(**kind.settings, threads=threads, device="cpu")
    said = estimate(projections.shape, acquisition, config, speed=speed)
    reference = ReferenceStack(truth.astype(np.float32)) if config.guide == "reference" else None
    remaining, spent = Remaining(said), {}
    started = time.monotonic()
    for event in Reconstruction(projections, acquisition, config, reference=reference)(CancelToken()):
        remaining.handle(event)
        if isinstance(event, Finished):
            spent = dict(event.result.seconds)
    needed = time.monotonic() - started
    remaining.teach(speed)
    return said, needed, spent


def main() -> None:
    """Run every kind twice."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--kinds", nargs="*", choices=list(KINDS), default=list(KINDS))
    arguments = parser.parse_args()
    speed = MachineSpeed()
    time_machine(speed, reconstruct)
    for number in (1, 2):
        for name in arguments.kinds:
            said, needed, spent = run(KINDS[name], arguments.threads, speed)
            stages = ", ".join(f"{stage} {said.stages[stage]:.2f}/{s:.2f}" for stage, s in spent.items())
            figures = f"{said.seconds:.1f} s said, {needed:.1f} s needed, ratio {said.seconds / needed:.2f}"
            print(f"run {number}, {name}: {figures} ({stages})", flush=True)


if __name__ == "__main__":
    main()
