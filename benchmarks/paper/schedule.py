"""What the published schedule costs on this machine: its steps timed, its total extrapolated from them.

    python benchmarks/paper/schedule.py [--steps K] [--device cpu]

Projections as in the paper: 21 of 128 x 128 pixels at n = 6. K steps of each kind are run, of the preset
`paper`, and the median is taken. Nothing is run whole but our default method. On a processor the figures are
processor seconds, so that other work on the machine does not enter; on a graphics card they are seconds.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from napari_microdiffusion.diffusion.paper.model import ImageConditions, PaperModel, predict_clean
from napari_microdiffusion.inr.fitting import fit_inr
from napari_microdiffusion.optics import Acquisition, simulate_projections
from napari_microdiffusion.reconstruction.engine import reconstruct
from napari_microdiffusion.reconstruction.events import LossPoint
from napari_microdiffusion.settings.method import ReconstructionConfig
from napari_microdiffusion.settings.presets import merged, preset
from napari_microdiffusion.specimens import make_specimen

N, SLABS, SIZE = 6, 21, 128


@dataclass(frozen=True)
class Clock:
    """Seconds of a device."""

    device: str

    def __call__(self) -> float:
        """Now."""
        if self.device == "cpu":
            return time.process_time()
        torch.cuda.synchronize()
        return time.perf_counter()


def durations(events: Iterator[object], count: int, now: Callable[[], float]) -> list[float]:
    """Times between events; what comes before the first is not counted."""
    times = []
    for _ in events:
        times.append(now())
        if len(times) > count:
            break
    return list(np.diff(times))


def main() -> None:
    """Time and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    now = Clock(arguments.device)
    truth = make_specimen("vasculature", (N * SLABS, SIZE, SIZE), 1)
    acquisition = Acquisition(step_length=N)
    projections = simulate_projections(truth, acquisition)
    published = ReconstructionConfig(**merged(preset("paper"), {"device": arguments.device}))

    fitting = fit_inr(projections, acquisition.profile, published.inr, device=arguments.device)
    first = next(fitting)
    per_epoch = first.steps // published.inr.epochs_to_run
    inr_epoch = float(np.median(durations(fitting, arguments.steps, now))) * per_epoch
    fitting.close()
    inr_total = inr_epoch * published.inr.epochs_to_run
    epochs = published.inr.epochs_to_run
    print(f"INR: {inr_epoch:.2f} s an epoch of {per_epoch} steps; {epochs} epochs take {hours(inr_total)}")

    # The diffusion on a guide that costs nothing: its own steps are the same with any.
    on_linear = merged(preset("paper"), {"guide": "linear", "device": arguments.device})
    run = reconstruct(projections, acquisition, ReconstructionConfig(**on_linear))
    steps = (e for e in run if isinstance(e, LossPoint) and e.stage == "posterior mean")
    training_step = float(np.median(durations(steps, arguments.steps, now)))
    run.close()
    count = published.paper.steps_for(SLABS)
    training = training_step * count
    batch = published.paper.batch
    print(f"training: {training_step:.2f} s a step of {batch} images; {count} steps take {hours(training)}")

    denoising_step = evaluation(published, now) * N * SLABS
    moments = published.paper.sampling_steps
    sampling = denoising_step * moments
    slices = f"{N * SLABS} slices"
    print(f"sampling: {denoising_step:.1f} s a step of {slices}; {moments} steps take {hours(sampling)}")

    total = inr_total + training + sampling
    print("published schedule, extrapolated:", hours(total))
    started = now()
    for _ in reconstruct(projections, acquisition, ReconstructionConfig(samples=0, device=arguments.device)):
        pass
    default = now() - started
    print(f"our default (logspline/slab, posterior mean), run whole: {default:.1f} s")
    print(f"ratio: {total / default:.0f}")


def evaluation(config: ReconstructionConfig, now: Callable[[], float], slices: int = 4) -> float:
    """Time of one denoising step of a slice: the network with and without its condition."""
    paper = config.paper
    model = PaperModel(paper, 2 * paper.frequencies).to(config.device).eval()
    images = torch.zeros(slices, 1, SIZE, SIZE, device=config.device)
    conditions = ImageConditions(
        images, torch.zeros(slices, 2 * paper.frequencies, device=config.device), images
    )
    times = []
    with torch.no_grad():
        for _ in range(2):
            started = now()
            predict_clean(model, images, 500, conditions, (-1, 1))
            times.append(now() - started)
    return times[-1] / slices


def hours(seconds: float) -> str:
    """E.g. "12.3 h"."""
    return f"{seconds / 3600:.1f} h" if seconds > 3600 else f"{seconds:.0f} s"


if __name__ == "__main__":
    main()
