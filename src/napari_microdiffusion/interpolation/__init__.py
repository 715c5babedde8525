"""First estimates by interpolation along z: the classical guides, and the log-spline."""

from .classical import INTERPOLATIONS, cubic, histospline, histospline_slab, linear, nearest
from .logspline import logspline, logspline_parts

__all__ = [
    "INTERPOLATIONS",
    "cubic",
    "histospline",
    "histospline_slab",
    "linear",
    "logspline",
    "logspline_parts",
    "nearest",
]
