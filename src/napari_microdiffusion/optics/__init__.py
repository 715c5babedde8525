"""Forward physics: acquisition, beams, the projection operator, consistency with the measurement."""

from .acquisition import MAX_STEP_LENGTH, MIN_STEP_LENGTH, Acquisition
from .consistency.any_beam import make_consistent_through
from .consistency.disjoint_slabs import CONSISTENCIES, make_consistent
from .detector.intensity import IntensityScale
from .operators.any_beam import BeamOperator
from .operators.disjoint_slabs import ProjectionOperator
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
    "check_step_lengths",
    "make_consistent",
    "make_consistent_through",
    "project_through",
    "simulate_projections",
]
