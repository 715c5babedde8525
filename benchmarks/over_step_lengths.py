"""Quality over step lengths: what the default and the log-spline alone gain over the best classical estimate.

    python benchmarks/over_step_lengths.py [--data DIR] [--steps 4 6 8 12 16] [-o FIGURE.png]

Prints a table a step length, real volumes one by one and frozen specimens by kind, and draws the gains.
"""

import argparse
from pathlib import Path

import numpy as np
from quality import METRICS, arguments_parser, cases, frozen_kind

from napari_microdiffusion.specimens import KINDS
from napari_microdiffusion.studies.benchmark import CLASSICAL, Row, gain, run_case

OWN = ("logspline/off/nonnegative", "logspline/slab/nonnegative")
Found = dict[tuple[str, int, str], list[list[float]]]


def measure(arguments: argparse.Namespace) -> Found:
    """Metrics and gains by group, step length and method; a real volume is a group of its own."""
    found: Found = {}
    for n in arguments.step_lengths:
        arguments.n = n
        for case in cases(arguments):
            group = frozen_kind(case) or case.name
            rows: list[Row] = list(run_case(case, CLASSICAL))
            for row in run_case(case, OWN, prior=arguments.prior):
                values = [row.metrics[m] for m in METRICS] + [gain(rows, row, m) or 0 for m in METRICS]
                found.setdefault((group, n, row.method), []).append(values)
    return found


def print_tables(found: Found) -> None:
    """The default's rows, and under each step length the mean gains of both methods."""
    print("| n | specimens | PSNR (dB) | null-space R² | SSIM | Dice | log-spline alone (dB) |")
    print("| ---: | --- | ---: | ---: | ---: | ---: | ---: |")
    for (group, n, method), values in found.items():
        if method != OWN[1]:
            continue
        mean, alone = np.mean(values, 0), np.mean(found[group, n, OWN[0]], 0)
        cells = [
            f"{mean[i]:.{2 if i == 0 else 3}f} ({mean[i + 4]:+.{2 if i == 0 else 3}f})"
            for i in range(len(METRICS))
        ]
        print(f"| {n} | {group} | " + " | ".join(cells) + f" | {alone[4]:+.2f} |")
    for n in sorted({n for _, n, _ in found}):
        for method in OWN:
            for name, is_real in (("real", True), ("frozen", False)):
                rows = [
                    v
                    for (g, m, k), v in found.items()
                    if (m, k) == (n, method) and (g not in KINDS) == is_real
                ]
                if rows:
                    mean = np.mean(np.concatenate(rows), 0)[4:]
                    print(
                        f"* n = {n}, {name}, {method}: mean gain "
                        + ", ".join(
                            f"{metric} {value:+.3f}" for metric, value in zip(METRICS, mean, strict=True)
                        )
                    )


def draw(found: Found, path: Path) -> None:
    """Gains in PSNR and in null-space R² over step lengths, a line a group."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(11, 3.6), layout="constrained")
    groups = list(dict.fromkeys(group for group, _, _ in found))
    for axis, column, title in zip(axes, (4, 5), ("PSNR (dB)", "null-space R²"), strict=True):
        for index, group in enumerate(groups):
            steps = sorted(n for g, n, method in found if g == group and method == OWN[1])
            values = [np.mean(found[group, n, OWN[1]], 0)[column] for n in steps]
            style = "--s" if group in KINDS else "-o"
            axis.plot(steps, values, style, color=f"C{index}", markersize=4, label=group)
        axis.axhline(0, color="0.6", linewidth=0.8)
        axis.set(
            xlabel="step length n (slices)", title=f"{title}: gain over the best classical", xticks=steps
        )
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right upper", fontsize=8, frameon=False)
    figure.savefig(path, dpi=130)


def main() -> None:
    """Run, print and draw."""
    parser = arguments_parser(__doc__)
    parser.add_argument(
        "--steps", dest="step_lengths", type=int, nargs="+", default=[4, 6, 8, 12, 16], help="instead of -n"
    )
    parser.add_argument("-o", "--output", type=Path)
    arguments = parser.parse_args()
    found = measure(arguments)
    print_tables(found)
    if arguments.output:
        draw(found, arguments.output)


if __name__ == "__main__":
    main()
