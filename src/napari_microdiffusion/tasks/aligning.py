"""Finds which slices of a longer ground truth projections are of."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..optics import Acquisition
from ..reconstruction.events import CancelToken

# Pixels a side, about the middle, that are compared.
_SIDE = 128
# Correlations that differ by less do not tell one place from another; then the first slices stay.
_ALIKE = 0.01
_NO_MATCH = 0.3


@dataclass(frozen=True)
class Aligned:
    """Where in a truth of more slices the volume begins, and how well its projections match there.

    Attributes
    ----------
    first : int
    match : float
        Correlation coefficient of structures, -1 to 1.
    """

    first: int
    match: float

    def describe(self, slices: int) -> str:
        """What was found, in a sentence."""
        if self.match < _NO_MATCH:
            return (
                f"None of its slices match the projections (correlation {self.match:.2f}): it is of another "
                "place, or the step length is another. It is compared from its first slice on."
            )
        which = (
            f"slices {self.first + 1} to {self.first + slices}" if self.first else f"first {slices} slices"
        )
        return f"Its {which} match the projections best (correlation {self.match:.2f}): they are compared."


@dataclass(frozen=True, eq=False)
class AlignTruth:
    """Correlates projections with those of every run of slices that a truth has.

    Attributes
    ----------
    projections : array_like, shape (V*N, H, W)
    truth : array_like, shape (Z, H, W)
        Of at least N*n slices.
    acquisition : Acquisition
    """

    projections: Any
    truth: Any
    acquisition: Acquisition

    def __call__(self, cancel: CancelToken) -> Iterator[Aligned]:
        """`Aligned`, once."""
        from ..registration.forward import Forward
        from ..registration.search import structures

        rows, columns = (
            slice((size - part) // 2, (size - part) // 2 + part)
            for size, part in ((size, min(size, _SIDE)) for size in self.projections.shape[1:])
        )
        measured = structures(np.asarray(self.projections[:, rows, columns], np.float32))
        truth = np.asarray(self.truth[:, rows, columns], np.float32)
        forward = Forward(self.acquisition, len(measured) // self.acquisition.views)
        matches = []
        for first in range(len(truth) - forward.depth + 1):
            cancel.check()
            matches.append(_alike(structures(forward(truth[first : first + forward.depth])), measured))
        best = int(np.argmax(matches))
        first = 0 if matches[best] < max(matches[0] + _ALIKE, _NO_MATCH) else best
        yield Aligned(first, matches[first])


def _alike(one: np.ndarray, other: np.ndarray) -> float:
    energy = float(np.square(one).sum()) * float(np.square(other).sum())
    return float((one * other).sum()) / energy**0.5 if energy > 0 else 0.0
