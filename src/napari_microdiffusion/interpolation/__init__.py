"""First estimates by interpolation along z: the classical guides, and the log-spline."""

from .bent import bent_logspline_parts, first_estimate
from .classical import INTERPOLATIONS, cubic, histospline, histospline_slab, linear, nearest
from .logspline import logspline, logspline_parts
from .pedestal import choose_pedestal
from .sharing import shared, shared_through

__all__ = [
    "INTERPOLATIONS",
    "bent_logspline_parts",
    "choose_pedestal",
    "cubic",
    "first_estimate",
    "histospline",
    "histospline_slab",
    "linear",
    "logspline",
    "logspline_parts",
    "nearest",
    "shared",
    "shared_through",
]
