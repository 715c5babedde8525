"""The most that exact data consistency allows: the truth itself, made consistent with noisy projections.

    python benchmarks/exact_consistency.py [--data DIR] [-n 6]

Prints by how much it exceeds the best classical estimate. No exactly consistent method is expected beyond.
"""

import numpy as np
from quality import arguments_parser, cases, frozen_kind

from napari_microdiffusion.evaluation import compare
from napari_microdiffusion.optics import ProjectionOperator, make_consistent
from napari_microdiffusion.studies.benchmark import CLASSICAL, run_case


def main() -> None:
    """Run and print."""
    arguments = arguments_parser(__doc__).parse_args()
    gains: dict[str, list[float]] = {}
    for case in cases(arguments):
        n, operator = case.acquisition.step_length, ProjectionOperator(case.acquisition.profile)
        truth = case.truth[: len(case.projections) * n].astype(np.float32)
        consistent = make_consistent(truth, case.projections, operator, "nonnegative")
        best = max(row.metrics["psnr"] for row in run_case(case, CLASSICAL))
        most = (compare(consistent, case.truth, n)["psnr"] or np.nan) - best
        gains.setdefault(frozen_kind(case) or "real", []).append(most)
        print(
            f"{case.name:26} best classical {best:.2f} dB, consistent truth {most:+.2f} dB",
            flush=True,
        )
    for name, found in gains.items():
        print(f"mean of {len(found)} {name}: {np.mean(found):+.2f} dB")


if __name__ == "__main__":
    main()
