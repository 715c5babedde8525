"""A recipe's outcome written down: every figure for machines, a table for people, a picture."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ...io import whole_file
from ...reconstruction.events import Event
from .recipes import CONSISTENCIES, Outcome, Recipe, RecipeRunner

# In the paper's order, as the paper has them.
PAPER_METRICS = {
    "ssim": ("SSIM", ".3f"),
    "psnr": ("PSNR (dB)", ".2f"),
    "dice_per_slice_otsu": ("Dice", ".3f"),
}
_COLUMNS = (
    *PAPER_METRICS,
    "dice",
    "null_space_r2",
    "ssim_3d",
    "psnr_foreground",
    "reprojection_rmse",
    "reprojection_max",
    "like_projection",
    "truth_like_projection",
    "like_guide",
)


def write_recipe(recipe: Recipe, runner: RecipeRunner, folder: Path, name: str) -> Iterator[Event | Outcome]:
    """Run a recipe and write `NAME.csv`, `NAME.md` and `NAME.png` into a folder.

    Parameters
    ----------
    recipe : Recipe
    runner : RecipeRunner
        What runs it.
    folder : Path
        An existing folder.
    name : str
        Of the files.

    Yields
    ------
    Event or Outcome
        As the runs go. The files are complete after the last one.
    """
    outcomes: list[Outcome] = []
    for event in runner.run(recipe):
        if isinstance(event, Outcome):
            outcomes.append(event)
        yield event
    _save_table(outcomes, folder / f"{name}.csv")
    lines = [f"# {recipe.title}", "", *([recipe.about, ""] if recipe.about else []), *table(recipe, outcomes)]
    with whole_file(folder / f"{name}.md") as temporary:
        temporary.write_text("\n".join([*lines, "", f"![{recipe.title}]({name}.png)", ""]))
    with whole_file(folder / f"{name}.png") as temporary:
        (_curves if recipe.sweep else _slices)(recipe, outcomes, temporary)


def table(recipe: Recipe, outcomes: Sequence[Outcome]) -> list[str]:
    """Lines of Markdown: mean and spread of every row, as published and made consistent."""
    names = list(dict.fromkeys(outcome.case.name for outcome in outcomes))
    has_published = any(row.published for row in recipe.rows)
    headings = [heading for heading, _ in PAPER_METRICS.values()]
    columns = [*headings, "null-space R²", "PSNR, consistent", "null-space R², consistent"]
    columns += ["published SSIM / PSNR / Dice"] if has_published else []
    lines = [
        f"Preset `{recipe.preset}`; mean ± spread over {len(names)} specimens ({', '.join(names)}).",
        "",
        "| row | " + " | ".join(columns) + " |",
        "| --- |" + " ---: |" * len(columns),
    ]
    for row in recipe.rows:
        of_row = [outcome for outcome in outcomes if outcome.row is row]
        cells = [_cell(of_row, "none", metric, form) for metric, (_, form) in PAPER_METRICS.items()]
        cells.append(_cell(of_row, "none", "null_space_r2", ".3f"))
        cells += [_cell(of_row, "nonnegative", "psnr", ".2f")]
        cells += [_cell(of_row, "nonnegative", "null_space_r2", ".3f")]
        if has_published:
            mean = np.mean(row.published, 0) if row.published else ()
            cells.append(
                " / ".join(f"{v:{f}}" for v, f in zip(mean, (".3f", ".2f", ".3f"), strict=False)) or "-"
            )
        lines.append(f"| {row.name} | " + " | ".join(cells) + " |")
    return [*lines, "", _copying(recipe, outcomes)]


def _copying(recipe: Recipe, outcomes: Sequence[Outcome]) -> str:
    """How alike every row is to the projections: a network that was trained on them can copy."""
    shown = []
    for row in recipe.rows:
        alike = _values([outcome for outcome in outcomes if outcome.row is row], "none", "like_projection")
        shown.append(f"{row.name} {np.mean(alike):.3f}")
    truth = np.mean(_values(outcomes, "none", "truth_like_projection"))
    return (
        "Correlation of the slices with the projection of their slab: "
        f"{', '.join(shown)}; that of the truth is {truth:.3f}."
    )


def _values(outcomes: Sequence[Outcome], consistency: str, metric: str) -> list[float]:
    found = (outcome.metrics[consistency][metric] for outcome in outcomes)
    return [float(value) for value in found if value is not None]


def _cell(outcomes: Sequence[Outcome], consistency: str, metric: str, form: str) -> str:
    values = _values(outcomes, consistency, metric)
    return f"{np.mean(values):{form}} ± {np.std(values, ddof=1):{form}}" if len(values) > 1 else "-"


def _save_table(outcomes: Sequence[Outcome], path: Path) -> None:
    with whole_file(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["row", "value", "specimen", "n", "consistency", "seconds", *_COLUMNS])
        for outcome in outcomes:
            for consistency in CONSISTENCIES:
                values = [outcome.metrics[consistency].get(column) for column in _COLUMNS]
                about = (outcome.row.name, outcome.row.value, outcome.case.name)
                n = outcome.case.acquisition.step_length
                writer.writerow([*about, n, consistency, f"{outcome.seconds:.1f}", *values])


def _curves(recipe: Recipe, outcomes: Sequence[Outcome], path: Path) -> None:
    """The metrics along a sweep, with their spread."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 2.8), layout="constrained")
    for axes, (metric, (heading, _)) in zip(figure.subplots(1, 3), PAPER_METRICS.items(), strict=True):
        for consistency, label in zip(CONSISTENCIES, ("as published", "made consistent"), strict=True):
            groups = [[o for o in outcomes if o.row is row] for row in recipe.rows]
            values = [_values(group, consistency, metric) for group in groups]
            places = [row.value if row.value is not None else i for i, row in enumerate(recipe.rows)]
            means, spreads = [np.mean(v) for v in values], [np.std(v, ddof=1) for v in values]
            axes.errorbar(places, means, spreads, label=label, marker="o", markersize=3, capsize=2)
        axes.set_xlabel(recipe.sweep)
        axes.set_title(heading, fontsize=9)
    axes.legend(fontsize=7)
    figure.savefig(path, format="png", dpi=110)


def _slices(recipe: Recipe, outcomes: Sequence[Outcome], path: Path) -> None:
    """One slice of every row on every specimen, beside the truth and the projection it lies in."""
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(outcome.case.name for outcome in outcomes))
    columns = len(recipe.rows) + 2
    figure = Figure(figsize=(1.25 * columns, 1.35 * len(names)), layout="constrained")
    grid = figure.subplots(len(names), columns, squeeze=False)
    for number, (line, name) in enumerate(zip(grid, names, strict=True)):
        of_case = [outcome for outcome in outcomes if outcome.case.name == name]
        case, n = of_case[0].case, of_case[0].case.acquisition.step_length
        # The second slice of the middle slab: within a slab and off its centre, where guides differ.
        slab = len(case.projections) // 2
        z = slab * n + min(1, n - 1)
        shown = [("truth", case.truth[z]), ("projection", case.projections[slab])]
        shown += [(outcome.row.name, outcome.volume[z]) for outcome in of_case]
        low, high = np.percentile(case.truth, (0.5, 99.9))
        for axes, (title, image) in zip(line, shown, strict=True):
            axes.imshow(image, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
            axes.set_xticks([])
            axes.set_yticks([])
            if number == 0:
                axes.set_title(title.replace(" (", "\n("), fontsize=6)
        line[0].set_ylabel(name, fontsize=6)
    figure.savefig(path, format="png", dpi=110)
