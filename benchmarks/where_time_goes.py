"""Where the processor time of a reconstruction goes, and what share of it plain convolutions would take.

    python benchmarks/where_time_goes.py [--shape 16 128 128] [--threads 1] [--photons 100]
        [--functions 15]

Projections of a procedural specimen, repeated over the image, are reconstructed four times at step length 6
without samples, the first time to load everything. Printed, of the quickest of the others: processor seconds
by stage; those of the network's convolutions alone, of the whole network and of posing its inputs; and those
that the same convolutions take by themselves, on numbers of the same shapes, in the same process. With
--functions the functions that took most, by their own time. A stack that is reconstructed in blocks is one of
`benchmarks/scale.py`; its network works window by window as here.
"""

import argparse
import cProfile
import pstats
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from napari_microdiffusion.diffusion.networks import SlabNetwork
from napari_microdiffusion.optics import Acquisition, simulate_projections
from napari_microdiffusion.reconstruction.engine import reconstruct
from napari_microdiffusion.reconstruction.events import Finished, StageStarted
from napari_microdiffusion.reconstruction.slab.tile_evaluator import TileEvaluator
from napari_microdiffusion.settings.method import ReconstructionConfig
from napari_microdiffusion.specimens import make_specimen

N, _TILE = 6, 128
_REPEATS = 3


class Spent:
    """Processor seconds by name, and how often each convolution was asked for which shape."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.convolutions: Counter[Convolution] = Counter()

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, its time counted."""

        def wrapper(*args: Any, **kwargs: Any) -> Any:
            start = time.process_time()
            try:
                return function(*args, **kwargs)
            finally:
                self.seconds[name] += time.process_time() - start

        return wrapper

    def convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None, *rest: Any, **named: Any) -> Tensor:
        """A convolution, counted and timed."""
        is_last = x.is_contiguous(memory_format=torch.channels_last)
        self.convolutions[
            Convolution(x.shape, weight.shape, bias is not None, rest, tuple(named.items()), is_last)
        ] += 1
        start = time.process_time()
        found = _conv2d(x, weight, bias, *rest, **named)
        self.seconds["convolutions"] += time.process_time() - start
        return found

    @torch.inference_mode()
    def plain_seconds(self) -> float:
        """What the same convolutions take by themselves, the quickest of some attempts each."""
        return sum(count * one.seconds() for one, count in self.convolutions.items())


@dataclass(frozen=True)
class Convolution:
    """Shapes of a convolution, and what else it was given."""

    image: tuple[int, ...]
    weight: tuple[int, ...]
    has_bias: bool
    rest: tuple[Any, ...]
    named: tuple[tuple[str, Any], ...]
    is_last: bool

    def seconds(self) -> float:
        """Processor time of it upon random numbers."""
        kind = torch.channels_last if self.is_last else torch.contiguous_format
        x = torch.rand(self.image).contiguous(memory_format=kind)
        weight, bias = torch.rand(self.weight), torch.rand(self.weight[0]) if self.has_bias else None
        taken = []
        for _ in range(_REPEATS):
            start = time.process_time()
            _conv2d(x, weight, bias, *self.rest, **dict(self.named))
            taken.append(time.process_time() - start)
        return min(taken)


_conv2d = functional.conv2d


@contextmanager
def watched(spent: Spent) -> Iterator[None]:
    """Within it the network's parts are timed."""
    network, inputs = SlabNetwork.forward, TileEvaluator.inputs
    functional.conv2d = spent.convolve
    SlabNetwork.forward = spent.timed("network", network)  # type: ignore[method-assign]
    TileEvaluator.inputs = spent.timed("posing its inputs", inputs)  # type: ignore[method-assign]
    try:
        yield
    finally:
        functional.conv2d = _conv2d
        SlabNetwork.forward, TileEvaluator.inputs = network, inputs  # type: ignore[method-assign]


def stages(projections: np.ndarray, config: ReconstructionConfig) -> dict[str, float]:
    """Processor seconds by stage of one reconstruction; what comes before the first is `facts`."""
    begun = [("facts", time.process_time())]
    for event in reconstruct(projections, Acquisition(step_length=N), config):
        if isinstance(event, StageStarted):
            begun.append((event.stage, time.process_time()))
        elif isinstance(event, Finished):
            begun.append(("", time.process_time()))
    return {stage: end - start for (stage, start), (_, end) in pairwise(begun)}


def quickest(projections: np.ndarray, config: ReconstructionConfig) -> tuple[dict[str, float], Spent]:
    """Of some reconstructions, the one in which the network took least, as the convolutions are timed."""
    tries = []
    for _ in range(_REPEATS):
        spent = Spent()
        with watched(spent):
            tries.append((stages(projections, config), spent))
    return min(tries, key=lambda found: found[1].seconds["network"])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", type=int, nargs=3, default=(16, 128, 128), metavar=("N", "H", "W"))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--photons", type=float, default=100.0)
    parser.add_argument("--functions", type=int, default=0)
    arguments = parser.parse_args()
    slabs, height, width = arguments.shape
    truth = make_specimen("vasculature", (slabs * N, _TILE, _TILE), 5)
    small = simulate_projections(truth, Acquisition(step_length=N), photons=arguments.photons, seed=1)
    projections = np.tile(small, (1, -(-height // _TILE), -(-width // _TILE)))[:, :height, :width]
    config = ReconstructionConfig(samples=0, threads=arguments.threads, device="cpu")
    stages(projections, config)
    profile, started = cProfile.Profile(), time.perf_counter()
    found, spent = quickest(projections, config)
    clock = (time.perf_counter() - started) / _REPEATS
    if arguments.functions:
        with profile:
            stages(projections, config)
    print(f"{slabs} x {height} x {width}, {arguments.threads} threads", end=": ")
    print(f"{sum(found.values()):.2f} s of processor time, {clock:.2f} s by the clock")
    for name, seconds in found.items():
        print(f"  {name:28} {seconds:7.2f}")
    for name in ("posing its inputs", "network", "convolutions"):
        print(f"    {name:26} {spent.seconds[name]:7.2f}")
    plain = spent.plain_seconds()
    print(f"    the same, by themselves    {plain:7.2f}")
    print(
        f"share of the convolutions' rate: network {plain / spent.seconds['network']:.2f}, "
        f"posterior mean {plain / found['posterior mean']:.2f}, whole {plain / sum(found.values()):.2f}"
    )
    if arguments.functions:
        pstats.Stats(profile).sort_stats("tottime").print_stats(arguments.functions)


if __name__ == "__main__":
    main()
