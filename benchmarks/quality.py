"""Quality on the frozen specimens and, where they are at hand, on real volumes.

    python benchmarks/quality.py [--data DIR] [-n 6] [--photons 15 60 240] [--prior FILE] [--methods ...]

Prints one line a specimen: the best classical estimate, from the projections as they are or denoised first,
then every other method and what it gains; of a real volume also the PSNR and the null-space R2 that the noise
of its own slices allows at most. With `--photons` the real volumes are projected at those light
levels, too; what reconstructs them has to estimate the noise, filters are told it.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from frozen_cases import frozen_cases

from napari_microdiffusion.evaluation.slice_noise import slice_noise_ceiling
from napari_microdiffusion.specimens import KINDS
from napari_microdiffusion.studies.benchmark import (
    CLASSICAL,
    Case,
    Row,
    case_of_volume,
    gain,
    run_case,
    run_denoised,
)

HERE = Path(__file__).resolve().parent
METRICS = ("psnr", "null_space_r2", "ssim", "dice")


def arguments_parser(description: str | None) -> argparse.ArgumentParser:
    """The arguments that say which specimens to look at, and with which prior."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data")
    parser.add_argument("-n", type=int, default=6)
    parser.add_argument("--prior", default="general")
    parser.add_argument("--real-only", action="store_true")
    parser.add_argument("--side", type=int, help="of the real volumes, only so many rows and columns")
    parser.add_argument("--photons", type=float, nargs="*", default=[], help="light levels beside none")
    return parser


def cases(arguments: argparse.Namespace) -> Iterator[Case]:
    """The frozen specimens, then the real volumes, at one light level after the other."""
    for photons in (*arguments.photons, None):
        if not arguments.real_only:
            yield from frozen_cases(arguments.n, photons)
        for path in sorted(arguments.data.glob("*.ome.tif")) if arguments.data else []:
            yield case_of_volume(path, arguments.n, photons, arguments.side)


def frozen_kind(case: Case) -> str | None:
    """The kind of a frozen specimen; None for a real volume."""
    kind = case.name.split("-")[0]
    return kind if kind in KINDS else None


def describe(rows: list[Row], row: Row) -> str:
    """A method's metrics, each with its gain over the best classical row."""
    parts = [f"{row.metrics[m]:7.3f} ({gain(rows, row, m) or 0:+.3f})" for m in METRICS]
    return f"{row.case:26} {row.method:30} " + "  ".join(parts) + f"  {row.seconds:6.1f} s"


def main() -> None:
    """Run and print."""
    parser = arguments_parser(__doc__)
    own = ["logspline/off/nonnegative", "logspline/slab/nonnegative", "logspline/slab/noise"]
    parser.add_argument("--methods", nargs="+", default=own)
    arguments = parser.parse_args()
    gains: dict[str, list[list[float]]] = {}
    print(f"{'':26} {'':30} " + "  ".join(f"{m:>16}" for m in METRICS))
    for case in cases(arguments):
        rows = [*run_case(case, CLASSICAL), *run_denoised(case)]
        best = max(rows, key=lambda row: row.metrics["psnr"])
        print(describe(rows, best), flush=True)
        if frozen_kind(case) is None:
            low, high = best.metrics["intensity_range"]
            most = slice_noise_ceiling(case.truth, arguments.n, high - low)
            print(f"{case.name:26} {'ceiling of slice noise':30} {most[0]:7.3f}           {most[1]:7.3f}")
        for row in run_case(case, arguments.methods, prior=arguments.prior):
            print(describe(rows, row), flush=True)
            level = "" if case.noise.is_negligible else f" at {case.name.rsplit('-', 1)[1]} photons"
            values = [gain(rows, row, m) or 0 for m in METRICS]
            gains.setdefault(row.method + level, []).append(values)
    for method, values in gains.items():
        mean, spread = np.mean(values, 0), np.std(values, 0)
        print(
            f"mean gain of {method} over the best classical, {len(values)} volumes: "
            + ", ".join(f"{m} {a:+.3f} ± {b:.3f}" for m, a, b in zip(METRICS, mean, spread, strict=True))
        )


if __name__ == "__main__":
    main()
