"""A grown network answers like the one before, and its new blocks can learn."""

import numpy as np
import pytest
import torch
from growing import grown

from napari_microdiffusion.diffusion.prior import new_denoiser
from napari_microdiffusion.training.batches import collate, draw_stack
from napari_microdiffusion.training.settings import BatchSettings

SIZES = {"width": 8, "deep_width": 8, "blocks": 1, "deep_blocks": 1}


@pytest.fixture
def small():
    torch.manual_seed(0)
    denoiser = new_denoiser(SIZES)
    with torch.no_grad():
        for parameter in denoiser.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape))
    return denoiser


@pytest.fixture
def batch():
    volume = np.random.default_rng(0).random((24, 24, 24)).astype(np.float32)
    settings = BatchSettings(slabs=2, patch=16)
    return collate([draw_stack([volume], settings, np.random.default_rng(1))])


def answer(denoiser, batch):
    blind = torch.full((1,), torch.inf)
    return denoiser(torch.zeros_like(batch.residual), blind, batch.condition, batch.globals, batch.mask)


def test_a_grown_network_answers_alike_and_its_new_blocks_learn(small, batch):
    larger = grown(small, blocks=2, deep_blocks=3)
    assert larger.network.description() == {**small.network.description(), "blocks": 2, "deep_blocks": 3}
    before = answer(small, batch)
    assert before.abs().max() > 0
    torch.testing.assert_close(answer(larger, batch), before, rtol=0, atol=0)
    (answer(larger, batch) - batch.residual).square().mean().backward()
    for block in (larger.network.down_blocks[1], larger.network.deep[2], larger.network.up_blocks[1]):
        assert block.second.weight.grad.abs().max() > 0


def test_growing_changes_neither_the_old_network_nor_what_it_is_relative_to(small):
    larger = grown(small, blocks=2, deep_blocks=1)
    with torch.no_grad():
        larger.network.stem.weight.zero_()
    assert small.network.stem.weight.abs().max() > 0
    torch.testing.assert_close(larger.statistics, small.statistics)
    torch.testing.assert_close(larger.order_spread, small.order_spread)


def test_a_network_does_not_shrink(small):
    with pytest.raises(ValueError, match="1 and 1 blocks cannot shrink to 1 and 0"):
        grown(small, blocks=1, deep_blocks=0)
