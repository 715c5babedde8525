"""What a diffusion is conditioned on: a projection for every slab, and a guide for every slice."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..diffusion.statistics import statistics
from ..interpolation import INTERPOLATIONS, choose_pedestal, logspline_parts
from ..optics.detector.noise import NoiseModel
from .data_consistency import DataConsistency
from .facts import StackFacts
from .run_state import RunState


@dataclass(frozen=True, eq=False)
class Conditioning:
    """Projections and a guide that belong together; grey levels.

    Attributes
    ----------
    facts : StackFacts
    projections : ndarray, shape (N, H, W)
        Denoised where each slab was recorded for itself, else the slab means of a volume.
    guide : ndarray, shape (N*n, H, W)
    pedestal : float
        That the guide was raised by, where it is a log-spline; unit intensities.
    """

    facts: StackFacts
    projections: np.ndarray
    guide: np.ndarray
    pedestal: float = 0.0

    @property
    def measured(self) -> np.ndarray:
        """The projections before they were denoised."""
        return self.facts.measured if self.facts.acquisition.is_disjoint else self.projections

    @property
    def noise(self) -> NoiseModel:
        """That of `measured`, in the unit of what the prior sees; none of slab means of a volume."""
        return self.facts.prior_noise if self.facts.acquisition.is_disjoint else NoiseModel()

    @cached_property
    def statistics(self) -> np.ndarray:
        """Those of the whole stack, in the unit of what the prior sees."""
        if self.facts.survey is not None and self.facts.survey.statistics is not None:
            return self.facts.survey.statistics
        return self._statistics(self.projections)

    @cached_property
    def flipped_statistics(self) -> np.ndarray:
        """Those of the stack flipped along z."""
        if self.facts.survey is not None and self.facts.survey.flipped_statistics is not None:
            return self.facts.survey.flipped_statistics
        return self._statistics(np.ascontiguousarray(self.projections[::-1]))

    def _statistics(self, stack: np.ndarray) -> np.ndarray:
        whole = stack[:, *self.facts.whole]
        return statistics(self.facts.prior_scale.to_unit(whole), self.facts.step_length)


def conditioned_on_volume(facts: StackFacts, consistency: DataConsistency, state: RunState) -> Conditioning:
    """The volume's slab means, and a guide made from them.

    The guide is the one that a uniform beam would have had, since that is what priors are trained on.
    """
    projections = consistency.slab_projections(state.volume)
    interpolation = INTERPOLATIONS.get(facts.config.guide)
    if interpolation is not None:
        return Conditioning(facts, projections, interpolation(projections, facts.step_length))
    unit = facts.scale.to_unit(projections)
    guide = np.empty_like(state.volume)
    pedestal = choose_pedestal(unit, facts.operator, facts.noise_level)
    for part, values in logspline_parts(unit, facts.operator, facts.noise_level, pedestal=pedestal):
        state.cancel.check()
        guide[part] = facts.scale.to_grey(values)
    return Conditioning(facts, projections, guide, pedestal)
