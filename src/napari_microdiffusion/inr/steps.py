"""What a fit yields as it goes on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .fitted import FittedInr

Projections = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class FitStep:
    """One step of a fit.

    Attributes
    ----------
    step, steps
        Steps done, and at most to do; a fit may end before.
    loss
        Mean over the image of the objective, as last seen everywhere. What it consists of may change on the
        way.
    misfit
        RMS difference between the field's projections and the measurement as far as the last pass over it
        went: of the grid field in units of the noise, of the paper's relative to the range.
    fitted
        The field as far as it is fitted. It is live: it changes as the fit goes on, and stays once the fit
        is left.
    notice
        A sentence where the fit had diverged and began anew; else empty.
    """

    step: int
    steps: int
    loss: float
    misfit: float
    fitted: FittedInr
    notice: str = ""


# A curve whose last part fell by less than this share has levelled off.
_LEVEL, _LAST_PART = 0.01, 0.2


def has_levelled_off(misfits: Sequence[float]) -> bool:
    """Whether a fit's misfit, step by step, hardly falls any more: the fit has converged."""
    last = misfits[-max(2, round(_LAST_PART * len(misfits))) :]
    return len(last) >= 2 and bool(last[0] - min(last) < _LEVEL * last[0])


FitSteps = Iterator[FitStep]
