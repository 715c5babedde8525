"""Metrics against a ground truth, and their figures and tables."""

from .intensity import foreground
from .metrics import compare
from .report import comparison_figure
from .table import COLUMNS, comparison_table
from .uncertainty import coverage, crps, normal_intervals

__all__ = [
    "COLUMNS",
    "compare",
    "comparison_figure",
    "comparison_table",
    "coverage",
    "crps",
    "foreground",
    "normal_intervals",
]
