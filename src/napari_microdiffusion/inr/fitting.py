"""Fitting a field to projections, as an iterator that can be left at any step with the field so far."""

from __future__ import annotations

from time import perf_counter

import numpy as np
import numpy.typing as npt

from ..errors import UsageError, UserError
from ..interpolation import first_estimate
from ..optics import MAX_STEP_LENGTH, MIN_STEP_LENGTH, BeamOperator
from .grid_fitting import fit_grid
from .paper_fitting import fit_paper
from .settings import InrSettings
from .steps import FitSteps


def fit_inr(
    projections: npt.ArrayLike,
    profile: npt.ArrayLike,
    settings: InrSettings | None = None,
    *,
    seed: int = 0,
    device: str = "cpu",
    start: npt.ArrayLike | None = None,
    operator: BeamOperator | None = None,
) -> FitSteps:
    """Fit an INR to projections, step by step.

    The grid field minimises, with X the projections, m the field's slices, w the axial profile, sigma the
    noise and D the axial second difference::

        sum over pixels of (sum_k w_k m_k - X)^2 / sigma^2  +  c * sum over voxels of D(log(m + offset))^2
        +  k * `coherence.coherence_energy` of log(m + offset)

    the first term being the paper's equation 2 weighted by the noise. It has no gradient in what the
    projections do not see; the others, with c = `settings.curvature` and k = `settings.coherence`, decide
    that. The paper's field minimises equation 2 alone.

    Parameters
    ----------
    projections : array_like, shape (N, H, W)
        Mapped so that they span about [0, 1], zero being the dark level or the background.
    profile : array_like, shape (n,)
        Axial weights of the beam, sum 1.
    settings : InrSettings, optional
    seed : int
        Of the initial weights and the order of pixels; the same seed gives the same field on one machine.
    device : str
        Where torch computes.
    start : array_like, shape (N*n, H, W), optional
        Where the grid field starts, instead of the settings' start.
    operator : BeamOperator, optional
        Of a beam that leaves its slab. The grid field is then fitted on its extended volume, to projections
        of shape (V*N, H, W), and `profile` only tells the step length and the beam's width.

    Yields
    ------
    FitStep
        After every step, a fraction of a second apart; there is at least one. The field of the last one is
        the result, and that of any other if the iteration is left there.

    Raises
    ------
    UserError
        For projections that are no finite stack.
    UsageError
        For a profile or start of a wrong shape.
    """
    settings = settings or InrSettings()
    measured = np.ascontiguousarray(projections, np.float32)
    if measured.ndim != 3 or 0 in measured.shape:
        raise UserError(f"projections must be a stack of images, (N, H, W), not of shape {measured.shape}.")
    if not np.isfinite(measured).all():
        raise UserError("the projections hold pixels that are not finite; the INR needs a number in each.")
    weights = np.asarray(profile, np.float64)
    if (
        weights.ndim != 1
        or not MIN_STEP_LENGTH <= len(weights) <= MAX_STEP_LENGTH
        or weights.min() < 0
        or not np.isclose(weights.sum(), 1)
    ):
        raise UsageError(
            f"the axial profile must be {MIN_STEP_LENGTH} to {MAX_STEP_LENGTH} weights of at least 0, sum 1."
        )
    volume = None if start is None else np.array(start, np.float32)
    shape = (len(measured) * len(weights), *measured.shape[1:])
    if operator is not None:
        shape = operator.extended_shape
        if settings.field == "paper":
            raise UsageError("the paper's field is made for slabs that do not overlap; choose the grid field")
        volume = first_estimate(measured, operator) if volume is None else volume
    if volume is not None and volume.shape != shape:
        raise UsageError(f"the start must be a volume of shape {shape}, not {volume.shape}.")
    if settings.field == "grid":
        fitting = fit_grid(measured, weights, settings, seed, device, volume, shape, operator)
    else:
        fitting = fit_paper(measured, weights, settings, seed, device)
    return fitting if settings.minutes is None else _ended(fitting, 60 * settings.minutes)


def _ended(fitting: FitSteps, seconds: float) -> FitSteps:
    """The same fit, left after some time with the field so far."""
    end = perf_counter() + seconds
    for step in fitting:
        yield step
        if perf_counter() > end:
            return
