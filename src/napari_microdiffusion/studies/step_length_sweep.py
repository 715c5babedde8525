"""How deep may the beam be: projections of a known volume at many step lengths, reconstructed and judged."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import UserError
from ..evaluation import comparing
from ..interpolation import linear
from ..io import validate_projections
from ..optics import Acquisition, DetectorNoise, check_step_lengths, simulate_projections
from ..reconstruction.engine import reconstruct
from ..reconstruction.events import STAGES, CancelToken, Finished, Progress
from ..settings.method import ReconstructionConfig

FAST = ReconstructionConfig(guide="logspline", diffusion="off", samples=0)
"""Seconds for a volume; what the diffusion adds at each step length comes on top."""

HALF = 0.5
"""Null-space R² from which more of what no projection sees is right than wrong."""

# Of the work on one step length, as measured with the fast method: reconstructing, then judging.
_RECONSTRUCTED = 0.3


@dataclass(frozen=True)
class SweepProgress:
    """What is being done, and which share of the sweep is done, 0 to 1."""

    text: str
    fraction: float


@dataclass(frozen=True, eq=False)
class SweepPoint:
    """One step length.

    Attributes
    ----------
    step_length : int
    slices : int
        That were compared: those of whole slabs.
    metrics, by_linear : dict
        What `evaluation.compare` says of the reconstruction, and of linear interpolation.
    """

    step_length: int
    slices: int
    metrics: dict[str, Any]
    by_linear: dict[str, Any]


def sweep(
    volume: np.ndarray,
    acquisitions: Sequence[Acquisition],
    config: ReconstructionConfig = FAST,
    *,
    noise: DetectorNoise | None = None,
    cancel: CancelToken | None = None,
) -> Iterator[SweepProgress | SweepPoint]:
    """Project a volume at every step length, reconstruct it, and judge the result.

    Parameters
    ----------
    volume : ndarray, shape (Z, H, W)
        Point-scanned intensities. At each n, slices beyond whole slabs are dropped.
    acquisitions : sequence of Acquisition
        The beam at each step length, which are at most Z / 2, each once.
    config : ReconstructionConfig
        The method.
    noise : DetectorNoise, optional
        The same photons per projection at every step length: the light of a frame, not of a slice.
    cancel : CancelToken, optional
        Ends the sweep from another thread; stopped, it ends after the points that are ready.

    Yields
    ------
    SweepProgress or SweepPoint
        A point for each step length, in rising order.

    Raises
    ------
    UserError
        If the volume or a step length cannot be used.
    Cancelled
        If it was cancelled.
    """
    if volume.ndim != 3:
        raise UserError(f"the volume has shape {volume.shape}; it must be a stack of slices, (z, y, x)")
    check_step_lengths([acquisition.step_length for acquisition in acquisitions], len(volume))
    chosen = sorted(acquisitions, key=lambda acquisition: acquisition.step_length)
    validate_projections(volume, "the volume")
    cancel, noise = cancel or CancelToken(), noise or DetectorNoise()
    for number, acquisition in enumerate(chosen):
        n = acquisition.step_length
        if cancel.stopped:
            return
        cancel.check()
        yield SweepProgress(f"n = {n}: projections", number / len(chosen))
        projections = simulate_projections(volume, acquisition, **noise.model_dump())
        stages = _one(volume, projections, acquisition, config, cancel)
        for step in stages:
            if isinstance(step, SweepProgress):
                step = SweepProgress(f"n = {n}: {step.text}", (number + step.fraction) / len(chosen))
            yield step


def _one(
    volume: np.ndarray,
    projections: np.ndarray,
    acquisition: Acquisition,
    config: ReconstructionConfig,
    cancel: CancelToken,
) -> Iterator[SweepProgress | SweepPoint]:
    """One step length; no point comes where the sweep was stopped."""
    n, result = acquisition.step_length, None
    for event in reconstruct(projections, acquisition, config, cancel=cancel):
        if isinstance(event, Progress):
            share = (STAGES.index(event.stage) + event.fraction) / len(STAGES)
            yield SweepProgress(event.stage, _RECONSTRUCTED * share)
        elif isinstance(event, Finished):
            result = event.result
    if result is None or result.stopped:
        return
    scores: list[dict[str, Any]] = []
    for candidate in (result.volume, linear(projections, n)):
        done = len(scores)
        for step in comparing(candidate, volume, n, profile=acquisition.profile):
            cancel.check()
            share = (done + step.fraction) / 2
            yield SweepProgress("comparing", _RECONSTRUCTED + (1 - _RECONSTRUCTED) * share)
            if step.metrics is not None:
                scores.append(step.metrics)
    yield SweepPoint(n, len(result.volume), scores[0], scores[1])


def deepest(points: Sequence[SweepPoint], at_least: float = HALF) -> SweepPoint | None:
    """The largest step length up to which every point has a null-space R² of `at_least`; None if none has."""
    found = None
    for point in sorted(points, key=lambda point: point.step_length):
        r2 = point.metrics["null_space_r2"]
        if r2 is None or r2 < at_least:
            break
        found = point
    return found


def answer(points: Sequence[SweepPoint], slice_depth: float | None = None, unit: str = "") -> str:
    """How deep the beam may be, in a sentence; `slice_depth` is the slices' spacing in `unit`."""
    found = deepest(points)
    if found is None:
        n = points[0].step_length
        return f"Already at n = {n}, less than half of the depth within slabs is recovered."
    n, r2 = found.step_length, found.metrics["null_space_r2"]
    depth = "" if slice_depth is None else f", a step of {n * slice_depth:.3g} {unit}"
    return f"Up to n = {n}{depth}, more than half of the depth within slabs is recovered ({100 * r2:.0f} %)."
