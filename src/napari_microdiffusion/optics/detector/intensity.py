"""The map between a file's grey levels and the unit range that models work in."""

from dataclasses import dataclass

import numpy as np

from ...errors import UserError

# Pixels looked at for the percentiles of a large stack.
_ENOUGH = 4_000_000
# Unit intensities up to which a prior's scale lets the brightest pixels go, but for this share of them and
# this many at least: hot pixels are not structure.
_BRIGHTEST = 1.1
_HOT, _FEWEST_HOT = 1e-4, 4


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

    def widened(self, projections: np.ndarray) -> "IntensityScale":
        """The scale for a prior: it reaches up to the brightest pixels, but for a few that may be hot.

        Few objects far brighter than all others leave the unit range; on them no prior has experience.
        """
        flat = projections.reshape(-1)
        sample = flat[:: max(1, len(flat) // _ENOUGH)]
        rank = len(sample) - 1 - max(int(_HOT * len(sample)), _FEWEST_HOT)
        if rank < 0:
            return self
        reach = (float(np.partition(sample, rank)[rank]) - self.background) / self.span
        return IntensityScale(self.background, self.span * max(1.0, reach / _BRIGHTEST))

    def to_unit(self, grey: np.ndarray) -> np.ndarray:
        """Grey levels to unit intensities, float32."""
        return (
            (np.asarray(grey, dtype=np.float32) - np.float32(self.background)) / np.float32(self.span)
        ).astype(np.float32, copy=False)

    def to_grey(self, unit: np.ndarray) -> np.ndarray:
        """Unit intensities to grey levels, float32."""
        return np.asarray(unit, dtype=np.float32) * np.float32(self.span) + np.float32(self.background)
