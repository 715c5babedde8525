"""Borders between slabs: a posterior mean should not step there more than it does within."""

import numpy as np

from ..optics import ProjectionOperator
from ..optics.banded import factor_banded

# How far a border is mended: 0 leaves it as it was, infinity leaves no step at all beyond what the slices on
# either side go on with. Of 0.1 to 6 this takes most of the excess away and nothing of the quality.
_STRENGTH = 1.5
# An excess above this share of the light is rather the edge of something sharp, and counts less.
_EDGE = 0.3


def mend_borders(slices: np.ndarray, amplitude: np.ndarray, operator: ProjectionOperator) -> np.ndarray:
    """Let slices go on across the borders of slabs, by as little as needed, and leave slab means as they are.

    A network that is sure of neither of two slabs errs in each by itself, and the border between them steps
    by both errors. A border's *excess* is by how much its step differs from the mean of the steps on either
    side. The volume v returned minimises |v - m|^2 / amplitude + weight * excess^2 over all borders, under
    A v = A m, where the weight falls with the amplitude, and once more where m has an edge. Each pixel column
    is a tridiagonal system, one unknown for every border.

    Parameters
    ----------
    slices : ndarray, shape (N*n, H, W)
        The posterior mean m, n at least 2.
    amplitude : ndarray, shape (N, H, W)
        How bright a slab is, in the unit of the slices, above 0: the brighter of two slabs moves further.
    operator : ProjectionOperator
        Of slabs recorded each for itself.

    Returns
    -------
    ndarray, shape (N*n, H, W), float32
        Projects onto what m projects onto.
    """
    n, count = operator.step_length, len(amplitude)
    if count < 2:
        return np.asarray(slices, dtype=np.float32)
    slabs = slices.reshape(count, n, *slices.shape[1:])
    first, last = np.zeros(n), np.zeros(n)
    first[:2] = 1.5, -0.5
    last[-2:] = 0.5, -1.5
    excess = np.tensordot(first, slabs[1:], (0, 1)) + np.tensordot(last, slabs[:-1], (0, 1))
    # What of it the slices of one slab can undo without their projection noticing.
    first, last = _unseen(first, operator), _unseen(last, operator)
    before, after = amplitude[:-1], amplitude[1:]
    light = (before + after) / 2
    looseness = light * (1 + np.square(excess / (_EDGE * light))) / _STRENGTH
    diagonal = (
        looseness * (first @ first + last @ last) / 2 + after * (first @ first) + before * (last @ last)
    )
    bands = np.stack([diagonal, np.zeros_like(diagonal)])
    bands[1, :-1] = amplitude[1:-1] * (first @ last)
    factor = factor_banded(bands.reshape(2, count - 1, -1))
    pull = factor.solve(excess.reshape(count - 1, -1)).reshape(excess.shape)
    mended = slabs.astype(np.float32)
    mended[1:] -= (after * pull)[:, None] * first[:, None, None]
    mended[:-1] -= (before * pull)[:, None] * last[:, None, None]
    return mended.reshape(slices.shape)


def _unseen(column: np.ndarray, operator: ProjectionOperator) -> np.ndarray:
    """The part of one slab's column that its projection does not see."""
    w = operator.profile
    return np.asarray(column - w * (w @ column) / (w @ w))
