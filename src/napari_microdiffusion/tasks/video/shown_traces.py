"""Traces as a plot shows them, worked out in the task's thread."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ...video.traces import Traces

Quantity = Literal["change", "light"]
QUANTITIES: dict[Quantity, str] = {"change": "ΔF/F", "light": "F, grey levels"}
# More points than a plot has pixels would only take time.
_MOST_POINTS = 800


@dataclass(frozen=True, eq=False)
class ShownTrace:
    """A trace with its standard deviation, and without its noise where that is known; all of one length."""

    times: np.ndarray
    values: np.ndarray
    deviation: np.ndarray
    clean: np.ndarray | None


class ShownTraces:
    """The traces of a video, by region and quantity.

    Parameters
    ----------
    traces : Traces
    is_whole : bool
        Whether these are all frames; without its noise a trace is shown then alone, as that takes longer.

    Attributes
    ----------
    regions : int
        The largest number of one.
    count : int
        How many have voxels.
    liveliest : int
        The region that changes most beyond its noise; 0 where there is none.
    """

    def __init__(self, traces: Traces, is_whole: bool = True) -> None:
        self.times, self.rate, self.centres = traces.times, traces.rate, traces.centres
        self.regions, self.count = traces.light.shape[1], len(traces.regions)
        beyond = traces.light.std(axis=0) / np.maximum(np.median(traces.deviation, axis=0), 1e-12)
        self.liveliest = int(np.argmax(beyond)) + 1 if self.regions else 0
        found = traces.deconvolved if is_whole else None
        clean = None if found is None else found.light
        relative = None if clean is None else (clean - traces.baseline) / traces.at_rest
        self._values: dict[Quantity, tuple[np.ndarray, np.ndarray, np.ndarray | None]] = {
            "light": (traces.light, traces.deviation, clean),
            "change": (traces.relative_change, traces.relative_deviation, relative),
        }

    def of(self, region: int, quantity: Quantity) -> ShownTrace:
        """The trace of a region, from 1; of a long one the points that stand out most."""
        values, deviation, clean = (
            None if array is None else array[:, region - 1] for array in self._values[quantity]
        )
        assert values is not None and deviation is not None
        kept = _standing_out(values)
        return ShownTrace(
            self.times[kept], values[kept], deviation[kept], None if clean is None else clean[kept]
        )


def _standing_out(values: np.ndarray) -> np.ndarray:
    """Indices, at most so many, of the value furthest from the median in each stretch."""
    if len(values) <= _MOST_POINTS:
        return np.arange(len(values))
    stretches = np.array_split(np.abs(values - np.median(values)), _MOST_POINTS)
    starts = np.cumsum([0, *(len(part) for part in stretches[:-1])])
    return np.asarray(starts + [int(part.argmax()) for part in stretches])
