"""Learn what the spread of a prior's samples is worth, and write it into the prior's file.

    python benchmarks/calibrate.py PRIOR.safetensors [--stacks 60] [--seed 3]

Fresh procedural specimens are reconstructed with the default settings; see `diffusion/calibration.py`.
"""

import argparse
import dataclasses
from pathlib import Path

import numpy as np

from napari_microdiffusion.diffusion.prior import Prior
from napari_microdiffusion.studies.calibration import calibrate


def main() -> None:
    """Calibrate, printing as it goes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prior", type=Path)
    parser.add_argument("--stacks", type=int, default=60)
    parser.add_argument("--seed", type=int, default=3)
    arguments = parser.parse_args()
    for count, calibration in calibrate(arguments.prior, arguments.stacks, arguments.seed):
        print(count, np.round(calibration.factors(), 2), flush=True)
    prior = Prior.load(arguments.prior)
    card = prior.card | {"calibration": {"seed": arguments.seed, "stacks": arguments.stacks}}
    dataclasses.replace(prior, card=card, calibration=calibration).save(arguments.prior)


if __name__ == "__main__":
    main()
