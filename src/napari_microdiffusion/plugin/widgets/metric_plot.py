"""Names of metrics where there is room for them in a plot."""

from ...evaluation.table import COLUMNS

_PLOT_HEADINGS = {"null_space_r2": "null-space R²"}


def plot_heading(key: str) -> str:
    """A metric's name where there is room for it."""
    return _PLOT_HEADINGS.get(key, COLUMNS[key].heading)
