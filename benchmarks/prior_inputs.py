"""What a run makes of a case before the prior, for benchmarks that evaluate networks by themselves."""

from dataclasses import dataclass, replace

import numpy as np

from napari_microdiffusion.interpolation import choose_pedestal, logspline
from napari_microdiffusion.optics import IntensityScale, ProjectionOperator
from napari_microdiffusion.optics.detector.noise import NoiseModel
from napari_microdiffusion.reconstruction.facts import StackFacts
from napari_microdiffusion.settings.method import ReconstructionConfig
from napari_microdiffusion.studies.benchmark import Case


@dataclass(frozen=True, eq=False)
class PriorInputs:
    """Projections, default guide and noise in the unit of `scale`."""

    operator: ProjectionOperator
    scale: IntensityScale
    projections: np.ndarray
    """Denoised."""
    measured: np.ndarray
    guide: np.ndarray
    noise: NoiseModel
    noise_left: float
    """Standard deviation of what denoising left of it."""

    @classmethod
    def of(cls, case: Case) -> "PriorInputs":
        """As in a run with the default settings."""
        facts = StackFacts(case.projections, case.acquisition, ReconstructionConfig())
        unit, left, wide = facts.scale.to_unit(facts.denoised), facts.noise_level, facts.prior_scale
        pedestal = choose_pedestal(unit, facts.operator, left)
        guide = logspline(unit, facts.operator, left, pedestal=pedestal)
        factor = facts.scale.span / wide.span
        return cls(
            facts.operator,
            wide,
            wide.to_unit(facts.denoised),
            wide.to_unit(facts.measured),
            np.float32(factor) * guide,
            facts.prior_noise,
            factor * left,
        )

    def flipped(self) -> "PriorInputs":
        """The same from the last slab to the first."""
        return replace(
            self,
            operator=ProjectionOperator(self.operator.profile[::-1]),
            projections=np.ascontiguousarray(self.projections[::-1]),
            measured=np.ascontiguousarray(self.measured[::-1]),
            guide=np.ascontiguousarray(self.guide[::-1]),
        )
