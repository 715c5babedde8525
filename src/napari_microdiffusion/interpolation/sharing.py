"""A first estimate from a reference: each projection's light shared out in depth as the reference has it.

Multiplicative, so that what has become brighter does so where it is: in one step for slabs that are recorded
each for itself; through a beam that leaves its slab by the iterations of Richardson (1972) and Lucy (1974).
"""

from collections.abc import Callable

import numpy as np

from ..optics.operators.any_beam import BeamOperator
from ..optics.operators.conjugate_gradients import unchecked
from ..optics.operators.disjoint_slabs import ProjectionOperator

_ITERATIONS = 12
# Largest factor on the reference; beyond, it says nothing of what shines there.
_BRIGHTEST = 1e3


def shared(projections: np.ndarray, weights: np.ndarray, operator: ProjectionOperator) -> np.ndarray:
    """Projections shared out within their slabs in proportion to weights.

    Parameters
    ----------
    projections : ndarray, shape (N, H, W)
        Light above the dark level; what lies below counts as none.
    weights : ndarray, shape (N*n, H, W)
        What the reference expects, not negative.
    operator : ProjectionOperator

    Returns
    -------
    ndarray, shape (N*n, H, W), float32
        It re-projects onto the projections wherever the weights see any light.
    """
    ratio = _ratio(projections, np.asarray(operator.project(weights), np.float32))
    slabs = weights.reshape(len(ratio), -1, *weights.shape[1:]) * ratio[:, None]
    return np.asarray(slabs.reshape(weights.shape), np.float32)


def shared_through(
    projections: np.ndarray,
    weights: np.ndarray,
    operator: BeamOperator,
    check: Callable[[], None] = unchecked,
) -> np.ndarray:
    """The same through any beam, on the extended volume.

    Parameters
    ----------
    projections : ndarray, shape (V*N, H, W)
    weights : ndarray, shape `operator.extended_shape`
    operator : BeamOperator
    check : callable
        Called before each iteration; may raise to leave.
    """
    volume = np.array(weights, np.float32)
    seen = operator.adjoint(np.ones_like(projections, np.float32))
    for _ in range(_ITERATIONS):
        check()
        ratio = _ratio(projections, operator.project(volume))
        # What is hardly seen stays as the reference has it.
        volume *= (operator.adjoint(ratio) + np.float32(1e-3)) / (seen + np.float32(1e-3))
    return volume


def _ratio(projections: np.ndarray, expected: np.ndarray) -> np.ndarray:
    light = np.maximum(np.asarray(projections, np.float32), 0)
    ratio = np.divide(light, expected, out=np.ones_like(light), where=expected > 0)
    return np.minimum(ratio, np.float32(_BRIGHTEST))
