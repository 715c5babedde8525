"""Network inputs of a tile, of the stack as it is or flipped along z."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...diffusion.slab import compose, network_inputs
from ...optics import ProjectionOperator
from ..conditioning import Conditioning
from ..device import device_errors
from .tiling import Window

if TYPE_CHECKING:
    from torch import Tensor

    from ...diffusion.preconditioning import Denoiser


@dataclass(frozen=True, eq=False)
class TileInputs:
    """Of all slabs and pixels that a window reads, as tensors on the denoiser's device."""

    condition: "Tensor"
    globals: "Tensor"
    mask: "Tensor"
    scale: "Tensor"
    first_orders: np.ndarray
    operator: ProjectionOperator
    is_flipped: bool
    """Whether the last slice comes first."""

    def slices(self, residual: np.ndarray) -> np.ndarray:
        """The window's slices, the first one first, unit intensities, with a residual from the guide."""
        slices = compose(self.first_orders + residual, self.operator)
        return slices[::-1] if self.is_flipped else slices


def tile_inputs(
    conditioning: Conditioning, window: Window, denoiser: "Denoiser", *, is_flipped: bool = False
) -> TileInputs:
    """The network inputs of a window.

    Parameters
    ----------
    conditioning : Conditioning
    window : Window
    denoiser : Denoiser
    is_flipped : bool
        Take it from its last slice to its first.
    """
    import torch

    facts = conditioning.facts
    slabs, region, n = window.read_slabs, window.read, facts.step_length
    unit, measured = (
        facts.prior_scale.to_unit(part[slabs, *region.index])
        for part in (conditioning.projections, conditioning.measured)
    )
    guide = facts.prior_scale.to_unit(conditioning.guide[slabs.start * n : slabs.stop * n, *region.index])
    operator, known = facts.operator, conditioning.statistics
    if is_flipped:
        unit, measured, guide = (np.ascontiguousarray(part[::-1]) for part in (unit, measured, guide))
        operator, known = ProjectionOperator(operator.profile[::-1]), conditioning.flipped_statistics
    inputs = network_inputs(unit, guide, operator, conditioning.noise, known, measured)
    device = denoiser.order_spread.device
    with device_errors():
        scale = denoiser.scale(torch.from_numpy(inputs.unit).to(device)[None])
        return TileInputs(
            torch.from_numpy(inputs.condition).to(device)[None],
            torch.from_numpy(inputs.globals).to(device)[None],
            torch.from_numpy(inputs.order_mask).to(device)[None],
            scale,
            inputs.first_orders,
            operator,
            is_flipped,
        )
