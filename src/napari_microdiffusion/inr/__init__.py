"""Implicit neural representations: a continuous field fitted to one stack of projections.

Nothing here loads torch before a field is fitted, rendered or loaded.
"""

from .fitted import FittedInr
from .fitting import fit_inr
from .settings import InrSettings
from .steps import FitStep

__all__ = ["FitStep", "FittedInr", "InrSettings", "fit_inr"]
