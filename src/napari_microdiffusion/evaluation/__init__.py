"""Metrics against a ground truth, and their figures and tables."""

from .intensity import foreground
from .metrics import ComparisonStep, compare, comparing
from .report import comparison_figure
from .slice_report import SLICE_METRICS, slice_figure, slice_table, slice_values
from .table import COLUMNS, comparison_table
from .uncertainty import coverage, crps, normal_intervals

__all__ = [
    "COLUMNS",
    "SLICE_METRICS",
    "ComparisonStep",
    "compare",
    "comparing",
    "comparison_figure",
    "comparison_table",
    "coverage",
    "crps",
    "foreground",
    "normal_intervals",
    "slice_figure",
    "slice_table",
    "slice_values",
]
