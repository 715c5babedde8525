"""The report with pictures: every baseline and the default, on frozen specimens and real volumes.

    python benchmarks/report.py -o DIR [--data DIR] [-n 6] [--samples 4] [--only NAME ...]

Writes table.csv, report.md and one picture a specimen: slice, section and maximum projection of measurement,
best classical estimate, reconstruction, truth, error and uncertainty.
"""

from pathlib import Path

from quality import arguments_parser, cases

from napari_microdiffusion.studies.benchmark import DEFAULT_METHODS
from napari_microdiffusion.studies.report import write_benchmark


def main() -> None:
    """Run, write and say what is ready."""
    parser = arguments_parser(__doc__)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--samples", type=int, default=4)
    parser.add_argument("--only", nargs="+", help="names of specimens; all of them by default")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    chosen = (case for case in cases(arguments) if not arguments.only or case.name in arguments.only)
    settings = {"samples": arguments.samples, "prior": arguments.prior}
    for row in write_benchmark(chosen, DEFAULT_METHODS, arguments.output, **settings):
        print(
            f"{row.case:26} {row.method:30} {row.metrics['psnr']:7.3f} dB  {row.seconds:6.1f} s", flush=True
        )


if __name__ == "__main__":
    main()
