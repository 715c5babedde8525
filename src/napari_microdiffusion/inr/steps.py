"""What a fit yields as it goes on."""

from __future__ import annotations

from collections.abc import Iterator
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
        Mean over the image of the objective, as last seen everywhere.
    fitted
        The field as far as it is fitted. It is live: it changes as the fit goes on, and stays once the fit
        is left.
    notice
        A sentence where the fit had diverged and began anew; else empty.
    """

    step: int
    steps: int
    loss: float
    fitted: FittedInr
    notice: str = ""


FitSteps = Iterator[FitStep]
