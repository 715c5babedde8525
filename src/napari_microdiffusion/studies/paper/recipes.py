"""Recipes: a table or a figure of the paper as a small file of settings, run on specimens from seeds.

A recipe names a preset, some specimens and rows of settings on top of the preset. Every row is run without
consistency, as published, and its volume is judged a second time after it was made consistent: the paper's
diffusion looks at the consistency only when it writes its slices, so that this is what the setting gives.
"""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ...errors import UsageError, UserError
from ...evaluation import compare
from ...inr.fitted import FittedInr
from ...interpolation import nearest
from ...io import depth_stack, read_image
from ...optics import (
    Acquisition,
    ProjectionOperator,
    make_consistent,
    simulate_projections,
)
from ...reconstruction.engine import reconstruct
from ...reconstruction.events import Event, Finished
from ...reconstruction.result import ReconstructionResult
from ...settings.files import read_settings
from ...settings.method import ReconstructionConfig, settings_error
from ...settings.presets import merged, preset
from ...specimens import KINDS, make_specimen
from ..benchmark import Case

CONSISTENCIES = ("none", "nonnegative")
Triple = tuple[float, float, float]


class Specimen(BaseModel):
    """A procedural specimen."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal[KINDS]  # type: ignore[valid-type]
    seed: int = Field(ge=0)


class RecipeRow(BaseModel):
    """One row of the table: settings on top of the preset."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    settings: dict[str, Any] = Field(default_factory=dict)
    step_length: int | None = None
    """That of the recipe by default."""
    value: float | None = None
    """Where the row lies in a sweep."""
    published: tuple[Triple, ...] = ()
    """SSIM, PSNR and Dice of the paper, for each of its data sets that the row was run on."""


