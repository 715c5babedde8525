"""The map between a file's grey levels and the unit range that models work in."""

from dataclasses import dataclass

import numpy as np

from ..errors import UserError

# Pixels looked at for the percentiles of a large stack.
_ENOUGH = 4_000_000


@dataclass(frozen=True)
class IntensityScale:
    """Grey level = background + span * unit intensity.

    Taken from the projections alone: background is their 0.5 percentile and the span reaches up to their
    99.9 percentile, so that projections lie about in [0, 1].
    """

    background: float
    span: float

    @classmethod
    def of(cls, projections: np.ndarray) -> "IntensityScale":
        """The scale of projections, shape (N, H, W).

        Raises
        ------
        UserError
            If the projections are constant.
        """
        flat = projections.reshape(-1)
        sample = flat[:: max(1, len(flat) // _ENOUGH)]
        low, high = (float(v) for v in np.percentile(sample, (0.5, 99.9)))
        if high <= low:
            low, high = float(projections.min()), float(projections.max())
        if not high > low:
            raise UserError("the projections are constant; there is no structure to reconstruct")
        return cls(low, high - low)

    def to_unit(self, grey: np.ndarray) -> np.ndarray:
        """Grey levels to unit intensities, float32."""
        return (
            (np.asarray(grey, dtype=np.float32) - np.float32(self.background)) / np.float32(self.span)
        ).astype(np.float32, copy=False)

    def to_grey(self, unit: np.ndarray) -> np.ndarray:
        """Unit intensities to grey levels, float32."""
        return np.asarray(unit, dtype=np.float32) * np.float32(self.span) + np.float32(self.background)
