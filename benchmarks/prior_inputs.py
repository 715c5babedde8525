"""What a run makes of a case before the prior, for benchmarks that evaluate networks by themselves."""

from dataclasses import dataclass, replace

import numpy as np

from napari_microdiffusion.interpolation import choose_pedestal, logspline
from napari_microdiffusion.optics import IntensityScale, ProjectionOperator
from napari_microdiffusion.optics.detector.noise import relative_noise
from napari_microdiffusion.studies.benchmark import Case


@dataclass(frozen=True, eq=False)
class PriorInputs:
    """Projections, default guide and noise in the unit of `scale`."""

    operator: ProjectionOperator
    scale: IntensityScale
    projections: np.ndarray
    guide: np.ndarray
    noise: float

    @classmethod
    def of(cls, case: Case) -> "PriorInputs":
        """As in a run with the default settings."""
        x, operator = case.projections, ProjectionOperator(case.acquisition.profile)
        narrow = IntensityScale.of(x)
        wide = narrow.widened(x)
        unit, noise = narrow.to_unit(x), relative_noise(x, narrow.span)
        guide = logspline(unit, operator, noise, pedestal=choose_pedestal(unit, operator, noise))
        factor = narrow.span / wide.span
        return cls(operator, wide, wide.to_unit(x), np.float32(factor) * guide, factor * noise)

    def flipped(self) -> "PriorInputs":
        """The same from the last slab to the first."""
        return replace(
            self,
            operator=ProjectionOperator(self.operator.profile[::-1]),
            projections=np.ascontiguousarray(self.projections[::-1]),
            guide=np.ascontiguousarray(self.guide[::-1]),
        )
