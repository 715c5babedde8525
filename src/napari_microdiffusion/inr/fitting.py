"""Fitting a field to projections, as an iterator that can be left at any step with the field so far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import isfinite
from time import perf_counter

import numpy as np
import numpy.typing as npt

from ..errors import RunFailed, UsageError, UserError
from ..interpolation import first_estimate
from ..optics import MAX_STEP_LENGTH, MIN_STEP_LENGTH, BeamOperator
from .grid_fitting import NOISE_FLOOR, fit_grid
from .paper_fitting import fit_paper
from .settings import InrSettings
from .steps import FitSteps

# A loss of so many times the first, and that of a field that misses every projection by its whole range, is
# that of a fit which has diverged. A good start may well be left for a while at much smaller losses.
DIVERGED = 10.0
# The rate of a fit that begins anew, relative to that before, and how often it may.
RATE_FACTOR, MOST_RESTARTS = 0.25, 3


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
    RunFailed
        If the fit diverges again and again, each time at a smaller rate.
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
    if volume is not None and volume.shape != shape:
        raise UsageError(f"the start must be a volume of shape {shape}, not {volume.shape}.")

    def begin(at: InrSettings) -> FitSteps:
        if at.field == "paper":
            return fit_paper(measured, weights, at, seed, device)
        # The fit works in place on the volume that it starts from.
        own = None if volume is None else volume.copy()
        if own is None and operator is not None:
            own = first_estimate(measured, operator)
        return fit_grid(measured, weights, at, seed, device, own, shape, operator)

    fitting = _begun_anew_where_diverged(begin, settings)
    return fitting if settings.minutes is None else _ended(fitting, 60 * settings.minutes)


def _begun_anew_where_diverged(begin: Callable[[InrSettings], FitSteps], settings: InrSettings) -> FitSteps:
    """The steps of a fit; one that diverged is left for another from the start, at a smaller rate."""
    notice, at = "", settings
    for attempt in range(MOST_RESTARTS + 1):
        if attempt:
            at = settings.model_copy(update={"learning_rate": settings.rate * RATE_FACTOR**attempt})
        most = 1 / NOISE_FLOOR**2 if settings.field == "grid" else 1.0
        for number, step in enumerate(begin(at)):
            most = most if number else max(most, step.loss)
            if not isfinite(step.loss) or step.loss > DIVERGED * most:
                notice = (
                    f"The fit of the INR diverged at step {step.step}: it begins anew with "
                    f"{RATE_FACTOR ** (attempt + 1):g} of the learning rate."
                )
                break
            yield replace(step, notice=notice)
            notice = ""
        else:
            return
    raise RunFailed(
        f"the fit of the INR diverged {MOST_RESTARTS + 1} times, each time at a smaller rate; choose another "
        "guide, or an INR with a smaller learning rate"
    )


def _ended(fitting: FitSteps, seconds: float) -> FitSteps:
    """The same fit, left after some time with the field so far."""
    end = perf_counter() + seconds
    for step in fitting:
        yield step
        if perf_counter() > end:
            return
