"""What a reference is worth, pixel by pixel: judged by the projections alone."""

import numpy as np
import scipy

from ...interpolation import INTERPOLATIONS, shared
from ...optics import ProjectionOperator
from ...optics.operators.thick_slabs import thicken

# Difference from what the reference lets expect, relative to the light, at which it counts half: so much for
# every slice of a slab, since the less projections alone tell, the better is even a poor reference.
_HALF_A_SLICE, _LEAST_HALF = 0.018, 0.1
# Light that does not count as any, relative to the projections' range.
_FLOOR = 0.02
# Width in pixels over which a difference counts, and over which thick slabs are compared.
_AROUND, _WINDOW = 1.0, 6.0
# The same width for what tells changed places: wider, since what lies along the beam through a change may be
# another, too, where its projection happens to be as expected. The share of the light by which any reference
# is off, and the square of a difference, in units of what is usual, that is as likely a change as none.
_WIDER, _OFF, _LIKELY = 1.5, 0.06, 2.0
# How strongly a place's own weight is drawn to that of the whole stack.
_STRENGTH = 0.5


def match_weight(
    projections: np.ndarray, expected: np.ndarray, variance: np.ndarray, span: float, step_length: int
) -> np.ndarray:
    """1 where projections are as the reference lets expect, towards 0 where the tissue has changed.

    Parameters
    ----------
    projections, expected : ndarray, shape (N, H, W)
        Above the dark level, without most of their noise.
    variance : ndarray, shape (N, H, W)
        Of the noise in what is expected; a difference that it explains is none.
    span : float
        The projections' range.
    step_length : int

    Returns
    -------
    ndarray, shape (N, H, W), float32
    """
    half = max(_HALF_A_SLICE * step_length, _LEAST_HALF)
    light = np.maximum(np.maximum(projections, expected), 0) + np.float32(_FLOOR * span)
    square = np.square(projections - expected) - variance
    around = scipy.ndimage.gaussian_filter(square / np.square(light), (0, _AROUND, _AROUND), mode="nearest")
    return np.asarray(1 / (1 + np.maximum(around, 0) / half**2), np.float32)


def changed_places(
    projections: np.ndarray, expected: np.ndarray, variance: np.ndarray, span: float
) -> np.ndarray:
    """Towards 1 where the tissue has changed, 0 where projections are as the reference lets expect.

    Parameters are those of `match_weight` but the last; shape (N, H, W), float32.
    """
    width = (0, _WIDER, _WIDER)
    light = np.maximum(np.maximum(projections, expected), 0)
    square, noise, around = (
        scipy.ndimage.gaussian_filter(part, width, mode="nearest")
        for part in (np.square(projections - expected), variance, light)
    )
    usual = noise + np.square(np.float32(_OFF) * (around + np.float32(_FLOOR * span)))
    return np.asarray(square / (square + np.float32(_LIKELY) * usual), np.float32)


def thick_slab_weight(
    projections: np.ndarray, weights: np.ndarray, operator: ProjectionOperator
) -> tuple[float, np.ndarray]:
    """What the reference tells of pairs of slabs averaged, of which the halves are known.

    The least-squares factor on what it adds to an interpolation, 0 to 1, for the stack and for each place.

    Parameters
    ----------
    projections : ndarray, shape (N, H, W)
        Above the dark level.
    weights : ndarray, shape (N*n, H, W)
        What the reference expects.
    operator : ProjectionOperator

    Returns
    -------
    stack : float
    places : ndarray, shape (N, H, W), float32
        1 everywhere where there are too few slabs to tell.
    """
    thick = thicken(projections, operator)
    places = np.ones(projections.shape, np.float32)
    if thick is None:
        return 1.0, places
    beam, pairs = ProjectionOperator(thick.profile), len(thick.projections)
    interpolated = INTERPOLATIONS["histospline"](thick.projections, beam.step_length)
    told = shared(thick.projections, weights[: pairs * beam.step_length], beam)
    start = thick.differences_of(interpolated)
    added, missing = thick.differences_of(told) - start, thick.differences - start
    energy = float(np.square(added).sum())
    if energy == 0:
        return 1.0, places
    whole = min(max(float((added * missing).sum()) / energy, 0.0), 1.0)
    window = (0, _WINDOW, _WINDOW)
    drawn = _STRENGTH * energy / added.size
    local = scipy.ndimage.gaussian_filter(added * missing, window, mode="nearest") + drawn * whole
    local /= scipy.ndimage.gaussian_filter(np.square(added), window, mode="nearest") + drawn
    places[:] = whole
    places[: 2 * pairs] = np.repeat(np.clip(local, 0, 1), 2, axis=0)
    return whole, places
