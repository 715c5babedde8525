"""How bright a volume is, worked out in the task's thread: percentiles of millions of voxels take long."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..reconstruction.events import Finished, SliceReady, StageStarted
from ..stacks.contrast_limits import limits_of, sampled

# The preview is smooth; what replaces it has brighter peaks.
HEADROOM = 1.3
_SAMPLED_OF_A_SLICE = 20_000


@dataclass(frozen=True)
class Contrast:
    """Contrast limits that show the volume, and the top of those that show its uncertainty."""

    low: float
    high: float
    uncertainty: float = 1.0


class Brightness:
    """Watches a run's events and says the contrast when the preview is whole, and at the end."""

    def __init__(self) -> None:
        self._preview: list[np.ndarray] = []

    def told_before(self, event: Any) -> Iterator[Contrast]:
        """A `Contrast` where an event makes one known; to be passed on before the event."""
        if isinstance(event, SliceReady) and event.stage == "preview":
            step = max(1, round((event.plane.size / _SAMPLED_OF_A_SLICE) ** 0.5))
            self._preview.append(event.plane[::step, ::step].ravel())
        elif isinstance(event, StageStarted) and event.stage != "preview" and self._preview:
            low, high = limits_of(np.concatenate(self._preview))
            self._preview = []
            yield Contrast(low, low + HEADROOM * (high - low))
        elif isinstance(event, Finished):
            result = event.result
            top = 1.0 if result.uncertainty is None else limits_of(sampled(result.uncertainty))[1]
            yield Contrast(*limits_of(sampled(result.volume)), max(top, 1e-30))
