"""The benchmark written down: a table for machines, a page for people, a picture for every specimen."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from ..evaluation import comparison_figure
from ..io import whole_file
from .benchmark import CLASSICAL, Case, Row, best_classical, gain, run_case

METRICS = {
    "psnr": ("PSNR (dB)", ".2f"),
    "null_space_r2": ("null-space R²", ".3f"),
    "ssim": ("SSIM", ".4f"),
    "dice": ("Dice", ".3f"),
}
_ALSO_SAVED = (
    "dice_per_slice_otsu",
    "ssim_3d",
    "psnr_foreground",
    "axial_centroid_error_median",
    "axial_centroid_error_p90",
    "border_inner_step_ratio",
    "reprojection_rmse",
    "reprojection_max",
)


def write_benchmark(
    cases: Iterable[Case],
    methods: Sequence[str],
    folder: Path,
    *,
    samples: int = 0,
    seed: int = 0,
    prior: str = "general",
) -> Iterator[Row]:
    """Run every method on every case and write `table.csv`, `report.md` and pictures into a folder.

    Parameters
    ----------
    cases : iterable of Case
    methods : sequence of str
        As guide/diffusion/consistency; the last one is the one that is pictured.
    folder : Path
        An existing folder.
    samples : int
        Samples for the uncertainty of methods with a diffusion.
    seed : int
        Seed of the samples.
    prior : str
        A shipped prior's name, or a file, for methods with a diffusion.

    Yields
    ------
    Row
        As they are ready. The files are complete after the last one.
    """
    groups: list[list[Row]] = []
    for case in cases:
        rows: list[Row] = []
        for method in methods:
            wanted = samples if "/off/" not in method else 0
            for row in run_case(case, [method], samples=wanted, seed=seed, prior=prior):
                rows.append(row)
                yield row
        _picture(case, rows, folder)
        for row in rows:
            # The volumes were needed for the picture alone; a long benchmark must not keep them all.
            row.result.volume = row.result.guide = np.empty((0, 0, 0), np.float32)
            row.result.uncertainty = None
        groups.append(rows)
    _table(groups, folder / "table.csv")
    _page(groups, methods, folder / "report.md")


def _picture(case: Case, rows: Sequence[Row], folder: Path) -> None:
    shown, best = rows[-1], best_classical(rows)
    baseline = None if best is None or best is shown else (best.method, best.result.volume)
    comparison_figure(
        folder / _picture_name(shown),
        shown.result.volume,
        case.truth,
        projections=case.projections,
        baseline=baseline,
        uncertainty=shown.result.uncertainty,
        metrics=shown.metrics,
        baseline_metrics=best.metrics if baseline and best else None,
        title=f"{case.name}, n = {shown.step_length}: {shown.method}",
    )


def _picture_name(row: Row) -> str:
    return f"{row.case}_n{row.step_length}.png"


def _table(groups: Sequence[Sequence[Row]], path: Path) -> None:
    columns = (*METRICS, *_ALSO_SAVED)
    with whole_file(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["specimen", "n", "method", "seconds", *columns, "reprojection_max"])
        for row in (row for rows in groups for row in rows):
            values = [row.metrics.get(column) for column in columns]
            who = (row.case, row.step_length, row.method, f"{row.seconds:.2f}")
            writer.writerow([*who, *values, row.result.reprojection_max])


def _page(groups: Sequence[Sequence[Row]], methods: Sequence[str], path: Path) -> None:
    lines = [
        "# Benchmark",
        "",
        "Each method saw the projections alone. Methods are guide/diffusion/consistency.",
        "*Off the measurement*: largest difference of a volume's projections from those measured, relative",
        "to their range.",
        "",
    ]
    for n in sorted({rows[0].step_length for rows in groups}):
        chosen = [rows for rows in groups if rows[0].step_length == n]
        lines += [f"## n = {n}", "", *_means(chosen, methods), ""]
        for rows in chosen:
            lines += [
                f"### {rows[0].case}",
                "",
                *_specimen(rows),
                "",
                f"![{rows[0].case}]({_picture_name(rows[-1])})",
                "",
            ]
    with whole_file(path) as temporary:
        temporary.write_text("\n".join(lines))


def _means(groups: Sequence[Sequence[Row]], methods: Sequence[str]) -> list[str]:
    """Mean and spread of every method over the specimens, and its paired gain over the best classical row."""
    headings = [heading for heading, _ in METRICS.values()]
    lines = [
        f"Mean ± spread over {len(groups)} specimens; in brackets the gain over each one's best classical.",
        "",
        "| method | " + " | ".join(headings) + " | time |",
        "| --- |" + " ---: |" * (len(headings) + 1),
    ]
    for method in methods:
        cells = []
        pairs = [(rows, row) for rows in groups for row in rows if row.method == method]
        for metric, (_, form) in METRICS.items():
            values = [row.metrics[metric] for _, row in pairs if row.metrics[metric] is not None]
            gains = [g for rows, row in pairs if (g := gain(rows, row, metric)) is not None]
            if not values:
                cells.append("-")
                continue
            text = f"{np.mean(values):{form}} ± {np.std(values):{form}}"
            cells.append(text + (f" ({np.mean(gains):+{form}})" if gains and method not in CLASSICAL else ""))
        cells.append(f"{np.mean([row.seconds for _, row in pairs]):.1f} s")
        lines.append(f"| {method} | " + " | ".join(cells) + " |")
    return lines


def _specimen(rows: Sequence[Row]) -> list[str]:
    headings = [*(heading for heading, _ in METRICS.values()), "off the measurement"]
    lines = ["| method | " + " | ".join(headings) + " |", "| --- |" + " ---: |" * len(headings)]
    for row in rows:
        cells = [
            "-" if row.metrics[metric] is None else format(row.metrics[metric], form)
            for metric, (_, form) in METRICS.items()
        ]
        cells.append(f"{row.result.reprojection_max:.1e}")
        lines.append(f"| {row.method} | " + " | ".join(cells) + " |")
    return lines
