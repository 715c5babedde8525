"""Whether projections look like those a prior was trained on.

A re-projection error cannot tell, since it is always zero. A few statistics of the projections can: how grey
levels are distributed, how fine and how oriented the texture is, how alike neighbouring slabs are.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .statistics import FEATURES


@dataclass(frozen=True, eq=False)
class Familiarity:
    """The statistics of training projections, and how far from them is far.

    Attributes
    ----------
    mean, spread : ndarray, shape (len(FEATURES),)
    precision : ndarray, shape (len(FEATURES), len(FEATURES))
        Inverse correlation matrix.
    limit : float
        Distance beyond which projections count as unlike the training data.
    """

    mean: np.ndarray
    spread: np.ndarray
    precision: np.ndarray
    limit: float

    @classmethod
    def of(cls, samples: np.ndarray, quantile: float = 0.995) -> "Familiarity":
        """From features of training projections, shape (count, len(FEATURES))."""
        mean, spread = samples.mean(0), samples.std(0) + 1e-6
        normal = (samples - mean) / spread
        # A little of the identity keeps nearly collinear features from making everything look strange.
        precision = np.linalg.inv(np.cov(normal.T) + 0.05 * np.eye(len(mean)))
        unlimited = cls(mean, spread, precision, np.inf)
        distances = np.array([unlimited.distance(sample) for sample in samples])
        return cls(mean, spread, precision, float(np.quantile(distances, quantile)))

    def distance(self, sample: np.ndarray) -> float:
        """Mahalanobis distance of a feature vector over the square root of its length; about 1 is usual."""
        normal = (sample - self.mean) / self.spread
        return float(np.sqrt(normal @ self.precision @ normal / len(normal)))

    def strangest(self, sample: np.ndarray, count: int = 2) -> list[str]:
        """The features that are farthest from training."""
        order = np.argsort(-np.abs((sample - self.mean) / self.spread))
        return [FEATURES[i] for i in order[:count]]

    def header(self) -> dict[str, Any]:
        """JSON-ready form, for a checkpoint's header."""
        return {
            "features": list(FEATURES),
            "mean": self.mean.tolist(),
            "spread": self.spread.tolist(),
            "precision": self.precision.tolist(),
            "limit": self.limit,
        }

    @classmethod
    def from_header(cls, header: dict[str, Any]) -> "Familiarity | None":
        """The inverse of `header`; None where the features are not today's."""
        if header.get("features") != list(FEATURES):
            return None
        mean, spread, precision = (
            np.asarray(header[k], dtype=float) for k in ("mean", "spread", "precision")
        )
        return cls(mean, spread, precision, float(header["limit"]))
