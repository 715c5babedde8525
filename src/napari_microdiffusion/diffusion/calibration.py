"""What the spread of samples is worth: factors on the deviation, learned where the truth is known.

The spread of a few samples, with the noise taken over from the measurement, tells where a reconstruction
may be wrong, but not quite by how much: the network is not a perfect sampler, a few samples give a rough
variance, and noise is estimated. On fresh specimens the factor is sought by which the deviation must be
multiplied for nine in ten true voxels to lie within the central 90 % interval (quantile regression, Koenker
and Bassett 1978): by brightness, so that it holds in the foreground and in the background, and by the
statistics of the projections, so that it holds for easy tissue and for difficult one.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy

# Half-width of the central 90 % interval of a normal distribution, in standard deviations.
HALF_WIDTH = 1.6448536269514722
# Standard deviation, relative to the projections' range, below which no voxel is ever known.
FLOOR = 0.002
# Middle brightness of the bins, relative to the projections' range.
LEVELS = (0.005, 0.02, 0.06, 0.15, 0.35, 0.8)
# Samples that the factors are learned with.
SAMPLES = 4

# Voxels of a brightness that a stack must have to count there.
_FEWEST = 50
# The least error that counts, relative to the deviation: below, a place is empty rather than well known.
_LEAST = 0.02
# Statistics further away than this many standard deviations count as this far.
_FARTHEST = 2.5
# How strongly what statistics add is drawn to zero: 0.1 to 3 serve held-out specimens nearly alike.
_STRENGTH = 0.3
# Values that stand for all voxels of a stack.
_QUANTILES = 64
# The share of voxels that an interval is to hold.
_SHARE = 0.9
_ROUNDING = 0.05


def sample_spread(squares: np.ndarray, samples: int = SAMPLES) -> np.ndarray:
    """Standard deviation as the samples alone tell it, wider where there are fewer of them.

    Parameters
    ----------
    squares : ndarray, shape (n, H, W)
        Mean square deviation of the samples from the posterior mean in one slab.
    samples : int
        How many samples there are.

    Returns
    -------
    ndarray, shape (n, H, W)
    """
    few = scipy.special.stdtrit(samples, 0.95) / scipy.special.stdtrit(SAMPLES, 0.95)
    # A few samples tell a variance only roughly; its neighbours' are much the same.
    return np.asarray(
        few * np.sqrt(scipy.ndimage.gaussian_filter(squares, (0, 1, 1), mode="nearest", truncate=2))
    )


def combined(spread: np.ndarray, noise: float | np.ndarray) -> np.ndarray:
    """Spread and noise taken over, both in unit intensities, as one standard deviation above the floor."""
    return np.asarray(np.sqrt(np.square(spread) + np.square(noise) + FLOOR**2))


@dataclass(frozen=True, eq=False)
class Calibration:
    """Factors on the deviation by brightness, and how they depend on the sample.

    Attributes
    ----------
    logs : ndarray, shape (len(LEVELS), 1 + S)
        The factors' logarithms, for `SAMPLES` samples: of a usual sample, and what each of S statistics adds.
    usual : ndarray, shape (2, S)
        Mean and spread of the statistics.
    bounds : ndarray, shape (len(LEVELS), 2)
        Least and largest logarithm that any sample is given.
    """

    logs: np.ndarray
    usual: np.ndarray
    bounds: np.ndarray

    def factors(self, statistics: np.ndarray | None = None) -> np.ndarray:
        """The factors of a sample, or of a usual one, shape (len(LEVELS),)."""
        logs = self.logs @ _described(statistics, self.usual)
        return np.asarray(np.exp(np.clip(logs, *self.bounds.T)))

    def apply(
        self, deviation: np.ndarray, brightness: np.ndarray, statistics: np.ndarray | None = None
    ) -> np.ndarray:
        """The deviation for which nine in ten true voxels of a usual sample lie in the 90 % interval.

        Parameters
        ----------
        deviation, brightness : ndarray, same shape
            From `combined`, and the posterior mean, unit intensities.
        statistics : ndarray, shape (S,), optional
            `statistics.statistics` of the whole stack.
        """
        factors = self.factors(statistics)
        return np.asarray(deviation * np.interp(np.maximum(brightness, 0) ** 0.5, np.sqrt(LEVELS), factors))

    @classmethod
    def of(cls, stacks: list["Outcome"]) -> "Calibration":
        """From stacks with known truth, each counting alike."""
        known = np.array([stack.statistics for stack in stacks], dtype=float)
        usual = np.stack([known.mean(0), known.std(0) + 1e-6])
        edges = np.sqrt(np.array(LEVELS[:-1]) * np.array(LEVELS[1:]))
        found = [
            [stack.where(np.digitize(stack.brightness, edges) == level) for stack in stacks]
            for level in range(len(LEVELS))
        ]
        rows = [_level([s for s in at_level if len(s.error) >= _FEWEST], usual) for at_level in found]
        logs, bounds = (np.array(part) for part in zip(*rows, strict=True))
        return cls(logs, usual, bounds)

    def recentred(self, stacks: list["Outcome"]) -> "Calibration":
        """With factors that hold on these stacks, each counting alike; they depend on the sample as before.

        For weights that were trained on: one number for each brightness needs far fewer stacks than `of`.
        """
        edges = np.sqrt(np.array(LEVELS[:-1]) * np.array(LEVELS[1:]))
        shifts = np.zeros(len(LEVELS))
        for level in range(len(LEVELS)):
            at_level = [s.where(np.digitize(s.brightness, edges) == level) for s in stacks]
            missing = [
                s.log_ratios() - np.log(self.factors(s.statistics)[level])
                for s in at_level
                if len(s.error) >= _FEWEST
            ]
            if missing:
                shifts[level] = np.quantile(np.concatenate(missing), _SHARE)
        logs = self.logs.copy()
        logs[:, 0] += shifts
        return replace(self, logs=logs, bounds=self.bounds + shifts[:, None])

    def header(self) -> dict[str, Any]:
        """JSON-ready form, for a checkpoint's header."""
        arrays = {"logs": self.logs, "usual": self.usual, "bounds": self.bounds}
        return {"levels": list(LEVELS)} | {k: np.round(v, 6).tolist() for k, v in arrays.items()}

    @classmethod
    def from_header(cls, header: dict[str, Any]) -> "Calibration | None":
        """The inverse of `header`; None where its brightness bins or its form are not today's."""
        names = ("logs", "usual", "bounds")
        if header.get("levels") != list(LEVELS) or not all(name in header for name in names):
            return None
        return cls(*(np.asarray(header[name], dtype=float) for name in names))


