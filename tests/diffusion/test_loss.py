"""The training loss: physical error, weighted, with a stated share of blind stacks."""

from dataclasses import replace

import pytest
import torch

from napari_microdiffusion.diffusion.loss import DenoisingLoss, SlabBatch
from napari_microdiffusion.diffusion.slab import ORDERS


class Known:
    """A denoiser that answers a given multiple of the truth and notes the noise it was asked about."""

    def __init__(self, truth: torch.Tensor, share: float = 1.0) -> None:
        self.truth, self.share = truth, share

    def scale(self, unit):
        return torch.cat([unit[:, :, :1], unit[:, :, 1:].expand(-1, -1, ORDERS - 1, -1, -1)], 2)

    def __call__(self, noisy, sigma, condition, globals_, mask):
        self.noisy, self.sigma = noisy, sigma
        return self.share * self.truth


def batch(stacks: int = 4) -> SlabBatch:
    generator = torch.Generator().manual_seed(0)
    residual = torch.randn(stacks, 2, ORDERS, 4, 4, generator=generator)
    return SlabBatch(
        condition=torch.zeros(stacks, 2, 1, 4, 4),
        globals=torch.zeros(stacks, 6),
        unit=torch.full((stacks, 2, 2, 4, 4), 0.5),
        mask=torch.ones(stacks, ORDERS),
        residual=residual,
        weight=torch.arange(1.0, stacks + 1)[:, None] * torch.tensor([1.0, 3.0]),
    )


def evaluate(share: float, mean_share: float = 0.5, seed: int = 0):
    stacks = batch()
    denoiser = Known(stacks.residual / 0.5, share)
    total, blind = DenoisingLoss(mean_share)(denoiser, stacks, torch.Generator().manual_seed(seed))
    return total, blind, denoiser, stacks


def test_a_perfect_denoiser_has_no_loss():
    total, blind, _, _ = evaluate(1.0)
    assert total == 0
    assert blind.nan_to_num().abs().max() == 0


def test_the_blind_error_is_the_physical_error_times_the_weight():
    _, blind, _, stacks = evaluate(0.0, mean_share=1.0)
    expected = (stacks.weight * stacks.residual.square().sum(2).mean((2, 3))).mean(1)
    torch.testing.assert_close(blind, expected)


@pytest.mark.parametrize(("mean_share", "count"), [(0.0, 0), (0.25, 1), (0.5, 2), (1.0, 4)])
def test_the_stated_share_of_stacks_is_blind(mean_share, count):
    _, blind, denoiser, _ = evaluate(0.5, mean_share)
    assert int(torch.isinf(denoiser.sigma).sum()) == count
    assert int(torch.isfinite(blind).sum()) == count


def test_the_noise_has_the_level_that_the_denoiser_is_told():
    stacks = batch(2)
    residual = torch.zeros(2, 2, ORDERS, 64, 64)
    large = SlabBatch(
        condition=torch.zeros(2, 2, 1, 64, 64),
        globals=stacks.globals,
        unit=torch.ones(2, 2, 2, 64, 64),
        mask=stacks.mask,
        residual=residual,
        weight=stacks.weight,
    )
    denoiser = Known(residual)
    DenoisingLoss(0.0)(denoiser, large, torch.Generator().manual_seed(2))
    for noisy, sigma in zip(denoiser.noisy, denoiser.sigma, strict=True):
        assert float(noisy.std()) == pytest.approx(float(sigma), rel=0.02)


def test_the_same_generator_draws_the_same_loss():
    assert evaluate(0.3, seed=1)[0] == evaluate(0.3, seed=1)[0]
    assert evaluate(0.3, seed=1)[0] != evaluate(0.3, seed=2)[0]


def test_without_noise_order_0_has_no_unit_and_adds_no_loss():
    stacks = batch()
    quiet = replace(stacks, unit=stacks.unit * torch.tensor([0.0, 1.0])[:, None, None])
    truth = torch.cat([torch.zeros_like(stacks.residual[:, :, :1]), stacks.residual[:, :, 1:] / 0.5], 2)
    denoiser = Known(truth, 0.0)
    _, blind = DenoisingLoss(1.0)(denoiser, quiet, torch.Generator().manual_seed(0))
    expected = (stacks.weight * stacks.residual[:, :, 1:].square().sum(2).mean((2, 3))).mean(1)
    torch.testing.assert_close(blind, expected)
    assert torch.isfinite(denoiser.noisy).all()
