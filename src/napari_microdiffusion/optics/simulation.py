"""Projections as a microscope with a long beam would have recorded them."""

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from ..errors import UsageError, UserError
from .acquisition import MAX_STEP_LENGTH, MIN_STEP_LENGTH, Acquisition
from .operators.any_beam import BeamOperator
from .operators.disjoint_slabs import ProjectionOperator


class DetectorNoise(BaseModel):
    """The noise of simulated projections; the fields are arguments of `simulate_projections`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    photons: float | None = Field(
        None,
        title="Photons",
        description="Photons that a bright projection pixel detects, one at the volume's 99.9 percentile; "
        "none is noiseless.",
        gt=0,
        json_schema_extra={"unit": "photons"},
    )
    read_noise: float = Field(
        0.0,
        title="Read noise",
        description="Standard deviation of the detector's noise.",
        ge=0,
        json_schema_extra={"unit": "grey levels"},
    )
    seed: int = Field(0, title="Seed", description="The same seed gives the same noise.", ge=0, lt=2**63)


def simulate_projections(
    volume: np.ndarray,
    acquisition: Acquisition,
    *,
    photons: float | None = None,
    read_noise: float = 0.0,
    seed: int | None = None,
) -> np.ndarray:
    """Project a point-scanned volume, with photon and read noise on request.

    Parameters
    ----------
    volume : ndarray, shape (Z, H, W)
        Non-negative intensities above the dark level. Slices beyond the last whole slab are dropped; beams
        that reach out of the volume see its outermost voxels continued. Pixels that see a voxel without a
        value (NaN) have none.
    acquisition : Acquisition
        Step length and beam.
    photons : float, optional
        Photons detected in one projection pixel at the volume's 99.9 percentile; None is noiseless.
    read_noise : float
        Standard deviation of the detector's noise, in the volume's grey levels.
    seed : int, optional
        Seed of the noise.

    Returns
    -------
    ndarray, shape (views * (Z // n), H, W), float32
        In the volume's grey levels; all projections of the first view, then those of the second.

    Raises
    ------
    UserError
        If the volume has fewer slices than one slab.
    """
    n = acquisition.step_length
    slabs = len(volume) // n
    if slabs < 1:
        raise UserError(
            f"the volume has {len(volume)} slices, fewer than one slab of {n}; use a smaller step length"
        )
    projections = project_through(volume[: slabs * n], acquisition)
    rng = np.random.default_rng(seed)
    if photons is not None:
        gain = photon_gain(volume, photons, acquisition.dark_level)
        light = np.maximum(projections - acquisition.dark_level, 0)
        missing = np.isnan(light)
        counts = np.where(missing, np.nan, rng.poisson(np.where(missing, 0, light / gain)))
        projections = acquisition.dark_level + counts * gain
    if read_noise:
        projections = projections + rng.normal(0, read_noise, projections.shape)
    return projections.astype(np.float32)


def project_through(volume: np.ndarray, acquisition: Acquisition) -> np.ndarray:
    """Noiseless projections of whole slabs, (N*n, H, W) to (views * N, H, W), float64."""
    n = acquisition.step_length
    slabs = len(volume) // n
    if acquisition.is_disjoint:
        straight = ProjectionOperator(acquisition.profile)
        parts = [straight.project(volume[i * n : (i + 1) * n].astype(np.float64))[0] for i in range(slabs)]
        return np.stack(parts)
    operator = BeamOperator(acquisition.beams, n, (slabs, *volume.shape[1:]))
    return operator.project(operator.extend(volume.astype(np.float64)))


def photon_gain(volume: np.ndarray, photons: float, dark_level: float = 0.0) -> float:
    """Grey levels per photon when `photons` photons make the volume's 99.9 percentile.

    Where so little is bright that the percentile is next to dark, a thousandth of the brightest voxel counts.
    """
    bright, brightest = float(np.nanpercentile(volume, 99.9)) - dark_level, np.nanmax(volume) - dark_level
    return max(bright, float(brightest) / 1000, 1e-30) / photons


def check_step_lengths(step_lengths: Sequence[int], depth: int) -> list[int]:
    """Step lengths to project a volume of `depth` slices at, in rising order, each once.

    Raises
    ------
    UsageError
        If there is none, or one that leaves fewer than two slabs.
    """
    if not step_lengths:
        raise UsageError("at least one step length is needed, such as 2 4 6 8")
    for n in step_lengths:
        if not MIN_STEP_LENGTH <= n <= MAX_STEP_LENGTH:
            raise UsageError(
                f"step length is {n}, but it must be from {MIN_STEP_LENGTH} to {MAX_STEP_LENGTH} slices"
            )
        if 2 * n > depth:
            raise UsageError(
                f"step length is {n}, but {depth} slices make no two slabs of it; use at most {depth // 2}"
            )
    return sorted(set(step_lengths))
