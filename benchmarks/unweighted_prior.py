"""The posterior mean without the weight of the prior that a run measures on the sample's own slabs.

    python benchmarks/unweighted_prior.py [--data DIR] [-n 6] [--prior FILE]

Prints what each specimen gains over its best classical estimate: how variants of a prior are compared.
"""

import numpy as np
from prior_inputs import PriorInputs
from quality import METRICS, arguments_parser, cases, frozen_kind

from napari_microdiffusion.diffusion.preconditioning import Denoiser
from napari_microdiffusion.diffusion.slab import compose, local_amplitude, network_inputs
from napari_microdiffusion.diffusion.statistics import statistics
from napari_microdiffusion.evaluation import compare
from napari_microdiffusion.optics import make_consistent
from napari_microdiffusion.reconstruction.priors import load_prior
from napari_microdiffusion.reconstruction.slab.borders import mend_borders
from napari_microdiffusion.studies.benchmark import CLASSICAL, Case, run_case


def unweighted_prior(case: Case, denoiser: Denoiser, alone: bool = False) -> np.ndarray:
    """The posterior mean at weight 1; `alone` evaluates each slab without its neighbours."""
    inputs = PriorInputs.of(case)
    volume = (
        posterior_mean(inputs, denoiser, alone) + posterior_mean(inputs.flipped(), denoiser, alone)[::-1]
    ) / 2
    if not alone:
        light = local_amplitude(inputs.projections, inputs.noise.deviation(inputs.projections))[:, 0]
        volume = mend_borders(volume, light, inputs.operator, inputs.noise_left)
    grey = inputs.scale.to_grey(volume)
    means = case.projections if inputs.noise.is_negligible else inputs.operator.project(grey)
    return make_consistent(grey, means, inputs.operator, "nonnegative")


def posterior_mean(inputs: PriorInputs, denoiser: Denoiser, alone: bool) -> np.ndarray:
    """The network's posterior mean of a stack, in the unit of its inputs."""
    count, n = len(inputs.projections), inputs.operator.step_length
    known = statistics(inputs.projections, n)
    volumes = []
    for first in range(count) if alone else (0,):
        part = slice(first, first + 1) if alone else slice(0, count)
        unit, guide = inputs.projections[part], inputs.guide[part.start * n : part.stop * n]
        measured = inputs.measured[part]
        slabs = network_inputs(unit, guide, inputs.operator, inputs.noise, known, measured)
        orders = slabs.first_orders + denoiser.expected_residual(slabs)
        volumes.append(compose(orders, inputs.operator))
    return np.concatenate(volumes)


def main() -> None:
    """Run and print."""
    arguments = arguments_parser(__doc__).parse_args()
    denoiser = load_prior(arguments.prior).denoiser
    gains: dict[str, list[list[float]]] = {"frozen": [], "real": []}
    for case in cases(arguments):
        classical = list(run_case(case, CLASSICAL))
        found = compare(unweighted_prior(case, denoiser), case.truth, case.acquisition.step_length)
        gained = [found[m] - max(row.metrics[m] for row in classical) for m in METRICS]
        gains["frozen" if frozen_kind(case) else "real"].append(gained)
        print(
            f"{case.name:26} " + "  ".join(f"{m} {g:+.3f}" for m, g in zip(METRICS, gained, strict=True)),
            flush=True,
        )
    for name, rows in gains.items():
        if rows:
            mean = ", ".join(f"{m} {g:+.3f}" for m, g in zip(METRICS, np.mean(rows, 0), strict=True))
            print(f"mean gain over the best classical, {len(rows)} {name}: {mean}")


if __name__ == "__main__":
    main()
