"""What adapting the prior to one half of a volume gains on the other half.

    python benchmarks/adaptation.py VOLUME ... [-n 6] [--minutes 3 | --steps 80] [--keep 0.5]
    python benchmarks/adaptation.py VOLUME ... --closed-form [--photons 30]

The left half (columns) is the reference; projections of the right half alone are reconstructed, with the
prior as it is and with the adapted one. Eight columns between the halves are left out.
"""

import argparse
import dataclasses
import tempfile
from pathlib import Path

import numpy as np

from napari_microdiffusion.reconstruction.priors import load_prior
from napari_microdiffusion.studies.benchmark import CLASSICAL, case_of_volume, gain, run_case
from napari_microdiffusion.training.adaptation.closed_form import ClosedForm, adapt_in_closed_form
from napari_microdiffusion.training.recipe import ADAPTING_RATE, PriorTraining, TrainingRecipe


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("volumes", nargs="+", type=Path)
    parser.add_argument("-n", type=int, default=6)
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--steps", type=int, help="of gradients, instead of minutes")
    parser.add_argument("--prior", default="general")
    parser.add_argument("--keep", type=float, help="share of the weights before; 0 is adapted all the way")
    parser.add_argument("--photons", type=float, help="in the projections, where they are brightest")
    parser.add_argument("--closed-form", action="store_true", help="solve for the last layers instead")
    arguments = parser.parse_args()
    # As a run is by default, with and without noise.
    own = f"logspline/slab/{'noise' if arguments.photons else 'nonnegative'}"
    for path in arguments.volumes:
        case = case_of_volume(path, arguments.n, arguments.photons)
        middle = case.truth.shape[2] // 2
        right = np.s_[:, :, middle + 8 :]
        half = dataclasses.replace(case, truth=case.truth[right], projections=case.projections[right])
        with tempfile.TemporaryDirectory() as folder:
            output = Path(folder) / "adapted.safetensors"
            recipe = TrainingRecipe(
                minutes=None if arguments.steps else arguments.minutes,
                steps=arguments.steps,
                learning_rate=ADAPTING_RATE,
                step_length=arguments.n,
                share_before=arguments.keep,
                distribution_stacks=0,
            )
            reference = np.ascontiguousarray(case.truth[:, :, :middle])
            if arguments.closed_form:
                *_, found = adapt_in_closed_form(load_prior(arguments.prior), (reference,), arguments.n)
                assert isinstance(found, ClosedForm)
                found.prior.save(output)
                how = f"{found.seconds:.0f} s, {found.gain:.2f} dB on held-out halves"
            else:
                training = PriorTraining(recipe, output, load_prior(arguments.prior), (reference,))
                for _ in training.run():
                    pass
                how = f"{training.fitting.step} steps"
            rows = list(run_case(half, CLASSICAL))
            rows += run_case(half, ["logspline/off/nonnegative"])
            rows += run_case(half, [own], prior=arguments.prior)
            rows += run_case(half, [own], prior=str(output))
        for name, row in zip(("log-spline", "as shipped", "adapted"), rows[len(CLASSICAL) :], strict=True):
            print(
                f"{case.name:26} {name:12} PSNR {row.metrics['psnr']:.2f} ({gain(rows, row, 'psnr'):+.2f})  "
                f"R2 {row.metrics['null_space_r2']:.3f} ({gain(rows, row, 'null_space_r2'):+.3f})  "
                f"{how}",
                flush=True,
            )


if __name__ == "__main__":
    main()
