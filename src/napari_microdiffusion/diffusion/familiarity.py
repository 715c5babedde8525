"""Whether projections look like those a prior was trained on.

A re-projection error cannot tell, since it is always zero. A few statistics of the projections can: how grey
levels are distributed, how fine and how oriented the texture is, how alike neighbouring slabs are.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter, zoom

FEATURES = (
    "log n",
    "10 % quantile",
    "median",
    "90 % quantile",
    "brighter than 0.3",
    "brighter than 0.7",
    "spread",
    "fine texture",
    "middle texture",
    "coarse texture",
    "noise",
    "anisotropy",
    "coherence",
    "edge sparsity",
    "next slab, fine",
    "next slab, coarse",
    "third slab, coarse",
    "brightness drift",
)


def features(projections: np.ndarray, step_length: int) -> np.ndarray:
    """Statistics of projections, shape (len(FEATURES),), float64.

    Parameters
    ----------
    projections : ndarray, shape (N, H, W)
        Unit intensities, N at least 2.
    step_length : int
        n, since neighbouring slabs of thick beams are less alike.
    """
    x = np.clip(np.asarray(projections, dtype=np.float32), -0.2, 1.5)
    energy = float(x.var()) + 1e-6
    low, middle, high = np.percentile(x, (10, 50, 90))
    scales = [x]
    for _ in range(2):
        scales.append(zoom(gaussian_filter(scales[-1], (0, 1, 1)), (1, 0.5, 0.5), order=1))
    textures = [_gradient_energy(s) for s in scales]
    diagonal = x[:, :-1:2, :-1:2] - x[:, :-1:2, 1::2] - x[:, 1::2, :-1:2] + x[:, 1::2, 1::2]
    rows, columns = _squares(scales[1])
    laplacian = np.diff(x, 2, axis=1)[:, :, 1:-1] + np.diff(x, 2, axis=2)[:, 1:-1]
    smooth = gaussian_filter(x, (0, 3, 3))
    values = [
        np.log(step_length),
        low,
        middle,
        high,
        np.sqrt((x > 0.3).mean()),
        np.sqrt((x > 0.7).mean()),
        np.log(energy),
        *(np.log((t + 1e-7) / (float(s.var()) + 1e-6)) for t, s in zip(textures, scales, strict=True)),
        np.log((float(np.abs(diagonal).mean()) ** 2 + 1e-7) / energy),
        abs(np.log((rows.mean() + 1e-7) / (columns.mean() + 1e-7))),
        _coherence(scales[1]),
        np.log(float(np.square(laplacian).mean() + 1e-9) / float(np.abs(laplacian).mean() ** 2 + 1e-9)),
        _correlation(x, 1),
        _correlation(smooth, 1),
        _correlation(smooth, min(2, len(x) - 1)),
        np.log(1e-3 + float(np.abs(np.diff(x.mean((1, 2)))).mean())),
    ]
    return np.array([float(v) for v in values])


def _squares(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.square(np.diff(x, axis=1)[:, :, :-1]), np.square(np.diff(x, axis=2)[:, :-1])


def _gradient_energy(x: np.ndarray) -> float:
    rows, columns = _squares(x)
    return float(rows.mean() + columns.mean())


def _coherence(x: np.ndarray) -> float:
    """Coherence of the structure tensor, weighted by gradient energy: 0 without direction, 1 for lines."""
    gy, gx = np.diff(x, axis=1)[:, :, :-1], np.diff(x, axis=2)[:, :-1]
    yy, xx, xy = (gaussian_filter(p, (0, 2, 2)) for p in (gy * gy, gx * gx, gy * gx))
    return float(np.sqrt((yy - xx) ** 2 + 4 * xy**2).sum() / ((yy + xx).sum() + 1e-6))


def _correlation(x: np.ndarray, lag: int) -> float:
    """Correlation of slabs that are `lag` apart, over all pixels."""
    one, other = x[:-lag] - x.mean(), x[lag:] - x.mean()
    return float((one * other).mean() / (x.var() + 1e-6))


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
