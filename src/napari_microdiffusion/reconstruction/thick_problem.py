"""The slab problem of a run's own thick slabs, whose halves are known: what a prior is tested on."""

from dataclasses import dataclass

import numpy as np

from ..diffusion.slab import MAX_DIFFUSION_STEP_LENGTH, SlabProblem, compose, pose
from ..diffusion.statistics import statistics
from ..interpolation import INTERPOLATIONS, logspline
from ..optics import ProjectionOperator
from ..optics.thick_slabs import ThickSlabs, thicken
from .run import Run

# Slabs of the piece that is looked at.
_SLABS = 16


@dataclass(frozen=True, eq=False)
class ThickProblem:
    """Thick slabs and the problem that they pose.

    Attributes
    ----------
    thick : ThickSlabs
        In unit intensities.
    operator : ProjectionOperator
        Of the deeper beam.
    problem : SlabProblem
        In the unit of what the prior sees.
    unit : float
        That of one unit intensity.
    """

    thick: ThickSlabs
    operator: ProjectionOperator
    problem: SlabProblem
    unit: np.float32

    @classmethod
    def of(cls, run: Run, side: int) -> "ThickProblem | None":
        """From the middle of a run's projections, at most `side` pixels square; None where there are too few.

        It starts from the run's kind of guide, but from the log-spline instead of an INR, which would take
        too long to fit and is close to it.
        """
        thick = thicken(_middle(run, side), run.operator, MAX_DIFFUSION_STEP_LENGTH)
        if thick is None:
            return None
        operator = ProjectionOperator(thick.profile)
        interpolation = INTERPOLATIONS.get("nearest" if run.config.guide == "none" else run.config.guide)
        if interpolation is not None:
            guide = interpolation(thick.projections, operator.step_length)
        else:
            guide = logspline(thick.projections, operator, run.noise_level, pedestal=run.pedestal)
        unit = np.float32(run.scale.span / run.prior_scale.span)
        projections = unit * thick.projections
        known = statistics(projections, operator.step_length)
        return cls(thick, operator, pose(projections, unit * guide, operator, run.prior_noise, known), unit)

    def volume(self, residual: np.ndarray) -> np.ndarray:
        """The volume, in unit intensities, whose orders exceed the guide's by a residual."""
        orders = self.problem.guide_orders + residual
        return compose(self.unit * self.thick.projections, orders, self.operator) / self.unit


def _middle(run: Run, side: int) -> np.ndarray:
    """The middle of the projections, in unit intensities, no larger than a test needs."""
    starts = [
        max(0, (size - most) // 2)
        for size, most in zip(run.projections.shape, (_SLABS, side, side), strict=True)
    ]
    z, y, x = starts
    return run.scale.to_unit(run.projections[z : z + _SLABS, y : y + side, x : x + side])
