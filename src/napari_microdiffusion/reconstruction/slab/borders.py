"""Borders between slabs: a posterior mean should not step there more than it does within."""

from dataclasses import dataclass

import numpy as np

from ...optics import ProjectionOperator
from ...optics.operators.banded import factor_banded

# However noisy projections are, a tenth of the strength is left.
_MOST_NOISE = 3.0


@dataclass(frozen=True)
class Mending:
    """How borders are mended."""

    reach: float
    """Part of a slab whose steps say what a border's step should be; at least one step on either side."""
    strength: float
    """0 leaves a border as it was; infinity leaves no step at all beyond what the slices go on with."""
    edge: float
    """Excess, as a share of the light, that is rather the edge of something sharp, and is left."""
    noise: float
    """Noise of the projections, in the unit of the slices, that halves the strength.

    Noise that an exactly consistent volume takes over steps at borders, too, and spreading it over slices
    costs more.
    """


SMOOTH = Mending(reach=1 / 3, strength=60.0, edge=0.2, noise=0.01)
"""For a posterior mean: borders of most real volumes step about as the truth's do, for 0.04 dB."""

TEXTURED = Mending(reach=0.0, strength=4.0, edge=0.3, noise=np.inf)
"""For a sample. Its slices step as the truth's do, each its own way, so its borders must not be smooth."""


def mend_borders(
    slices: np.ndarray,
    amplitude: np.ndarray,
    operator: ProjectionOperator,
    noise: float = 0.0,
    mending: Mending = SMOOTH,
) -> np.ndarray:
    """Let slices go on across the borders of slabs, by as little as needed, and leave slab means as they are.

    A network that is sure of neither of two slabs errs in each by itself, and the border between them steps
    by both errors. A border's *excess* is by how much its step differs from the mean of the steps on either
    side. The volume v returned minimises |v - m|^2 / amplitude + weight * excess^2 over all borders, under
    A v = A m, where the weight falls with the amplitude, with the noise, and where m has an edge. Each pixel
    column is a tridiagonal system, one unknown for every border.

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
    mending : Mending

    Returns
    -------
    ndarray, shape (N*n, H, W), float32
        Projects onto what m projects onto.
    """
    n, count = operator.step_length, len(amplitude)
    if count < 2:
        return np.asarray(slices, dtype=np.float32)
    slabs = slices.reshape(count, n, *slices.shape[1:])
    first = _excess_after(n, max(1, round(mending.reach * n)))
    last = -first[::-1]
    excess = np.tensordot(first, slabs[1:], (0, 1)) + np.tensordot(last, slabs[:-1], (0, 1))
    # What of it the slices of one slab can undo without their projection noticing.
    first, last = _unseen(first, operator), _unseen(last, operator)
    before, after = amplitude[:-1], amplitude[1:]
    light = (before + after) / 2
    strength = mending.strength / (1 + min(noise / mending.noise, _MOST_NOISE) ** 2)
    looseness = light * (1 + (excess / (mending.edge * light)) ** 4) / strength
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


def _excess_after(n: int, steps: int) -> np.ndarray:
    """What the slices of the slab after a border contribute to its excess; those before it, the reverse."""
    # Steps in a row add up to the difference of the outermost slices, however many there are.
    column = np.zeros(n)
    column[0] = 1 + 0.5 / steps
    column[steps] = -0.5 / steps
    return column


def _unseen(column: np.ndarray, operator: ProjectionOperator) -> np.ndarray:
    """The part of one slab's column that its projection does not see."""
    w = operator.profile
    return np.asarray(column - w * (w @ column) / (w @ w))
