"""Time and memory of the stages: the constants of `estimate.py` and `network.py` in `reconstruction`.

    python benchmarks/memory_and_time.py [--threads 1] [--cases NAME ...]

Every case runs in a process of its own, so that its peak of memory is its own, and by default on one thread.
Processor time is what counts: it is nearly the same on a machine that has other work to do. Prints one line a
case, then the constants that follow from them. Before all that, how large the network is.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from itertools import pairwise
from typing import Any

from napari_microdiffusion.inr.settings import InrSettings

N = 6
# Name: slabs, side, settings.
CASES: dict[str, tuple[int, int, dict[str, Any]]] = {
    "start": (16, 32, {"guide": "histospline", "diffusion": "off"}),
    "interpolation": (16, 512, {"guide": "histospline", "diffusion": "off"}),
    "torch": (2, 32, {"guide": "histospline", "diffusion": "slab", "samples": 0}),
    "mean, small": (16, 64, {"guide": "histospline", "diffusion": "slab", "samples": 0}),
    "mean, one window": (16, 144, {"guide": "histospline", "diffusion": "slab", "samples": 0}),
    "mean, tiled": (16, 384, {"guide": "histospline", "diffusion": "slab", "samples": 0}),
    "samples": (16, 128, {"guide": "histospline", "diffusion": "slab", "samples": 1, "steps": 4}),
    "samples, tiled": (
        16,
        288,
        {"guide": "histospline", "diffusion": "slab", "samples": 1, "steps": 2},
    ),
    "inr": (16, 128, {"guide": "inr", "diffusion": "off"}),
}


def run_case(name: str, threads: int) -> dict[str, Any]:
    """Run one case in this process."""
    import numpy as np

    from napari_microdiffusion.optics import Acquisition
    from napari_microdiffusion.reconstruction.engine import reconstruct
    from napari_microdiffusion.reconstruction.events import Finished, StageStarted
    from napari_microdiffusion.settings.method import ReconstructionConfig
    from napari_microdiffusion.specimens import make_specimen

    slabs, side, settings = CASES[name]
    specimen = make_specimen("vasculature", (slabs * N, min(side, 128), min(side, 128)), seed=5)
    repeats = -(-side // specimen.shape[1])
    small = specimen.reshape(slabs, N, *specimen.shape[1:]).mean(1) * 1000
    projections = np.tile(small, (1, repeats, repeats))[:, :side, :side].astype(np.uint16)
    result: Any = None
    begun: list[tuple[str, float]] = []
    config = ReconstructionConfig(**settings, threads=threads, device="cpu")
    for event in reconstruct(projections, Acquisition(step_length=N), config):
        if isinstance(event, StageStarted):
            begun.append((event.stage, time.process_time()))
        elif isinstance(event, Finished):
            result = event.result
    begun.append(("", time.process_time()))
    spent = {stage: round(end - start, 2) for (stage, start), (_, end) in pairwise(begun)}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return {
        "name": name,
        "pixels": projections.size,
        "seconds": spent,
        "wall_seconds": round(sum(result.seconds.values()), 2),
        "peak_mb": round(peak / 1e6),
    }


def constants(measured: dict[str, dict[str, Any]]) -> list[str]:
    """What follows from the cases that were run, in the names of `estimate.py`."""
    lines = []

    def slope(small: str, large: str, figure: str = "pixels") -> float:
        a, b = measured[small], measured[large]
        return (b["peak_mb"] - a["peak_mb"]) * 1e6 / (b[figure] - a[figure])

    if {"start", "interpolation"} <= measured.keys():
        case = measured["interpolation"]
        lines.append(f"BYTES_PER_VOXEL {slope('start', 'interpolation') / N:.1f}")
        lines.append(f"SECONDS_PER_VOXEL {sum(case['seconds'].values()) / case['pixels'] / N:.2e}")
    if {"start", "torch"} <= measured.keys():
        lines.append(f"SECONDS_TO_START {sum(measured['torch']['seconds'].values()):.1f}")
        lines.append(f"BYTES_TO_START {measured['torch']['peak_mb']}e6")
    if {"mean, small", "mean, one window"} <= measured.keys():
        lines.append(f"BYTES_PER_EVALUATED_PIXEL {slope('mean, small', 'mean, one window'):.0f}")
    if "mean, tiled" in measured:
        case = measured["mean, tiled"]
        lines.append(f"SECONDS_PER_MEAN_PIXEL {case['seconds']['posterior mean'] / case['pixels']:.2e}")
    for name, small in (("samples", "mean, one window"), ("samples, tiled", "mean, tiled")):
        if {name, small} <= measured.keys():
            case = measured[name]
            seconds = case["seconds"]["samples"] / case["pixels"] / CASES[name][2]["steps"]
            more = (case["peak_mb"] - measured[small]["peak_mb"]) * 1e6 / case["pixels"]
            lines.append(
                f"SECONDS_PER_SAMPLED_PIXEL {seconds:.2e}, bytes more than the mean {more:.0f} ({name})"
            )
    if {"torch", "inr"} <= measured.keys():
        case = measured["inr"]
        seconds = case["seconds"]["guide"] / case["pixels"] / N / InrSettings().epochs_to_run
        lines.append(f"SECONDS_PER_FITTED_VOXEL {seconds:.2e} an epoch, if none was saved")
        lines.append(f"BYTES_PER_FITTED_VOXEL {slope('torch', 'inr') / N:.0f}")
    return lines


def network_size() -> str:
    """Weights of the shipped network, and multiply-adds of its convolutions for a pixel of a slab."""
    import torch
    from torch import nn

    from napari_microdiffusion.reconstruction.priors import load_prior

    network, slabs, side = load_prior("general").denoiser.network, 2, 32
    sizes, counted = network.description(), [0]

    def count(module: nn.Module, _: Any, output: torch.Tensor) -> None:
        if isinstance(module, nn.Conv2d):
            counted[0] += output.numel() * module.weight[0].numel()

    for module in network.modules():
        module.register_forward_hook(count)
    state, condition = (
        torch.zeros(1, slabs, sizes[f"{name}_channels"], side, side) for name in ("state", "condition")
    )
    with torch.inference_mode():
        network(state, torch.zeros(1, 2), condition, torch.zeros(1, sizes["global_features"]))
    weights = sum(weight.numel() for weight in network.parameters()) / 1e6
    work = counted[0] / (slabs * side**2) / 1e6
    return f"{weights:.2f} million weights, {work:.3f} million multiply-adds"


def main() -> None:
    """Measure in processes of their own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--cases", nargs="+", choices=list(CASES), default=list(CASES))
    parser.add_argument("--here", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.here:
        print(json.dumps(run_case(arguments.here, arguments.threads)))
        return
    measured = {}
    print(network_size())
    print(f"{arguments.threads} threads of {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before")
    for name in arguments.cases:
        command = [sys.executable, __file__, "--here", name, "--threads", str(arguments.threads)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{name} failed:\n{done.stderr}")
        measured[name] = json.loads(done.stdout.splitlines()[-1])
        print(f"{name:18} {measured[name]}", flush=True)
    print("\n".join(constants(measured)))


if __name__ == "__main__":
    main()