@dataclass(frozen=True, eq=False)
class Outcome:
    """Some voxels of one reconstruction whose truth is known, unit intensities, each shape (count,)."""

    brightness: np.ndarray
    """The posterior mean."""
    error: np.ndarray
    """Its absolute error."""
    deviation: np.ndarray
    """From `combined`."""
    statistics: np.ndarray
    """Of the whole stack, shape (S,)."""

    def where(self, chosen: np.ndarray) -> "Outcome":
        """The chosen voxels alone."""
        parts = ("brightness", "error", "deviation")
        return replace(self, **{part: getattr(self, part)[chosen] for part in parts})

    def log_ratios(self) -> np.ndarray:
        """Quantiles of the logarithm of the factor that a voxel's deviation needs to reach its error.

        What nine in ten of them lie below is what all deviations must be multiplied by for nine in ten
        voxels to lie in their 90 % interval.
        """
        ratios = np.maximum(self.error / self.deviation, _LEAST) / HALF_WIDTH
        return np.asarray(np.quantile(np.log(ratios), (np.arange(_QUANTILES) + 0.5) / _QUANTILES))


def _described(statistics: np.ndarray | None, usual: np.ndarray) -> np.ndarray:
    """One, and the statistics relative to the usual ones; unknown ones count as usual."""
    mean, spread = usual
    if statistics is None:
        return np.concatenate([[1.0], np.zeros(len(mean))])
    relative = np.clip((np.asarray(statistics, dtype=float) - mean) / spread, -_FARTHEST, _FARTHEST)
    return np.concatenate([[1.0], np.nan_to_num(relative)])


def _level(stacks: list[Outcome], usual: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logarithms of the factors at one brightness, as statistics foretell them, and their bounds."""
    if not stacks:
        return np.zeros(1 + usual.shape[1]), np.zeros(2)
    described = np.array([_described(stack.statistics, usual) for stack in stacks])
    logs = _quantile_regression(described, np.array([stack.log_ratios() for stack in stacks]))
    found = described @ logs
    return logs, np.array([found.min(), found.max()])


def _quantile_regression(described: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Coefficients of the linear combination that nine in ten values lie below.

    Parameters
    ----------
    described : ndarray, shape (stacks, 1 + S)
        The first column is one.
    values : ndarray, shape (stacks, V)
        Values of each stack, each stack counting alike.

    Returns
    -------
    ndarray, shape (1 + S,)
        All but the first drawn to zero.
    """
    penalty = np.array([0.0, *[_STRENGTH] * (described.shape[1] - 1)])

    def loss(coefficients: np.ndarray) -> tuple[float, np.ndarray]:
        above = values - (described @ coefficients)[:, None]
        # The check function, its corner rounded so that there is a gradient.
        rounded = _SHARE * above + _ROUNDING * np.logaddexp(0, -above / _ROUNDING)
        slope = _SHARE - scipy.special.expit(-above / _ROUNDING)
        return (
            float(rounded.mean(1).sum() + 0.5 * (penalty * coefficients**2).sum()),
            penalty * coefficients - described.T @ slope.mean(1),
        )

    start = np.array([np.quantile(values, _SHARE), *np.zeros(described.shape[1] - 1)])
    return np.asarray(scipy.optimize.minimize(loss, start, jac=True, method="L-BFGS-B").x)
