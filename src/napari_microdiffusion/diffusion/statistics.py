"""Statistics of projections: what can be seen of a sample as a whole, before any of it is reconstructed.

How grey levels are distributed, how fine and how oriented the texture is, how alike neighbouring slabs are;
and how well neighbours tell what lies within a slab: along z from pairs of slabs, whose halves are known, and
laterally from windows as wide as a slab is thick, whose every pixel is known.
"""

from collections.abc import Sequence

import numpy as np
import scipy

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

RELATIONS = (
    "pairs of slabs: slope",
    "pairs of slabs: slope, likeness",
    "pairs of slabs: ratio",
    "pairs of slabs: ratio, likeness",
    "bend along z",
    "across the image: slope",
    "across the image: slope, likeness",
    "across the image: ratio",
    "across the image: ratio, likeness",
    "across the image: bend",
    "across the image: bend, likeness",
    "across the image: third on first order",
    "across the image: first order",
    "across the image: second order",
    "across the image: third order",
    "across the image: next window",
)

# The names of all, in the order of `statistics`.
STATISTICS = FEATURES + RELATIONS

# Added to intensities before a logarithm, relative to the projections' range.
_OFFSET = 0.02
# The largest piece that statistics are taken of, in slabs, rows and columns: more would say no more.
_PIECE = (64, 384, 384)


def statistics(projections: np.ndarray, step_length: int) -> np.ndarray:
    """Features and relations together, of the middle of a large stack.

    Parameters
    ----------
    projections : ndarray, shape (N, H, W)
        Unit intensities.
    step_length : int
        n.

    Returns
    -------
    ndarray, shape (len(STATISTICS),), float32
        NaN where there are fewer than two slabs or eight rows or columns: too little to tell.
    """
    if len(projections) < 2 or min(projections.shape[1:]) < 8:
        return np.full(len(STATISTICS), np.nan, np.float32)
    starts = [max(0, (size - most) // 2) for size, most in zip(projections.shape, _PIECE, strict=True)]
    z, y, x = (slice(start, start + most) for start, most in zip(starts, _PIECE, strict=True))
    piece = projections[z, y, x]
    together = np.concatenate([features(piece, step_length), relations(piece, step_length)])
    return np.asarray(together, dtype=np.float32)


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
        scales.append(
            scipy.ndimage.zoom(scipy.ndimage.gaussian_filter(scales[-1], (0, 1, 1)), (1, 0.5, 0.5), order=1)
        )
    textures = [_gradient_energy(s) for s in scales]
    diagonal = x[:, :-1:2, :-1:2] - x[:, :-1:2, 1::2] - x[:, 1::2, :-1:2] + x[:, 1::2, 1::2]
    rows, columns = _squares(scales[1])
    laplacian = np.diff(x, 2, axis=1)[:, :, 1:-1] + np.diff(x, 2, axis=2)[:, 1:-1]
    smooth = scipy.ndimage.gaussian_filter(x, (0, 3, 3))
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
    yy, xx, xy = (scipy.ndimage.gaussian_filter(p, (0, 2, 2)) for p in (gy * gy, gx * gx, gy * gx))
    return float(np.sqrt((yy - xx) ** 2 + 4 * xy**2).sum() / ((yy + xx).sum() + 1e-6))


def _correlation(x: np.ndarray, lag: int) -> float:
    """Correlation of slabs that are `lag` apart, over all pixels."""
    one, other = x[:-lag] - x.mean(), x[lag:] - x.mean()
    return float((one * other).mean() / (x.var() + 1e-6))


def relations(projections: np.ndarray, step_length: int) -> np.ndarray:
    """How well neighbours tell what lies within a slab, shape (len(RELATIONS),), float64.

    A pair of slabs is a slab of twice the thickness with known halves; a window of n pixels is a slab that
    lies sideways. The slope within is compared with what its neighbours let expect, by their difference and
    by their ratio: a least-squares factor and a correlation each.

    Parameters
    ----------
    projections : ndarray, shape (N, H, W)
        Unit intensities.
    step_length : int
        n, the width of a window in pixels.
    """
    x = np.clip(np.asarray(projections, dtype=np.float32), -0.2, 1.5)
    pairs = x[: len(x) // 2 * 2].reshape(-1, 2, *x.shape[1:])
    halves = (pairs[:, 0] - pairs[:, 1]) / 2
    axial = [value for slope in _expected_slopes(pairs.mean(1)) for value in _fit([slope], [halves])]
    bend = np.diff(x, 2, axis=0)
    axial.append(
        np.log((float(np.square(bend).mean()) if bend.size else 0.0) / (float(x.var()) + 1e-6) + 1e-4)
    )

    n = min(step_length, *x.shape[1:])
    means, orders = zip(
        *(_windows(side, n) for side in (x.swapaxes(0, 1), x.transpose(2, 0, 1))), strict=True
    )
    first, second, third = ([o[j] for o in orders] for j in range(3))
    straight, proportional = zip(*(_expected_slopes(mean) for mean in means), strict=True)
    bends = [before - 2 * mean + after for mean in means for before, after in (_neighbours(mean),)]
    spread = sum(float(np.square(mean - mean.mean()).sum()) for mean in means)
    lateral = [
        *_fit(straight, first),
        *_fit(proportional, first),
        *_fit(bends, second),
        _fit(first, third)[0],
        *(
            np.log(sum(float(np.square(o).sum()) for o in part) / (spread + 1e-3) + 1e-4)
            for part in (first, second, third)
        ),
        _fit([mean[:-1] - mean.mean() for mean in means], [mean[1:] - mean.mean() for mean in means])[1],
    ]
    return np.array([*axial, *lateral])


def _windows(x: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Means of windows of n along the first axis, and their first three cosine orders, orders first."""
    cut = x[: len(x) // n * n].reshape(-1, n, *x.shape[1:])
    phase = (np.arange(n) + 0.5) / n * np.pi
    cosines = np.cos(np.arange(1, 4)[:, None] * phase) * (np.sqrt(2) / n)
    return cut.mean(1), np.einsum("ab,cb...->ac...", cosines.astype(np.float32), cut)


def _neighbours(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What lies one step before and one step after along the first axis; the ends repeat."""
    return np.concatenate([x[:1], x[:-1]]), np.concatenate([x[1:], x[-1:]])


def _expected_slopes(mean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Half the difference between a slab's halves, from its neighbours' difference and from their ratio."""
    before, after = _neighbours(mean)
    ratio = np.log((np.maximum(before, 0) + _OFFSET) / (np.maximum(after, 0) + _OFFSET))
    return (before - after) / 8, np.maximum(mean, 0) * ratio / 8


def _fit(expected: Sequence[np.ndarray], found: Sequence[np.ndarray]) -> tuple[float, float]:
    """Least-squares factor from expected to found values, at most 4 either way, and their correlation."""
    cross, own, other = (
        sum(float((a * b).sum()) for a, b in zip(one, two, strict=True))
        for one, two in ((expected, found), (expected, expected), (found, found))
    )
    return min(max(cross / (own + 1e-3), -4.0), 4.0), cross / (own * other + 1e-9) ** 0.5
