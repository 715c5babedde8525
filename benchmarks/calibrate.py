"""Learn what the spread of a prior's samples is worth, and write it into the prior's file.

    python benchmarks/calibrate.py PRIOR.safetensors [--stacks 240] [--seed 503] [--processes 2]

Fresh procedural specimens are reconstructed with the default settings, each process those of its own seed;
see `diffusion/calibration.py`.
"""

import argparse
import dataclasses
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from calibration import outcomes

from napari_microdiffusion.diffusion.calibration import Calibration, Outcome
from napari_microdiffusion.diffusion.prior import Prior


def collect(prior: Path, stacks: int, seed: int) -> list[Outcome]:
    """The outcomes of one process, on one thread."""
    import torch

    torch.set_num_threads(1)
    found = []
    for outcome in outcomes(prior, stacks, seed):
        found.append(outcome)
        print(f"seed {seed}: {len(found)} of {stacks}", flush=True)
    return found


def main() -> None:
    """Calibrate, printing as it goes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prior", type=Path)
    parser.add_argument("--stacks", type=int, default=240)
    parser.add_argument("--seed", type=int, default=503)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument(
        "--recentre",
        action="store_true",
        help="keep how the file's factors depend on the sample: for weights that were trained on a little",
    )
    arguments = parser.parse_args()
    count = arguments.processes
    seeds = range(arguments.seed, arguments.seed + count)
    # Not forked: torch's threads do not survive that.
    with ProcessPoolExecutor(count, multiprocessing.get_context("spawn")) as pool:
        parts = pool.map(collect, [arguments.prior] * count, [arguments.stacks // count] * count, seeds)
        found = [outcome for part in parts for outcome in part]
    prior = Prior.load(arguments.prior)
    if arguments.recentre and prior.calibration is not None:
        calibration = prior.calibration.recentred(found)
    else:
        calibration = Calibration.of(found)
    print("factors of a usual sample, dark to bright:", np.round(calibration.factors(), 2))
    card = prior.card | {"calibration": {"seeds": list(seeds), "stacks": len(found)}}
    dataclasses.replace(prior, card=card, calibration=calibration).save(arguments.prior)


if __name__ == "__main__":
    main()
