"""The command that runs recipes: tables and figures of the paper."""

from pathlib import Path

from ..reconstruction.events import Progress, StageStarted
from .options import read_stack
from .terminal import Answer, lines, progress_bar


def cook(paths: list[Path], volumes: list[Path], output: Path, seed: int) -> Answer:
    """Run recipes one after the other and say where they were written."""
    from ..studies.paper.recipes import Kitchen, Outcome, read_recipe
    from ..studies.paper.report import table, write_recipe

    recipes = {path.stem: read_recipe(path) for path in paths}
    for path in volumes:
        read_stack(path)
    output.mkdir(parents=True, exist_ok=True)
    kitchen = Kitchen(volumes, seed)
    texts, data = [], {}
    with progress_bar() as show:
        for name, recipe in recipes.items():
            outcomes: list[Outcome] = []
            runs = len(recipe.rows) * (len(volumes) or len(recipe.specimens))
            doing = ""
            for event in write_recipe(recipe, kitchen, output, name):
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