class Recipe(BaseModel):
    """A table or figure."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    about: str = ""
    preset: str = "paper-small"
    shape: tuple[int, int, int]
    """Slices, rows and columns of the specimens; volumes from files are cut to it in the middle."""
    step_length: int = 6
    specimens: tuple[Specimen, ...] = Field(min_length=3)
    rows: tuple[RecipeRow, ...] = Field(min_length=1)
    sweep: str = ""
    """What `value` of the rows is; the figure is then a curve, else the slices themselves."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """One row on one specimen.

    Attributes
    ----------
    metrics : dict
        By consistency, what `evaluation.compare` gives, and how alike the volume is to what it was made from,
        as correlations over all voxels: `like_projection` to the projection of each slab, `like_guide` to the
        guide; `truth_like_projection` is that of the truth, above which a volume copies.
    volume : ndarray, shape (N*n, H, W)
        Without consistency.
    """

    row: RecipeRow
    case: Case
    metrics: dict[str, dict[str, Any]]
    volume: np.ndarray
    seconds: float


def read_recipe(path: Path) -> Recipe:
    """Read a recipe (YAML or JSON).

    Raises
    ------
    UserError
        If the file cannot be read.
    UsageError
        If it is no recipe, or names settings that cannot be.
    """
    _, content = read_settings(path)
    try:
        recipe = Recipe.model_validate(content)
        for row in recipe.rows:
            row_config(recipe, row, 0)
    except ValidationError as error:
        raise UsageError(f"{path}: {settings_error(error)}") from None
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None
    return recipe


def row_config(recipe: Recipe, row: RecipeRow, seed: int) -> ReconstructionConfig:
    """The settings of a row."""
    try:
        return ReconstructionConfig.model_validate(
            merged(preset(recipe.preset), {"consistency": "none", "samples": 0}, row.settings, {"seed": seed})
        )
    except ValidationError as error:
        raise settings_error(error) from None


class RecipeRunner:
    """Runs recipes, and remembers what it has run: many rows of the paper's tables are the same.

    Parameters
    ----------
    volumes : sequence of Path
        Point-scanned volumes to take instead of the recipes' specimens.
    seed : int
        Seed of everything that a method draws.
    """

    def __init__(self, volumes: Sequence[Path] = (), seed: int = 0) -> None:
        self.volumes, self.seed = tuple(volumes), seed
        self._results: dict[tuple[Any, ...], ReconstructionResult] = {}
        self._inrs: dict[tuple[Any, ...], FittedInr] = {}

    def run(self, recipe: Recipe) -> Iterator[Event | Outcome]:
        """Run every row on every specimen; the engine's events, and an outcome after each run."""
        for row in recipe.rows:
            n = row.step_length or recipe.step_length
            for case in self._cases(recipe, n):
                config = row_config(recipe, row, self.seed)
                key = (case.name, case.truth.shape, n, config.model_dump_json())
                if key not in self._results:
                    yield from self._run(case, config, key)
                yield _judged(row, case, self._results[key])

    def _run(self, case: Case, config: ReconstructionConfig, key: tuple[Any, ...]) -> Iterator[Event]:
        with tempfile.TemporaryDirectory() as folder:
            inr_key = (*key[:3], config.inr.model_dump_json(), config.seed)
            is_fitted_alone = config.guide == "inr" and config.paper.inr_training == "frozen"
            if is_fitted_alone and inr_key in self._inrs:
                path = Path(folder) / "inr.safetensors"
                self._inrs[inr_key].save(path)
                config = config.model_copy(update={"inr_file": path})
            for event in reconstruct(case.projections, case.acquisition, config):
                if isinstance(event, Finished):
                    self._results[key] = event.result
                    if is_fitted_alone and event.result.inr is not None:
                        self._inrs[inr_key] = event.result.inr
                else:
                    yield event

    def _cases(self, recipe: Recipe, n: int) -> Iterator[Case]:
        acquisition = Acquisition(step_length=n)
        for name, volume in self._truths(recipe):
            projections = simulate_projections(volume, acquisition)
            yield Case(name, volume[: len(projections) * n], projections, acquisition)

    def _truths(self, recipe: Recipe) -> Iterator[tuple[str, np.ndarray]]:
        for path in self.volumes:
            volume = np.asarray(depth_stack(read_image(path)).data, dtype=np.float32)
            yield path.name.split(".")[0], _middle(volume, recipe.shape, path.name)
        for specimen in () if self.volumes else recipe.specimens:
            truth = make_specimen(specimen.kind, recipe.shape, specimen.seed)
            yield f"{specimen.kind}-{specimen.seed}", truth


def _judged(row: RecipeRow, case: Case, result: ReconstructionResult) -> Outcome:
    n, operator = case.acquisition.step_length, ProjectionOperator(case.acquisition.profile)
    metrics = {}
    repeated = nearest(case.projections, n)
    alike = {
        "like_projection": _correlation(result.volume, repeated),
        "truth_like_projection": _correlation(case.truth, repeated),
        "like_guide": _correlation(result.volume, result.guide),
    }
    for consistency in CONSISTENCIES:
        volume = make_consistent(result.volume, case.projections, operator, consistency)
        metrics[consistency] = {**compare(volume, case.truth, n), **alike}
    return Outcome(row, case, metrics, result.volume, sum(result.seconds.values()))


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a - a.mean(dtype=float), b - b.mean(dtype=float)
    size = float(np.sqrt((a * a).sum(dtype=float) * (b * b).sum(dtype=float)))
    return float((a * b).sum(dtype=float) / size) if size else 0.0


def _middle(volume: np.ndarray, shape: tuple[int, int, int], name: str) -> np.ndarray:
    if any(size < wanted for size, wanted in zip(volume.shape, shape, strict=True)):
        raise UserError(
            f"{name} has {'×'.join(map(str, volume.shape))} voxels; the recipe needs at least "
            f"{'×'.join(map(str, shape))}"
        )
    starts = [(size - wanted) // 2 for size, wanted in zip(volume.shape, shape, strict=True)]
    return volume[tuple(slice(s, s + w) for s, w in zip(starts, shape, strict=True))]
