"""Learn in which directions of the code tissues differ, and write them into the prior's file.

    python benchmarks/tissue_directions.py PRIOR.safetensors [--tissues 1000] [--processes 2] [--scanned DIR]

Adapting to a reference in closed form takes its first step along them; see
`training/adaptation/directions.py`. Answers of the prior stay the same.
"""

import argparse
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import tifffile
import torch

from napari_microdiffusion.diffusion.prior import Prior
from napari_microdiffusion.training.adaptation.directions import (
    TissueGradients,
    gradients,
    tissues,
    with_directions,
)
from napari_microdiffusion.training.settings import BatchSettings


def collect(prior: Path, settings: BatchSettings, count: int, seed: int) -> list[TissueGradients]:
    """What the tissues of one process say, on one thread."""
    torch.set_num_threads(1)
    denoiser = Prior.load(prior).denoiser
    generator = torch.Generator().manual_seed(seed)
    found = []
    for sides in islice(tissues(settings, seed), count):
        found.append(gradients(denoiser, sides, generator))
        if len(found) % 20 == 0:
            print(f"seed {seed}: {len(found)} of {count}", flush=True)
    return found


def main() -> None:
    """Learn, printing as it goes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prior", type=Path)
    parser.add_argument("--tissues", type=int, default=1000)
    parser.add_argument("--directions", type=int, default=64)
    parser.add_argument("--seed", type=int, default=1001)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--scanned", type=Path, help="folder of volumes to learn from, too")
    parser.add_argument("--scanned-share", type=float, default=0.25, help="share of tissues cut from these")
    arguments = parser.parse_args()
    paths = sorted(arguments.scanned.glob("*.tif")) if arguments.scanned else []
    scanned = tuple(tifffile.imread(path) for path in paths)
    settings = BatchSettings(scanned=scanned, scanned_share=arguments.scanned_share if paths else 0.0)
    count = arguments.processes
    seeds = range(arguments.seed, arguments.seed + count)
    each = partial(collect, arguments.prior, settings, arguments.tissues // count)
    # Not forked: torch's threads do not survive that.
    with ProcessPoolExecutor(count, multiprocessing.get_context("spawn")) as pool:
        found = [tissue for part in pool.map(each, seeds) for tissue in part]
    learned = with_directions(Prior.load(arguments.prior), found, arguments.directions)
    assert learned.denoiser.network.tissues is not None
    print("trust:", np.round(learned.denoiser.network.tissues.trust.numpy(), 2))
    learned.save(arguments.prior)


if __name__ == "__main__":
    main()
