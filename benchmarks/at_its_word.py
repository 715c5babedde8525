"""The posterior mean taken at its word, without the trust that the sample's own slabs put into it.

    python benchmarks/at_its_word.py [--data DIR] [-n 6] [--prior FILE]

Prints what each specimen gains over its best classical estimate: how variants of a prior are compared.
"""

import numpy as np
from quality import METRICS, arguments_parser, cases, frozen_kind
from seen_by_the_prior import SeenByThePrior

from napari_microdiffusion.diffusion.preconditioning import Denoiser
from napari_microdiffusion.diffusion.slab import compose, local_amplitude, network_inputs
from napari_microdiffusion.diffusion.statistics import statistics
from napari_microdiffusion.evaluation import compare
from napari_microdiffusion.optics import make_consistent
from napari_microdiffusion.reconstruction.priors import load_prior
from napari_microdiffusion.reconstruction.slab.borders import mend_borders
from napari_microdiffusion.studies.benchmark import CLASSICAL, Case, run_case


def at_its_word(case: Case, denoiser: Denoiser, alone: bool = False) -> np.ndarray:
    """The posterior mean taken at its word; `alone` shows the network each slab without its neighbours."""
    seen = SeenByThePrior.of(case)
    volume = (answer(seen, denoiser, alone) + answer(seen.turned(), denoiser, alone)[::-1]) / 2
    if not alone:
        light = local_amplitude(seen.projections, seen.noise)[:, 0]
        volume = mend_borders(volume, light, seen.operator, seen.noise)
    return make_consistent(seen.scale.to_grey(volume), case.projections, seen.operator, "nonnegative")


def answer(seen: SeenByThePrior, denoiser: Denoiser, alone: bool) -> np.ndarray:
    """What the network says of a stack as it is shown, in the unit of what the prior sees."""
    count, n = len(seen.projections), seen.operator.step_length
    known = statistics(seen.projections, n)
    volumes = []
    for first in range(count) if alone else (0,):
        part = slice(first, first + 1) if alone else slice(0, count)
        unit, guide = seen.projections[part], seen.guide[part.start * n : part.stop * n]
        problem = network_inputs(unit, guide, seen.operator, seen.noise, known)
        orders = problem.guide_orders + denoiser.expected_residual(problem)
        volumes.append(compose(unit, orders, seen.operator))
    return np.concatenate(volumes)


def main() -> None:
    """Run and print."""
    arguments = arguments_parser(__doc__).parse_args()
    denoiser = load_prior(arguments.prior).denoiser
    gains: dict[str, list[list[float]]] = {"frozen": [], "real": []}
    for case in cases(arguments):
        classical = list(run_case(case, CLASSICAL))
        found = compare(at_its_word(case, denoiser), case.truth, case.acquisition.step_length)
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
