"""Borders between slabs: a posterior mean should not step there more than it does within."""

import numpy as np

from ..optics import ProjectionOperator
from ..optics.banded import factor_banded

# How far a border is mended: 0 leaves it as it was, infinity leaves no step at all beyond what the slices on
# either side go on with. With 200, borders of most real volumes step within 10 % of what the truth's do, for
# a hundredth of a dB.
_STRENGTH = 200.0
# Noise of the projections, in the unit of the slices, that halves the strength, and the most that counts:
# noise that an agreeing volume takes over steps at borders, too, and spreading it over slices costs more.
_NOISE, _MOST_NOISE = 0.01, 0.03
# An excess above this share of the light is rather the edge of something sharp, and counts less.
_EDGE = 0.1


def mend_borders(
    slices: np.ndarray, amplitude: np.ndarray, operator: ProjectionOperator, noise: float = 0.0
) -> np.ndarray:
    """Let slices go on across the borders of slabs, by as little as needed, and leave slab means as they are.

    A network that is sure of neither of two slabs errs in each by itself, and the border between them steps
    by both errors. A border's *excess* is by how much its step differs from the mean of the steps on either
    side, those of a third of each slab. The volume v returned minimises |v - m|^2 / amplitude + weight *
    excess^2 over all borders, under A v = A m, where the weight falls with the amplitude, once more where m
    has an edge, and with the noise. Each pixel column is a tridiagonal system, one unknown for every border.

    Parameters
    ----------
    slices : ndarray, shape (N*n, H, W)
        The posterior mean m, n at least 2.
    amplitude : ndarray, shape (N, H, W)
        How bright a slab is, in the unit of the slices, above 0: the brighter of two slabs moves further.
    operator : ProjectionOperator
        Of slabs recorded each for itself.
    noise : float
        Standard deviation of the projections' noise, in the unit of the slices.

    Returns
    -------
    ndarray, shape (N*n, H, W), float32
        Projects onto what m projects onto.
    """
    n, count = operator.step_length, len(amplitude)
    if count < 2:
        return np.asarray(slices, dtype=np.float32)
    slabs = slices.reshape(count, n, *slices.shape[1:])
    first = _first_slab_excess(n)
    last = -first[::-1]
    excess = np.tensordot(first, slabs[1:], (0, 1)) + np.tensordot(last, slabs[:-1], (0, 1))
    # What of it the slices of one slab can undo without their projection noticing.
    first, last = _unseen(first, operator), _unseen(last, operator)
    before, after = amplitude[:-1], amplitude[1:]
    light = (before + after) / 2
    strength = _STRENGTH / (1 + (min(noise, _MOST_NOISE) / _NOISE) ** 2)
    looseness = light * (1 + np.square(excess / (_EDGE * light))) / strength
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


def _first_slab_excess(n: int) -> np.ndarray:
    """What the slices of the slab after a border contribute to its excess; those before it the reverse."""
    # The steps between two slices add up to the difference of these two, however many there are.
    steps = max(1, round(n / 3))
    column = np.zeros(n)
    column[0] = 1 + 0.5 / steps
    column[steps] = -0.5 / steps
    return column


def _unseen(column: np.ndarray, operator: ProjectionOperator) -> np.ndarray:
    """The part of one slab's column that its projection does not see."""
    w = operator.profile
    return np.asarray(column - w * (w @ column) / (w @ w))
