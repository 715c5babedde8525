"""The command that compares methods, and that runs recipes: tables and figures of the paper."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import UsageError
from ..io import output_folder
from ..reconstruction.events import Progress, StageStarted
from ..settings.resolve import resolve
from .options import Seed, read_stack
from .setting_options import NAMES, number
from .terminal import Answer, command, lines, progress_bar


@command
def benchmark(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for table, page and pictures.")],
    volumes: Annotated[list[Path] | None, typer.Argument(help="Point-scanned volumes.")] = None,
    n: Annotated[
        list[str] | None, typer.Option("-n", "--step-length", help="Step lengths, one or several.")
    ] = None,
    methods: Annotated[
        list[str] | None,
        typer.Option(help="Methods as guide/diffusion/consistency, one or several; the last is pictured."),
    ] = None,
    recipe: Annotated[
        list[Path] | None,
        typer.Option(help="Recipes to run instead, one or several: files such as benchmarks/paper/*.yaml."),
    ] = None,
    samples: Annotated[int, typer.Option(min=0, help="Samples for the uncertainty in the pictures.")] = 0,
    seed: Seed = 0,
) -> Answer:
    """Compare methods on volumes with known truth: project, reconstruct, measure, write it down.

    With --recipe, run the tables and figures that recipes describe, on their specimens or on the volumes.
    """
    if recipe:
        if n or methods:
            raise UsageError("-n and --methods are in the recipe; leave them out beside --recipe")
        return _run_recipes(recipe, volumes or [], output, seed)
    if not volumes or not n:
        raise UsageError("volumes and their step lengths, -n, are needed, or a --recipe")
    from ..evaluation import comparison_table
    from ..studies.benchmark import DEFAULT_METHODS, case_of_volume, method_config
    from ..studies.report import write_benchmark

    chosen = methods or list(DEFAULT_METHODS)
    for method in chosen:
        method_config(method)
    beams = [resolve({"acquisition": {"step_length": number(text)}}, names=NAMES).acquisition for text in n]
    for path in volumes:
        # A file that cannot be read should be known before the first hour of work, not after it.
        read_stack(path)
    output_folder(output)
    cases = (case_of_volume(path, beam.step_length) for path in volumes for beam in beams)
    table: list[tuple[str, dict[str, Any]]] = []
    with progress_bar() as show:
        total = len(volumes) * len(beams) * len(chosen)
        for row in write_benchmark(cases, chosen, output, samples=samples, seed=seed):
            table.append((f"{row.case} n={row.step_length} {row.method}", row.metrics))
            show("benchmark", len(table) / total, None, row.case)
    columns = ["psnr", "null_space_r2", "ssim", "dice", "reprojection_max"]
    data = {
        "output": str(output),
        "rows": [{"name": name, **{c: m[c] for c in columns}} for name, m in table],
    }
    where = lines([("table", output / "table.csv"), ("report", output / "report.md")])
    return Answer(data, f"{comparison_table(table, columns)}\n\n{where}")


def _run_recipes(paths: list[Path], volumes: list[Path], output: Path, seed: int) -> Answer:
    """Run recipes one after the other and report where they were written."""
    from ..studies.paper.recipes import Outcome, RecipeRunner, read_recipe
    from ..studies.paper.report import table, write_recipe

    recipes = {path.stem: read_recipe(path) for path in paths}
    for path in volumes:
        read_stack(path)
    output_folder(output)
    runner = RecipeRunner(volumes, seed)
    texts, data = [], {}
    with progress_bar() as show:
        for name, recipe in recipes.items():
            outcomes: list[Outcome] = []
            runs = len(recipe.rows) * (len(volumes) or len(recipe.specimens))
            doing = ""
            for event in write_recipe(recipe, runner, output, name):
                if isinstance(event, Outcome):
                    outcomes.append(event)
                elif isinstance(event, StageStarted):
                    doing = event.text
                elif isinstance(event, Progress):
                    show(name, len(outcomes) / runs, event.seconds_left, doing)
            rows = [{"row": o.row.name, "specimen": o.case.name, "metrics": o.metrics} for o in outcomes]
            data[name] = {"title": recipe.title, "files": _files(output, name), "rows": rows}
            written = lines((kind, path) for kind, path in _files(output, name).items())
            texts.append("\n".join([recipe.title, "", *table(recipe, outcomes), "", written]))
    return Answer({"output": str(output), "recipes": data}, "\n\n".join(texts))


def _files(folder: Path, name: str) -> dict[str, str]:
    kinds = {"table": "csv", "page": "md", "picture": "png"}
    return {kind: str(folder / f"{name}.{ending}") for kind, ending in kinds.items()}
