"""Conjugate gradients for systems that are known by what they do to an array."""

from collections.abc import Callable

import numpy as np


def unchecked() -> None:
    """Where nobody wants to leave an iteration."""


def inner_product(a: np.ndarray, b: np.ndarray) -> float:
    """The sum of a times b, whose last digit no number of threads changes, as it does that of `np.vdot`."""
    return float((a * b).sum(dtype=np.float64))


def conjugate_gradients(
    apply: Callable[[np.ndarray], np.ndarray],
    right: np.ndarray,
    scale: np.ndarray,
    steps: int,
    *,
    tolerance: float = 0.0,
    share: float = 0.0,
    check: Callable[[], None] = unchecked,
) -> np.ndarray:
    """Solve apply(x) = right, float32, preconditioned by a diagonal.

    Parameters
    ----------
    apply : callable
        A symmetric positive definite operator on arrays of the shape of `right`.
    right : ndarray
    scale : ndarray
        About the inverse of the operator's diagonal.
    steps : int
        The most that are taken.
    tolerance : float
        Ends where no residual is larger.
    share : float
        Ends where the residual's scaled square has fallen to this share of its first.
    check : callable
        Called in every step; may raise to leave.

    Returns
    -------
    ndarray, float32
    """
    solution = np.zeros_like(right, dtype=np.float32)
    residual = np.array(right, dtype=np.float32)
    direction: np.ndarray = np.zeros_like(residual)
    energy, first = 0.0, inner_product(residual, scale * residual)
    for _ in range(steps):
        check()
        if np.abs(residual).max() <= tolerance:
            break
        conditioned = scale * residual
        fresh = inner_product(residual, conditioned)
        if fresh <= share * first:
            break
        direction = conditioned if not energy else conditioned + np.float32(fresh / energy) * direction
        energy = fresh
        image = apply(direction)
        length = np.float32(energy / max(inner_product(direction, image), 1e-30))
        solution += length * direction
        residual -= length * image
    return solution
