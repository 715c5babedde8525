"""Methods compared on volumes with known truth, each from projections alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from ..errors import UsageError
from ..evaluation import compare
from ..io import depth_stack, read_image
from ..optics import Acquisition, simulate_projections
from ..reconstruction.engine import reconstruct
from ..reconstruction.events import Finished
from ..reconstruction.result import ReconstructionResult
from ..settings.method import ReconstructionConfig, settings_error

# Guide / diffusion / consistency. The classical rows come raw and made consistent, which alone helps.
CLASSICAL = tuple(
    f"{guide}/off/{consistency}"
    for guide in ("nearest", "linear", "cubic", "histospline")
    for consistency in ("none", "nonnegative")
)
DEFAULT_METHODS = (
    *CLASSICAL,
    "logspline/off/nonnegative",
    "logspline/slab/nonnegative",
    "logspline/slab/noise",
)


@dataclass(frozen=True, eq=False)
class Case:
    """One specimen: projections for the methods, the truth for the metrics alone."""

    name: str
    truth: np.ndarray
    projections: np.ndarray
    acquisition: Acquisition


@dataclass(frozen=True, eq=False)
class Row:
    """One method on one case."""

    case: str
    step_length: int
    method: str
    seconds: float
    metrics: dict[str, Any]
    result: ReconstructionResult


def case_of_volume(path: Path, step_length: int) -> Case:
    """A point-scanned volume and its noiseless uniform projections; slices beyond whole slabs are dropped."""
    volume = np.asarray(depth_stack(read_image(path)).data, dtype=np.float32)
    acquisition = Acquisition(step_length=step_length)
    projections = simulate_projections(volume, acquisition)
    return Case(path.name.split(".")[0], volume[: len(projections) * step_length], projections, acquisition)


def method_config(method: str, **settings: Any) -> ReconstructionConfig:
    """The settings of a method written as guide/diffusion/consistency.

    Raises
    ------
    UsageError
        If the name has not three parts.
    """
    parts = method.split("/")
    if len(parts) != 3:
        raise UsageError(
            f"method is {method!r}; write it as guide/diffusion/consistency, such as {DEFAULT_METHODS[-1]}"
        )
    guide, diffusion, consistency = parts
    named = {"guide": guide, "diffusion": diffusion, "consistency": consistency}
    try:
        return ReconstructionConfig.model_validate({"samples": 0, **settings, **named})
    except ValidationError as error:
        raise settings_error(error) from None


def run_case(case: Case, methods: Sequence[str], **settings: Any) -> Iterator[Row]:
    """Every method on one case; `settings` go into each method's configuration."""
    for method in methods:
        for event in reconstruct(case.projections, case.acquisition, method_config(method, **settings)):
            if isinstance(event, Finished):
                n, result = case.acquisition.step_length, event.result
                metrics = compare(result.volume, case.truth, n)
                yield Row(case.name, n, method, sum(result.seconds.values()), metrics, result)


def best_classical(rows: Sequence[Row], metric: str = "psnr") -> Row | None:
    """The best of the classical rows of one case, raw or made consistent: the one to beat."""
    classical = [row for row in rows if row.method in CLASSICAL and row.metrics[metric] is not None]
    return max(classical, key=lambda row: float(row.metrics[metric]), default=None)


def gain(rows: Sequence[Row], row: Row, metric: str) -> float | None:
    """What a method's metric exceeds the best classical row's by; None where either is undefined."""
    best, value = best_classical(rows, metric), row.metrics[metric]
    return None if best is None or value is None else float(value - best.metrics[metric])
