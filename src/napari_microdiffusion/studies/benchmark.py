"""Methods compared on volumes with known truth, each from projections alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from ..errors import UsageError
from ..evaluation import compare
from ..io import depth_stack, read_image
from ..optics import Acquisition, ProjectionOperator, simulate_projections
from ..optics.detector.noise import NoiseModel
from ..reconstruction.engine import reconstruct
from ..reconstruction.events import Finished
from ..reconstruction.result import ReconstructionResult
from ..settings.method import ReconstructionConfig, settings_error
from .denoised_baselines import denoised_baselines

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
# How the names of methods begin that denoise the projections first.
DENOISED = "denoised: "
# Read noise relative to the projections' range, where photons are counted.
READ_NOISE = 0.01


@dataclass(frozen=True, eq=False)
class Case:
    """One specimen: projections for the methods, the truth for the metrics alone."""

    name: str
    truth: np.ndarray
    projections: np.ndarray
    acquisition: Acquisition
    noise: NoiseModel = field(default_factory=NoiseModel)
    """The true one, for filters that are told it."""


@dataclass(frozen=True, eq=False)
class Row:
    """One method on one case."""

    case: str
    step_length: int
    method: str
    seconds: float
    metrics: dict[str, Any]
    result: ReconstructionResult


def case_of_volume(
    path: Path, step_length: int, photons: float | None = None, side: int | None = None
) -> Case:
    """A point-scanned volume and its uniform projections; slices beyond whole slabs are dropped.

    Parameters
    ----------
    path : Path
    step_length : int
    photons : float, optional
        In a pixel at the projections' 99.9 percentile above the darkest one; noiseless where None.
    side : int, optional
        Rows and columns in the middle that are looked at; all where None.
    """
    volume = np.asarray(depth_stack(read_image(path)).data, dtype=np.float32)
    if side is not None:
        top, left = (max(0, (size - side) // 2) for size in volume.shape[1:])
        volume = volume[:, top : top + side, left : left + side]
    acquisition = Acquisition(step_length=step_length)
    projections, noise = simulate_projections(volume, acquisition), NoiseModel()
    name = path.name.split(".")[0]
    if photons is not None:
        projections, noise = recorded(projections, photons)
        name += f"-{photons:g}"
    return Case(name, volume[: len(projections) * step_length], projections, acquisition, noise)


def recorded(projections: np.ndarray, photons: float, seed: int = 0) -> tuple[np.ndarray, NoiseModel]:
    """Noiseless projections as a detector records them, and its noise.

    Parameters
    ----------
    projections : ndarray, shape (N, H, W)
    photons : float
        In a pixel at the 99.9 percentile above the darkest one; the read noise is 1 % of that range.
    seed : int
    """
    rng, dark = np.random.default_rng(seed), float(projections.min())
    span = max(float(np.percentile(projections, 99.9)) - dark, 1e-12)
    gain, read = span / photons, READ_NOISE * span
    counts = rng.poisson((projections.astype(np.float64) - dark) / gain)
    noisy = counts * gain + dark + rng.normal(0, read, projections.shape)
    return noisy.astype(np.float32), NoiseModel(gain, read, dark)


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


def run_denoised(case: Case) -> Iterator[Row]:
    """The classical interpolations of projections that filters have denoised, told the true noise."""
    if case.noise.is_negligible:
        return
    n, operator = case.acquisition.step_length, ProjectionOperator(case.acquisition.profile)
    span = float(np.ptp(case.projections))
    for name, volume, seconds in denoised_baselines(case.projections, n, case.noise):
        off = float(np.abs(operator.project(volume) - case.projections).max()) / span
        result = ReconstructionResult(volume=volume, guide=volume, reprojection_max=off)
        yield Row(case.name, n, DENOISED + name, seconds, compare(volume, case.truth, n), result)


def is_baseline(method: str) -> bool:
    """Whether a method is one of those to beat: classical, on projections as they are or denoised first."""
    return method in CLASSICAL or method.startswith(DENOISED)


def best_classical(rows: Sequence[Row], metric: str = "psnr") -> Row | None:
    """The best baseline of one case, raw, made consistent or denoised first: the one to beat."""
    classical = [row for row in rows if is_baseline(row.method) and row.metrics[metric] is not None]
    return max(classical, key=lambda row: float(row.metrics[metric]), default=None)


def gain(rows: Sequence[Row], row: Row, metric: str) -> float | None:
    """What a method's metric exceeds the best classical row's by; None where either is undefined."""
    best, value = best_classical(rows, metric), row.metrics[metric]
    return None if best is None or value is None else float(value - best.metrics[metric])
