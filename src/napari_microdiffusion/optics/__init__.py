"""Forward physics: acquisition, beams, the projection operator, consistency with the measurement."""

from .acquisition import MAX_STEP_LENGTH, MIN_STEP_LENGTH, Acquisition
from .agreement import agree_through
from .beam_operator import BeamOperator
from .consistency import CONSISTENCIES, make_consistent
from .intensity import IntensityScale
from .operator import ProjectionOperator
from .simulation import DetectorNoise, check_step_lengths, project_through, simulate_projections

__all__ = [
    "CONSISTENCIES",
    "MAX_STEP_LENGTH",
    "MIN_STEP_LENGTH",
    "Acquisition",
    "BeamOperator",
    "DetectorNoise",
    "IntensityScale",
    "ProjectionOperator",
    "agree_through",
    "check_step_lengths",
    "make_consistent",
    "project_through",
    "simulate_projections",
]
