"""What guide, neighbouring slabs, null space, prior and sample averaging are worth, one taken away at a time.

    python benchmarks/ablation.py [--data DIR] [-n 6] [--prior FILE] [--real-only] [--side 64]

Prints PSNR and null-space R² for each variant; laterally the first SIDE pixels are used. The network is not
trained anew for a variant: where its input is taken away it sees what it can make of the rest.
"""

import dataclasses

import numpy as np
from quality import arguments_parser, cases
from unweighted_prior import unweighted_prior

from napari_microdiffusion.evaluation import compare
from napari_microdiffusion.reconstruction.priors import load_prior
from napari_microdiffusion.studies.benchmark import run_case

VARIANTS = {
    "default": "logspline/slab/nonnegative",
    "no prior": "logspline/off/nonnegative",
    "guide histospline": "histospline/slab/nonnegative",
    "guide linear": "linear/slab/nonnegative",
    "guide nearest": "nearest/slab/nonnegative",
    "guide INR": "inr/slab/nonnegative",
    "INR alone": "inr/off/nonnegative",
    "no consistency": "logspline/slab/none",
    "noise-aware": "logspline/slab/noise",
}


def main() -> None:
    """Run and print."""
    parser = arguments_parser(__doc__)
    parser.add_argument("--side", type=int, default=64)
    arguments = parser.parse_args()
    denoiser = load_prior(arguments.prior).denoiser
    found: dict[str, list[tuple[float, float]]] = {}
    for case in cases(arguments):
        cut = np.s_[:, : arguments.side, : arguments.side]
        small = dataclasses.replace(case, truth=case.truth[cut], projections=case.projections[cut])
        n = small.acquisition.step_length
        volumes: dict[str, np.ndarray] = {}
        for name, method in VARIANTS.items():
            for row in run_case(small, [method], prior=arguments.prior):
                volumes[name] = row.result.volume
        volumes["weight of the prior 1"] = unweighted_prior(small, denoiser)
        volumes["weight 1, no neighbours"] = unweighted_prior(small, denoiser, alone=True)
        settings = {"prior": arguments.prior, "samples": 4, "keep_samples": True}
        for row in run_case(small, [VARIANTS["default"]], **settings):
            volumes["one sample"] = row.result.samples[0]
            volumes["mean of 4 samples"] = np.mean(row.result.samples, axis=0)
        for name, volume in volumes.items():
            metrics = compare(volume, small.truth, n)
            found.setdefault(name, []).append((metrics["psnr"], metrics["null_space_r2"]))
        print(case.name, {k: np.round(v[-1], 3).tolist() for k, v in found.items()}, flush=True)
    default = np.array(found["default"])
    print("| variant | PSNR (dB) | against the default | null-space R² | against the default |")
    print("| --- | --- | --- | --- | --- |")
    for name, values in found.items():
        mean, change = np.mean(values, 0), np.mean(np.array(values) - default, 0)
        print(f"| {name} | {mean[0]:.2f} | {change[0]:+.2f} | {mean[1]:.3f} | {change[1]:+.3f} |")


if __name__ == "__main__":
    main()
