"""What guide, neighbouring slabs and statistics are worth to a network that is trained without them.

    python benchmarks/ablation_training.py [--data DIR] [-n 6] [--steps 500] [--seed 0] [--side 64]

Small twins of the shipped network learn the posterior mean at one n from scratch, from the same specimens,
each with one thing taken away; prints the mean PSNR and median null-space R² they reach, taken at their word.
Steps, not minutes, so that the figures come out alike on any machine.
"""

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np
import torch
from prior_inputs import PriorInputs
from quality import arguments_parser, cases, frozen_kind

from napari_microdiffusion.diffusion.fitting import FitSettings, Fitting
from napari_microdiffusion.diffusion.loss import DenoisingLoss, SlabBatch
from napari_microdiffusion.diffusion.preconditioning import Denoiser
from napari_microdiffusion.diffusion.prior import new_denoiser
from napari_microdiffusion.diffusion.slab import (
    LINEAR_CHANNELS,
    ORDERS,
    ROOT_CHANNELS,
    STATISTICS,
    compose,
    network_inputs,
)
from napari_microdiffusion.diffusion.statistics import statistics
from napari_microdiffusion.evaluation import compare
from napari_microdiffusion.optics import make_consistent
from napari_microdiffusion.studies.benchmark import Case
from napari_microdiffusion.training.batches import batches, learn_units
from napari_microdiffusion.training.settings import BatchSettings

SIZES = {"width": 32, "deep_width": 64, "blocks": 2, "deep_blocks": 2, "embedding": 64}
NULL_ORDERS = ORDERS - 1
OWN = slice(5 + NULL_ORDERS, 5 + 2 * NULL_ORDERS)

Change = Callable[[SlabBatch], SlabBatch]


def as_it_is(batch: SlabBatch) -> SlabBatch:
    """All of the network inputs, as usual."""
    return batch


def without_statistics(batch: SlabBatch) -> SlabBatch:
    """The stack as a whole is unknown."""
    blind = batch.globals.clone()
    blind[:, -STATISTICS:] = torch.nan
    return dataclasses.replace(batch, globals=blind)


def without_guide(batch: SlabBatch) -> SlabBatch:
    """The whole null space is to be found, from the projections alone."""
    condition = batch.condition.clone()
    condition[:, :, 5:LINEAR_CHANNELS] = 0
    residual = batch.residual.clone()
    residual[:, :, 1:] += batch.condition[:, :, OWN] / 4
    return dataclasses.replace(batch, condition=condition, residual=residual)


def without_neighbours(batch: SlabBatch) -> SlabBatch:
    """Each slab is a stack of its own; what its guide has from others is left."""
    slabs = batch.residual.shape[1]
    condition = batch.condition.clone()
    condition[:, :, 0:5] = batch.condition[:, :, 2:3]
    condition[:, :, LINEAR_CHANNELS : LINEAR_CHANNELS + 5] = batch.condition[
        :, :, LINEAR_CHANNELS + 2 : LINEAR_CHANNELS + 3
    ]
    for start in (5, 5 + 2 * NULL_ORDERS):
        condition[:, :, start : start + NULL_ORDERS] = batch.condition[:, :, OWN]
    own = LINEAR_CHANNELS + ROOT_CHANNELS + 1
    condition[:, :, [own - 1, own + 1]] = batch.condition[:, :, own : own + 1]
    fields = {"condition": condition, "unit": batch.unit, "residual": batch.residual}
    alone = {name: value.flatten(0, 1)[:, None] for name, value in fields.items()}
    shared = {
        name: getattr(batch, name).repeat_interleave(slabs, 0) for name in ("globals", "mask", "weight")
    }
    return SlabBatch(**alone, **shared)


VARIANTS: dict[str, Change] = {
    "all": as_it_is,
    "no statistics": without_statistics,
    "no neighbours": without_neighbours,
    "no guide": without_guide,
}


def trained(change: Change, step_length: int, steps: int, seed: int) -> Denoiser:
    """A small network that has learned the posterior mean from changed batches, with averaged weights."""
    settings = BatchSettings(step_length=step_length)
    torch.manual_seed(seed)
    denoiser = new_denoiser(SIZES, *learn_units(settings, seed, 48))
    loss = DenoisingLoss(mean_share=1.0)
    fitting: Fitting[SlabBatch] = Fitting(
        denoiser,
        lambda model, batch, generator: loss(model, batch, generator)[0],
        FitSettings(steps=steps, learning_rate=1e-3, warmup_steps=50, ema_decay=0.99),
        seed,
    )

    def changed() -> Iterator[SlabBatch]:
        for batch in batches(settings, seed):
            yield change(batch)

    for _ in fitting.run(changed()):
        pass
    denoiser.load_state_dict(fitting.average)
    return denoiser.eval()


@torch.inference_mode()
def reconstructed(case: Case, denoiser: Denoiser | None, change: Change) -> np.ndarray:
    """The posterior mean, made consistent; the log-spline alone without a denoiser."""
    n, x = case.acquisition.step_length, case.projections
    inputs = PriorInputs.of(case)
    unit, operator, scale = inputs.projections, inputs.operator, inputs.scale
    if denoiser is None:
        return make_consistent(scale.to_grey(inputs.guide), x, operator, "nonnegative")
    known, measured = statistics(unit, n), inputs.measured
    problem = network_inputs(unit, inputs.guide, operator, inputs.noise, known, measured)
    condition, globals_, mask, units = (
        torch.from_numpy(a)[None]
        for a in (problem.condition, problem.globals, problem.order_mask, problem.unit)
    )
    start = torch.from_numpy(problem.first_orders)[None]
    # The "residual" of nothing is what the network's answer is to be added to, whatever the change does.
    batch = change(SlabBatch(condition, globals_, units, mask, 0 * start, torch.ones(1)))
    added = denoiser.posterior_mean(batch.condition, batch.globals, batch.mask, batch.unit)
    orders = (added - batch.residual).reshape(start.shape) + start
    grey = scale.to_grey(compose(orders[0].numpy(), operator))
    means = x if inputs.noise.is_negligible else operator.project(grey)
    return make_consistent(grey, means, operator, "nonnegative")


def main() -> None:
    """Train, run and print."""
    parser = arguments_parser(__doc__)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--side", type=int, default=64)
    arguments = parser.parse_args()
    cut = np.s_[:, : arguments.side, : arguments.side]
    small = [
        dataclasses.replace(case, truth=case.truth[cut], projections=case.projections[cut])
        for case in cases(arguments)
    ]
    print("| trained with | real: PSNR (dB) | null-space R² | frozen: PSNR (dB) | null-space R² |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for name, change in {"log-spline alone": as_it_is, **VARIANTS}.items():
        denoiser = trained(change, arguments.n, arguments.steps, arguments.seed) if name in VARIANTS else None
        found: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
        for case in small:
            metrics = compare(reconstructed(case, denoiser, change), case.truth, arguments.n)
            found[frozen_kind(case) is not None].append((metrics["psnr"], metrics["null_space_r2"]))
        cells = [
            f"{psnr:.2f} | {r2:.3f}"
            for frozen in (False, True)
            for values in [np.array(found[frozen] or [(np.nan, np.nan)])]
            # A nearly empty piece has an R² far below zero, which would be all that a mean says.
            for psnr, r2 in [(values[:, 0].mean(), np.median(values[:, 1]))]
        ]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
