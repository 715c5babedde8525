"""The training loss: denoising error in physical units, the posterior mean trained explicitly."""

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from .preconditioning import SIGMA_MAX, SIGMA_MIN, Denoiser


@dataclass(frozen=True)
class SlabBatch:
    """Tensors of one training batch; see `slab.NetworkInputs`."""

    condition: Tensor
    globals: Tensor
    unit: Tensor
    mask: Tensor
    residual: Tensor
    """True minus first orders, physical, shape (B, N, ORDERS, H, W)."""
    weight: Tensor
    """Weight of each slab, shape (B, N)."""

    def to(self, device: torch.device) -> "SlabBatch":
        """The same on a device."""
        return SlabBatch(*(getattr(self, part.name).to(device) for part in fields(self)))


class DenoisingLoss:
    """Weighted squared error of a denoiser at random noise levels (EDM, eq. 8), in physical units.

    Parameters
    ----------
    mean_share : float
        Fraction of each batch that is trained blind, at infinite noise: there the minimiser is the posterior
        mean. EDM's own draw of noise levels almost never trains that point.
    log_mean, log_spread : float
        Normal distribution of the logarithm of the other noise levels: those that samples pass through.
    """

    def __init__(self, mean_share: float = 0.5, log_mean: float = -0.7, log_spread: float = 1.1) -> None:
        self.mean_share = mean_share
        self.log_mean = log_mean
        self.log_spread = log_spread

    def __call__(
        self, denoiser: Denoiser, batch: SlabBatch, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Total loss (scalar) and each stack's blind error, NaN where a stack was trained at finite noise."""
        count = len(batch.residual)
        scale = denoiser.scale(batch.unit)
        # Without noise order 0 has no unit, and nothing is open there.
        clean = torch.where(scale > 0, batch.residual / scale.clamp_min(1e-9), torch.zeros_like(scale))
        draw = torch.randn(count, generator=generator) * self.log_spread + self.log_mean
        sigma = draw.exp().clamp(SIGMA_MIN, SIGMA_MAX)
        # A fixed number per batch, not a coin per stack: fewer batches without either task.
        blind = torch.arange(count) < round(self.mean_share * count)
        sigma = torch.where(blind, torch.full_like(sigma, torch.inf), sigma).to(clean.device)
        noise = torch.randn(clean.shape, generator=generator).to(clean.device)
        finite = torch.where(torch.isinf(sigma), torch.zeros_like(sigma), sigma)
        noisy = clean + finite[:, None, None, None, None] * noise
        denoised = denoiser(noisy, sigma, batch.condition, batch.globals, batch.mask)
        error = (scale * (denoised - clean)).square().sum(2).mean((2, 3))
        precision = torch.where(
            torch.isinf(sigma), torch.ones_like(sigma), 1 + sigma.clamp(max=SIGMA_MAX) ** -2
        )
        # Where the guide errs far less than the state's unit, denoising must not outweigh the posterior mean.
        unit = (scale.square() * batch.mask[:, None, :, None, None]).sum(2).mean((2, 3))
        sigma, precision = sigma[:, None], precision[:, None]
        weight = torch.where(torch.isinf(sigma), batch.weight, batch.weight / (1 + batch.weight * unit))
        total = (precision * weight * error).mean()
        blind_error = torch.where(torch.isinf(sigma), batch.weight * error, torch.full_like(error, torch.nan))
        return total, blind_error.mean(1).detach()
