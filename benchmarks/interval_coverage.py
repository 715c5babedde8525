"""Whether the stated uncertainty is true: coverage of 90 % intervals, and borders between slabs.

In the foreground and the background of the truth, and of the posterior mean, which is what a user sees.

    python benchmarks/interval_coverage.py [--data DIR] [-n 6] [--prior FILE] [--samples 4] [--side 64]
        [--method logspline/slab/noise] [--photons 15 60 240]

Prints one line a specimen of the frozen set and, where they are at hand, of the real volumes; laterally the
first SIDE pixels are used.
"""

import dataclasses

import numpy as np
from quality import arguments_parser, cases, frozen_kind

from napari_microdiffusion.evaluation import compare, coverage, foreground, normal_intervals
from napari_microdiffusion.studies.benchmark import DEFAULT_METHODS, run_case


def main() -> None:
    """Run and print."""
    parser = arguments_parser(__doc__)
    parser.add_argument("--samples", type=int, default=4)
    parser.set_defaults(side=64)
    parser.add_argument("--method", default=DEFAULT_METHODS[-1], help="as guide/diffusion/consistency")
    arguments = parser.parse_args()
    found: dict[str, list[list[float]]] = {}
    print(f"{'':26} in the truth's foreground, background, in the mean's; step ratio of mean, sample,")
    print(f"{'':26} in the truth's; PSNR mean, sample")
    for case in cases(arguments):
        cut = np.s_[:, : arguments.side, : arguments.side]
        small = dataclasses.replace(case, truth=case.truth[cut], projections=case.projections[cut])
        settings = {"samples": arguments.samples, "keep_samples": True, "prior": arguments.prior}
        for row in run_case(small, [arguments.method], **settings):
            result = row.result
            assert result.uncertainty is not None
            intervals = normal_intervals(result.volume, result.uncertainty)
            inside = [
                shares[f"coverage_90_{part}"] or np.nan
                for shown in (small.truth, result.volume)
                for shares in (coverage(small.truth, intervals, foreground(shown)),)
                for part in ("foreground", "background")
            ]
            sample = compare(result.samples[0], small.truth, row.step_length)
            ratios = [m["border_inner_step_ratio"] for m in (row.metrics, sample)]
            light = "" if case.noise.is_negligible else f" at {case.name.rsplit('-', 1)[1]} photons"
            group = ("frozen" if frozen_kind(case) else "real") + light
            found.setdefault(group, []).append([*inside, *ratios])
            print(
                f"{case.name:26} {' '.join(f'{share:.3f}' for share in inside)}  "
                f"{ratios[0]:.3f} {ratios[1]:.3f}  "
                f"{row.metrics['psnr']:.2f} {sample['psnr']:.2f}  {row.seconds:.1f} s",
                flush=True,
            )
    for name, rows in found.items():
        if rows:
            print(f"mean of {len(rows)} {name}:", np.round(np.nanmean(rows, 0), 3))


if __name__ == "__main__":
    main()
