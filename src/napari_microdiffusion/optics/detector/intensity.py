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

# Grey levels between whose powers of two squares and sums of squares keep all their digits as float32.
_LEAST, _MOST = 2.0**-30, 2.0**40
_TINIEST, _HUGEST = float(np.finfo(np.float32).tiny), float(np.finfo(np.float32).max)


def working_unit(projections: np.ndarray, step_length: int) -> float:
    """A power of two that brings projections of tiny or huge grey levels near 1, without loss; 1 for others.

    Squares of such grey levels would leave the range of float32.

    Raises
    ------
    UserError
        Where slices, up to n times as bright as their projection, would leave that range themselves, or
        where all lies below it.
    """
    largest = max(abs(float(np.nanmin(projections))), abs(float(np.nanmax(projections))))
    if not _TINIEST <= largest <= _HUGEST / step_length:
        raise UserError(
            f"the projections reach {largest:.3g}, which is beyond what a volume of 32-bit numbers can hold; "
            "multiply them by a factor that brings them near 1"
        )
    return 1.0 if _LEAST < largest < _MOST else 2.0 ** -round(np.log2(largest))


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
