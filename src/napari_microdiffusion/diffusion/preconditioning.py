"""Preconditioning of the denoiser (Karras et al. 2022, EDM, Table 1), for states of spread 1."""

import numpy as np
import torch
from torch import Tensor, nn

from .networks import SlabNetwork
from .slab import BEAM_GLOBALS, ORDERS, STATISTICS, NetworkInputs

SIGMA_MIN = 0.02
SIGMA_MAX = 40.0

# What `NetworkInputs.globals` say of noise from which on projections are not clean any more: that of 1,000
# photons in the brightest pixel.
_NOISY = 0.45
# Statistics further from training than this many standard deviations count as this far.
_FARTHEST = 3.0


class Denoiser(nn.Module):
    """E[state | noisy state, condition], in physical units of the slab problem.

    The state is normalised by sigma_j times the unit of order j, with sigma_j the spread of that order over
    the training data; noise levels are relative to it.

    Parameters
    ----------
    network : SlabNetwork
    order_spread : Tensor, shape (ORDERS,)
        sigma_j.
    statistics : Tensor, shape (2, STATISTICS)
        Mean and spread of the stacks' statistics over the training data.
    """

    order_spread: Tensor
    statistics: Tensor

    def __init__(self, network: SlabNetwork, order_spread: Tensor, statistics: Tensor) -> None:
        super().__init__()
        if order_spread.shape != (ORDERS,):
            raise ValueError(f"order_spread needs {ORDERS} values, got shape {tuple(order_spread.shape)}")
        if statistics.shape != (2, STATISTICS):
            raise ValueError(f"statistics need shape {(2, STATISTICS)}, got {tuple(statistics.shape)}")
        self.network = network
        self.register_buffer("order_spread", order_spread.to(torch.float32))
        self.register_buffer("statistics", statistics.to(torch.float32))

    def scale(self, unit: Tensor) -> Tensor:
        """Unit of the normalised state, (B, N, ORDERS, H, W), for a problem's `unit`, (B, N, 2, H, W)."""
        spread = self.order_spread[:, None, None]
        return torch.cat([unit[:, :, :1] * spread[:1], unit[:, :, 1:] * spread[1:]], 2)

    def forward(
        self, noisy: Tensor, sigma: Tensor, condition: Tensor, globals_: Tensor, mask: Tensor
    ) -> Tensor:
        """Denoise a normalised state.

        Parameters
        ----------
        noisy : Tensor, shape (B, N, ORDERS, H, W)
        sigma : Tensor, shape (B,)
            Noise level; infinity asks for the posterior mean, and `noisy` is then not looked at.
        condition, globals_ : Tensor
            As `NetworkInputs` has them, with a batch axis.
        mask : Tensor, shape (B, ORDERS)

        Returns
        -------
        Tensor, shape (B, N, ORDERS, H, W)
            The expected normalised state, zero in masked orders.
        """
        blind = torch.isinf(sigma)
        level = torch.where(blind, torch.full_like(sigma, SIGMA_MAX), sigma)
        wide = level[:, None, None, None, None]
        unit = torch.rsqrt(wide**2 + 1)
        informative = (~blind).to(noisy.dtype)[:, None, None, None, None]
        state = torch.where(informative > 0, noisy * unit, torch.zeros_like(noisy))
        code = torch.stack([torch.log(level) / 4, blind.to(noisy.dtype)], 1)
        cleanness = 1 - (globals_[:, BEAM_GLOBALS] / _NOISY).clamp(max=1)
        raw = self.network(state, code, condition, self._described(globals_), cleanness)
        # For a blind evaluation the limits of the coefficients at infinite noise apply: skip 0, output 1.
        skip, gain = unit**2 * informative, torch.where(informative > 0, wide * unit, torch.ones_like(wide))
        denoised = skip * torch.where(informative > 0, noisy, torch.zeros_like(noisy)) + gain * raw
        return denoised * mask[:, None, :, None, None]

    def posterior_mean(self, condition: Tensor, globals_: Tensor, mask: Tensor, unit: Tensor) -> Tensor:
        """The expected residual from the first estimate, physical, in one evaluation from nothing.

        Parameters
        ----------
        condition, globals_, mask, unit : Tensor
            As `NetworkInputs` has them, with a batch axis.

        Returns
        -------
        Tensor, shape (B, N, ORDERS, H, W)
        """
        scale = self.scale(unit)
        blind = torch.full((len(scale),), torch.inf, device=scale.device)
        return scale * self(torch.zeros_like(scale), blind, condition, globals_, mask)

    @torch.inference_mode()
    def expected_residual(self, problem: NetworkInputs) -> np.ndarray:
        """`posterior_mean` of one problem, on the denoiser's device.

        Returns
        -------
        ndarray, shape (N, ORDERS, H, W)
            Unit intensities, to be added to the problem's first orders.
        """
        return np.asarray(self.residual_of(problem).cpu().numpy())

    def residual_of(self, problem: NetworkInputs) -> Tensor:
        """The same as a tensor on the denoiser's device, with gradients where they are asked for."""
        inputs = (problem.condition, problem.globals, problem.order_mask, problem.unit)
        device = self.order_spread.device
        condition, globals_, mask, unit = (torch.from_numpy(a).to(device)[None] for a in inputs)
        return self.posterior_mean(condition, globals_, mask, unit)[0]

    def _described(self, globals_: Tensor) -> Tensor:
        """The globals with their statistics relative to the training data's; unknown ones count as usual."""
        mean, spread = self.statistics
        usual = ((globals_[:, -STATISTICS:] - mean) / spread).clamp(-_FARTHEST, _FARTHEST).nan_to_num(0.0)
        return torch.cat([globals_[:, :-STATISTICS], usual], 1)
