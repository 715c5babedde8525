"""Data consistency of slabs that do not overlap: the nearest volume that re-projects onto X."""

import numpy as np

from ..operators.disjoint_slabs import ProjectionOperator

CONSISTENCIES = ("none", "exact", "nonnegative", "noise")


def make_consistent(
    volume: np.ndarray,
    projections: np.ndarray,
    operator: ProjectionOperator,
    mode: str,
    *,
    dark_level: float = 0.0,
    noise_variance: np.ndarray | None = None,
    prior_spread: np.ndarray | float | None = None,
) -> np.ndarray:
    """Make a volume consistent with its projections.

    Parameters
    ----------
    volume : ndarray, shape (N*n, H, W)
        The estimate m, in the projections' grey levels.
    projections : ndarray, shape (N, H, W)
        The measurement X.
    operator : ProjectionOperator
        The forward operator A with axial profile w.
    mode : {"none", "exact", "nonnegative", "noise"}
        `exact`: the orthogonal projection m + A^+(X - A m). `nonnegative`: the nearest volume that is
        exactly consistent and does not fall below the dark level (nor below X itself where X lies under it).
        `noise`: the correction is damped by r^2 |w|^2 / (r^2 |w|^2 + s^2), s^2 the noise variance of X
        and r the prior spread of a slice, and the result is cut at the same lower bound. `none`: unchanged.
    dark_level : float
        What the detector reads without light.
    noise_variance : ndarray, shape (N, H, W), optional
        s^2, needed by `noise`.
    prior_spread : float or ndarray, optional
        r, needed by `noise`, in grey levels, a scalar or shape (N, H, W).

    Returns
    -------
    ndarray, shape (N*n, H, W), float32
        A new array.
    """
    if mode not in CONSISTENCIES:
        raise ValueError(f"unknown consistency {mode!r}")
    if mode == "none":
        return np.array(volume, dtype=np.float32)
    if mode == "noise" and (noise_variance is None or prior_spread is None):
        raise ValueError("noise-aware consistency needs noise_variance and prior_spread")
    n = operator.step_length
    result = np.empty(volume.shape, dtype=np.float32)
    # Slab by slab and in double precision: exactness to rounding without a second full-size volume.
    for i in range(len(projections)):
        slices = volume[i * n : (i + 1) * n].astype(np.float64)
        target = projections[i].astype(np.float64)
        if mode == "nonnegative":
            slices = nonnegative(slices, target, operator, dark_level)
        else:
            missing = target - operator.project(slices)[0]
            if mode == "noise":
                assert noise_variance is not None and prior_spread is not None
                spread = prior_spread if np.isscalar(prior_spread) else np.asarray(prior_spread)[i]
                reach = np.square(spread) * operator.squared_norm
                missing = missing * (reach / np.maximum(reach + noise_variance[i], 1e-30))
                slices = slices + operator.pseudo_inverse(missing[None])
                slices = np.maximum(slices, np.minimum(dark_level, target))
            else:
                slices = slices + operator.pseudo_inverse(missing[None])
        result[i * n : (i + 1) * n] = slices
    return result


def nonnegative(
    slices: np.ndarray, target: np.ndarray, operator: ProjectionOperator, dark_level: float = 0.0
) -> np.ndarray:
    """Nearest point to one slab's slices that projects onto `target` and stays above the lower bound.

    Per pixel v_k = max(u_k - theta w_k, 0) above the bound min(dark, X), with theta found by sorting u_k/w_k:
    the projection onto a weighted simplex (Held, Wolfe and Crowder 1974, for unit weights).

    Parameters
    ----------
    slices : ndarray, shape (n, ...), float64
    target : ndarray, shape (...), float64
    operator : ProjectionOperator
    dark_level : float

    Returns
    -------
    ndarray, shape (n, ...), float64
    """
    bound = np.minimum(target, dark_level)
    above = slices - bound
    light = target - bound
    w = operator.profile
    seen = np.flatnonzero(w > 1e-12)
    u = above[seen]
    weights = w[seen].reshape(-1, *(1,) * (u.ndim - 1))
    # Most pixels are settled without sorting: the plain correction is the answer where it stays above zero.
    theta = ((weights * u).sum(0) - light) / (weights**2).sum()
    low = ((u - theta * weights) < 0).any(0)
    if low.any():
        theta[low] = _threshold(u[:, low], light[low], w[seen])
    moved = above.copy()
    moved[seen] = u - theta * weights
    return np.asarray(np.maximum(moved, 0) + bound)


def _threshold(u: np.ndarray, light: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Theta for which sum_k w_k max(u_k - theta w_k, 0) = light; u (n, pixels), light (pixels,)."""
    ratio = u / w[:, None]
    order = np.argsort(-ratio, axis=0)
    sorted_ratio = np.take_along_axis(ratio, order, 0)
    first = np.cumsum(np.take_along_axis(u, order, 0) * w[order], 0)
    second = np.cumsum(w[order] ** 2, 0)
    thetas = (first - light) / second
    active = (sorted_ratio > thetas).sum(0)
    return np.asarray(np.take_along_axis(thetas, np.maximum(active - 1, 0)[None], 0)[0])
