"""Many files, positions and time points: planned, and worked on here or on a Dask cluster."""

from .pieces import Piece, Report, Work
from .planning import pieces_of
from .running import cost_of, overwriting, piece_events, run_batch, work_on
from .series import Series

__all__ = [
    "Piece",
    "Report",
    "Series",
    "Work",
    "cost_of",
    "overwriting",
    "piece_events",
    "pieces_of",
    "run_batch",
    "work_on",
]
