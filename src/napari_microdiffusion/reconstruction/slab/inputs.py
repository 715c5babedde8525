"""A window of a run as the network is shown it, the stack as it is or turned over."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...diffusion.slab import compose, network_inputs
from ...optics import ProjectionOperator
from ..recovery import named_troubles
from ..run import Run
from .tiling import Window

if TYPE_CHECKING:
    from torch import Tensor

    from ...diffusion.preconditioning import Denoiser


@dataclass(frozen=True, eq=False)
class PosedWindow:
    """A window's inputs, of all slabs and pixels that are read, as tensors on the denoiser's device."""

    condition: "Tensor"
    globals: "Tensor"
    mask: "Tensor"
    scale: "Tensor"
    guide_orders: np.ndarray
    projections: np.ndarray
    """Unit intensities, like the guide."""
    operator: ProjectionOperator
    is_turned: bool
    """Whether the last slice comes first."""

    def slices(self, residual: np.ndarray) -> np.ndarray:
        """The window's slices, the first one first, unit intensities, with a residual from the guide."""
        slices = compose(self.projections, self.guide_orders + residual, self.operator)
        return slices[::-1] if self.is_turned else slices


def pose_window(
    run: Run, window: Window, denoiser: "Denoiser", known: np.ndarray, *, is_turned: bool = False
) -> PosedWindow:
    """Pose what a window reads.

    Parameters
    ----------
    run : Run
        Whose guide is ready.
    window : Window
    denoiser : Denoiser
    known : ndarray
        The statistics of the whole stack, turned over like the window.
    is_turned : bool
        Show it from its last slice to its first.
    """
    import torch

    slabs, region, n = window.read_slabs, window.read, run.acquisition.step_length
    unit = run.prior_scale.to_unit(run.projections[slabs, *region.index])
    guide = run.prior_scale.to_unit(run.guide[slabs.start * n : slabs.stop * n, *region.index])
    operator = run.operator
    if is_turned:
        unit, guide = np.ascontiguousarray(unit[::-1]), np.ascontiguousarray(guide[::-1])
        operator = ProjectionOperator(operator.profile[::-1])
    problem = network_inputs(unit, guide, operator, run.prior_noise, known)
    device = denoiser.order_spread.device
    with named_troubles():
        amplitude = torch.from_numpy(problem.amplitude).to(device)[None]
        return PosedWindow(
            torch.from_numpy(problem.condition).to(device)[None],
            torch.from_numpy(problem.globals).to(device)[None],
            torch.from_numpy(problem.order_mask).to(device)[None],
            denoiser.scale(amplitude),
            problem.guide_orders,
            unit,
            operator,
            is_turned,
        )
