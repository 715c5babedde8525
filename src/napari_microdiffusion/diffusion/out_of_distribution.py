"""The out-of-distribution score: how far projections are from those that a prior was trained on.

A re-projection error cannot tell, since it is always zero. The statistics of the projections can.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .statistics import STATISTICS

# Rounds in which the farthest are left out of what counts as usual, and how many that are.
_ROUNDS, _FARTHEST = 3, 0.1


@dataclass(frozen=True, eq=False)
class TrainingDistribution:
    """The statistics of training projections, and the score from which others are out of distribution.

    Attributes
    ----------
    mean, spread : ndarray, shape (len(STATISTICS),)
    precision : ndarray, shape (len(STATISTICS), len(STATISTICS))
        Inverse correlation matrix.
    limit : float
        Score beyond which projections count as out of distribution.
    """

    mean: np.ndarray
    spread: np.ndarray
    precision: np.ndarray
    limit: float

    @classmethod
    def of(cls, samples: np.ndarray) -> "TrainingDistribution":
        """From statistics of training projections, shape (count, len(STATISTICS)).

        The farthest tenth does not count: a few specimens of which hardly anything is left would make
        everything look usual. The limit is where that tenth begins.
        """
        samples = np.asarray(samples, dtype=float)
        kept = samples
        for _ in range(_ROUNDS):
            mean, spread = kept.mean(0), kept.std(0) + 1e-6
            # A little of the identity keeps nearly collinear statistics from raising every score.
            precision = np.linalg.inv(np.cov(((kept - mean) / spread).T) + 0.05 * np.eye(len(mean)))
            known = cls(mean, spread, precision, np.inf)
            scores = np.array([known.score(sample) for sample in samples])
            limit = float(np.quantile(scores, 1 - _FARTHEST))
            kept = samples[scores <= limit]
        return cls(mean, spread, precision, limit)

    def score(self, sample: np.ndarray) -> float:
        """Mahalanobis distance of statistics over the square root of its length; about 1 is usual."""
        normal = (sample - self.mean) / self.spread
        return float(np.sqrt(normal @ self.precision @ normal / len(normal)))

    def most_unusual(self, sample: np.ndarray, count: int = 2) -> list[str]:
        """The statistics that are farthest from training."""
        order = np.argsort(-np.abs((sample - self.mean) / self.spread))
        return [STATISTICS[i] for i in order[:count]]

    def header(self) -> dict[str, Any]:
        """JSON-ready form, for a checkpoint's header."""
        return {
            "statistics": list(STATISTICS),
            "mean": self.mean.tolist(),
            "spread": self.spread.tolist(),
            "precision": self.precision.tolist(),
            "limit": self.limit,
        }

    @classmethod
    def from_header(cls, header: dict[str, Any]) -> "TrainingDistribution | None":
        """The inverse of `header`; None where the statistics are not today's."""
        if header.get("statistics") != list(STATISTICS):
            return None
        mean, spread, precision = (
            np.asarray(header[k], dtype=float) for k in ("mean", "spread", "precision")
        )
        return cls(mean, spread, precision, float(header["limit"]))
