r"""One leg of the training of the shipped prior, on one core, on more with `--ahead`, or on a graphics card.

    python benchmarks/training_leg.py -o FILE.safetensors --init general --minutes 80 --rate 7e-4 --seed 111
    python benchmarks/training_leg.py -o FILE.safetensors --minutes 8 --seed 112 --same-specimens \
        --device cuda --bfloat16 --ahead 15 --stacks 16 --save-every 120

It learns anew what is in distribution, unless told that the specimens are the same, then trains;
`calibrate.py` afterwards learns what the spread of samples is worth. Weights, state and curve are saved every
few minutes, and the same command goes on from them. A leg may grow the network (`--blocks`,
`--deep-blocks`), compute in bfloat16 (where the processor is made for it: on others that is far slower), and
keep a share of the old weights.
"""

import argparse
import dataclasses
from pathlib import Path

import tifffile
import torch
from growing import grown

from napari_microdiffusion.reconstruction.priors import load_prior
from napari_microdiffusion.training.recipe import PriorTraining, TrainingRecipe


def main() -> None:
    """Train, printing whenever it has saved."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--init", default="general", help="general (shipped), or a safetensors file")
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--rate", type=float, default=5e-4, help="peak learning rate")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--mean-share", type=float, default=0.75, help="share that trains the posterior mean")
    parser.add_argument("--blocks", type=int, default=0, help="grow to this many at half resolution")
    parser.add_argument("--deep-blocks", type=int, default=0, help="grow to this many at quarter resolution")
    parser.add_argument("--bfloat16", action="store_true")
    parser.add_argument("--ahead", type=int, default=0, help="processes that make specimens meanwhile")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, mps")
    parser.add_argument("--stacks", type=int, default=4, help="stacks in a batch")
    parser.add_argument("--save-every", type=float, default=300, help="seconds between savings")
    parser.add_argument("--before", type=float, default=0, help="share of the weights before that stays")
    parser.add_argument("--same-specimens", action="store_true", help="keep what is in distribution")
    parser.add_argument("--scanned", type=Path, help="folder of volumes to train on, too")
    parser.add_argument("--scanned-share", type=float, default=0.2, help="share of specimens cut from these")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    start = load_prior(arguments.init)
    sizes = start.denoiser.network.description()
    blocks = {name: max(getattr(arguments, name), sizes[name]) for name in ("blocks", "deep_blocks")}
    recipe = TrainingRecipe(
        minutes=arguments.minutes,
        learning_rate=arguments.rate,
        seed=arguments.seed,
        mean_share=arguments.mean_share,
        bfloat16=arguments.bfloat16,
        stacks=arguments.stacks,
        share_before=arguments.before,
        scanned_share=arguments.scanned_share if arguments.scanned else 0,
        **blocks,
    )
    distribution = start.distribution if arguments.same_specimens else None
    start = dataclasses.replace(start, denoiser=grown(start.denoiser, **blocks), distribution=distribution)
    paths = sorted(arguments.scanned.glob("*.tif")) if arguments.scanned else []
    scanned = tuple(tifffile.imread(path) for path in paths)
    training = PriorTraining(recipe, arguments.output, start, device=arguments.device, scanned=scanned)
    for report in training.run(arguments.save_every, arguments.ahead):
        if report.validation is not None:
            print(f"step {report.step.step}: explains {report.validation:.4f}", flush=True)


if __name__ == "__main__":
    main()
