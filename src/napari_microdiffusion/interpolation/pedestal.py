"""The pedestal of the log-spline: light that lies everywhere and does not fade with the structures.

On unspecific fluorescence, haze and dark current a structure fades towards the pedestal, not towards zero,
and its logarithm is smooth only above it. How much of the usual light is pedestal differs from sample to
sample; thick slabs, whose halves are known, tell.
"""

import numpy as np

from ..optics.operators.disjoint_slabs import ProjectionOperator
from ..optics.operators.thick_slabs import thicken
from .logspline import logspline

# Pedestals that are tried, relative to the median of the projections.
_SHARES = (0.5, 1.0, 1.5)
# Slabs and pixel columns that are looked at; more would say no more.
_SLABS = 32
_COLUMNS = 1024
_ITERATIONS = 3


def choose_pedestal(projections: np.ndarray, operator: ProjectionOperator, noise: float = 0.0) -> float:
    """The pedestal above which the log-spline foretells the halves of thick slabs best.

    Parameters
    ----------
    projections : ndarray, shape (N, H, W)
        Unit intensities.
    operator : ProjectionOperator
        Of disjoint slabs.
    noise : float
        Standard deviation of the projections' noise, in unit intensities.

    Returns
    -------
    float
        In unit intensities; 0 where there is no light everywhere, or the stack allows no test.
    """
    stride = max(1, int(np.ceil(np.sqrt(projections[0].size / _COLUMNS))))
    first = max(0, (len(projections) - _SLABS) // 2)
    sparse = projections[first : first + _SLABS, ::stride, ::stride]
    usual = float(np.median(sparse))
    thick = thicken(sparse, operator)
    if usual <= 0 or thick is None:
        return 0.0
    tried = np.array([0.0, *_SHARES]) * usual
    # All at once: columns are few, so that every call counts.
    height = thick.projections.shape[1]
    volumes = logspline(
        np.tile(thick.projections, (1, len(tried), 1)),
        ProjectionOperator(thick.profile),
        noise,
        _ITERATIONS,
        pedestal=np.repeat(tried, height)[:, None],
    )
    errors = [
        float(np.square(thick.differences_of(volume) - thick.differences).sum())
        for volume in np.split(volumes, len(tried), axis=1)
    ]
    return float(tried[np.argmin(errors)])
