"""Preconditioning: the limits that make a denoiser of a network, and what a blind evaluation may look at."""

import numpy as np
import pytest
import torch
from torch import nn

from napari_microdiffusion.diffusion.preconditioning import SIGMA_MAX, SIGMA_MIN, Denoiser
from napari_microdiffusion.diffusion.slab import GLOBALS as NUMBERS
from napari_microdiffusion.diffusion.slab import ORDERS, STATISTICS, network_inputs
from napari_microdiffusion.optics import ProjectionOperator
from napari_microdiffusion.optics.detector.noise import NoiseModel

SHAPE = (2, 3, ORDERS, 4, 4)
CONDITION, GLOBALS = torch.zeros(2, 3, 1, 4, 4), torch.zeros(2, NUMBERS)
USUAL = torch.stack([torch.full((STATISTICS,), 5.0), torch.full((STATISTICS,), 2.0)])
EVERY = torch.ones(2, ORDERS)


class Constant(nn.Module):
    """A network that remembers what it saw and always answers the same."""

    def __init__(self, answer: float = 0.0) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, state, noise, condition, globals_, cleanness):
        self.state, self.noise, self.globals = state, noise, globals_
        return torch.full_like(state, self.answer)


def denoiser(answer: float = 0.0) -> Denoiser:
    return Denoiser(Constant(answer), torch.linspace(0.5, 2, ORDERS), USUAL)


def state(seed: int = 0) -> torch.Tensor:
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("level", [SIGMA_MIN, 0.5, 3.0, SIGMA_MAX])
def test_the_coefficients_are_those_of_edm_for_data_of_spread_one(level):
    sigma, x = torch.full((2,), level), state()
    bare, loaded = denoiser(), denoiser(1.0)
    skip = bare(x, sigma, CONDITION, GLOBALS, EVERY)
    torch.testing.assert_close(skip, x / (level**2 + 1))
    out = loaded(x, sigma, CONDITION, GLOBALS, EVERY) - skip
    torch.testing.assert_close(out, torch.full(SHAPE, level / (level**2 + 1) ** 0.5), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(bare.network.state, x / (level**2 + 1) ** 0.5)
    assert bare.network.noise[0, 1] == 0


def test_clean_states_pass_and_endless_noise_leaves_the_network_alone():
    x = state()
    nearly = denoiser(1.0)(x, torch.full((2,), 1e-4), CONDITION, GLOBALS, EVERY)
    torch.testing.assert_close(nearly, x, atol=1e-3, rtol=0)
    blind = denoiser(0.3)(x, torch.full((2,), torch.inf), CONDITION, GLOBALS, EVERY)
    torch.testing.assert_close(blind, torch.full(SHAPE, 0.3))


@pytest.mark.parametrize("content", [1e6, float("nan"), float("inf")])
def test_a_blind_evaluation_does_not_look_at_the_state(content):
    sigma, d = torch.full((2,), torch.inf), denoiser(0.7)
    shown = d(torch.full(SHAPE, content), sigma, CONDITION, GLOBALS, EVERY)
    assert not d.network.state.any()
    assert (d.network.noise[:, 1] == 1).all()
    torch.testing.assert_close(shown, d(torch.zeros(SHAPE), sigma, CONDITION, GLOBALS, EVERY))


def test_blind_and_noisy_stacks_share_a_batch():
    x = state()
    mixed = denoiser(0.2)(x, torch.tensor([torch.inf, 1.0]), CONDITION, GLOBALS, EVERY)
    torch.testing.assert_close(mixed[0], torch.full(SHAPE[1:], 0.2))
    torch.testing.assert_close(mixed[1], x[1] / 2 + 0.2 / 2**0.5)


def test_masked_orders_are_zero():
    mask = (torch.arange(ORDERS) < 5).float().expand(2, -1)
    for level in (1.0, torch.inf):
        out = denoiser(1.0)(state(), torch.full((2,), level), CONDITION, GLOBALS, mask)
        assert not out[:, :, 5:].any()
        assert out[:, :, :5].any()


def test_no_gradient_is_lost_to_the_unused_branch():
    d = denoiser()
    d.network = nn.Identity()
    weight = torch.ones(1, requires_grad=True)

    def network(x, noise, condition, globals_, cleanness):
        return x + weight

    d.network.forward = network
    d(state(), torch.tensor([torch.inf, 1.0]), CONDITION, GLOBALS, EVERY).sum().backward()
    assert torch.isfinite(weight.grad).all()
    assert weight.grad.abs() > 0


def test_the_scale_is_the_spread_of_each_order_times_its_unit():
    unit = torch.rand(2, 3, 2, 4, 4) + 0.1
    scale = denoiser().scale(unit)
    assert scale.shape == SHAPE
    torch.testing.assert_close(scale[:, :, 0], 0.5 * unit[:, :, 0])
    torch.testing.assert_close(scale[:, :, 1], 0.6 * unit[:, :, 1])
    torch.testing.assert_close(scale[:, :, -1], 2 * unit[:, :, 1])


def test_a_spread_for_each_order_is_needed():
    with pytest.raises(ValueError, match="order_spread"):
        Denoiser(Constant(), torch.ones(3), USUAL)
    with pytest.raises(ValueError, match="statistics"):
        Denoiser(Constant(), torch.ones(ORDERS), torch.ones(2, 3))


def test_statistics_are_told_relative_to_the_training_data_and_unknown_ones_as_usual():
    d, numbers = denoiser(), torch.full((2, NUMBERS), 9.0)
    numbers[0, -1], numbers[0, -2], numbers[1, -STATISTICS:] = 1e9, -1e9, torch.nan
    d(state(), torch.full((2,), torch.inf), CONDITION, numbers, EVERY)
    seen = d.network.globals
    assert (seen[:, :-STATISTICS] == 9).all()
    assert (seen[0, -STATISTICS:-2] == 2).all()
    assert seen[0, -2:].tolist() == [-3, 3]
    assert not seen[1, -STATISTICS:].any()


def test_the_expected_residual_is_the_blind_answer_in_intensities(rng):
    operator = ProjectionOperator([0.25] * 4)
    projections = rng.random((3, 4, 4), dtype=np.float32)
    problem = network_inputs(
        projections, np.zeros((12, 4, 4), np.float32), operator, NoiseModel(read_noise=0.1)
    )
    residual = denoiser(0.7).expected_residual(problem)
    expected = (
        0.7
        * problem.unit[:, [0] + [1] * (ORDERS - 1)]
        * np.linspace(0.5, 2, ORDERS)[:, None, None]
        * (np.arange(ORDERS) < 4)[:, None, None]
    )
    np.testing.assert_allclose(residual, expected, rtol=1e-5)
    assert (
        not denoiser(0.7)
        .expected_residual(network_inputs(projections, projections.repeat(4, 0), operator))[:, 0]
        .any()
    )
