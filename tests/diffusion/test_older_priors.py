"""Priors that knew no noise answer as they did, and leave slab means alone."""

import numpy as np
import pytest
import torch

from napari_microdiffusion.diffusion.older_priors import is_older, renewed
from napari_microdiffusion.diffusion.prior import Prior, new_denoiser
from napari_microdiffusion.diffusion.slab import (
    CONDITION_CHANNELS,
    GLOBALS,
    LINEAR_CHANNELS,
    NOISE_CHANNELS,
    ORDERS,
    PRIOR_KIND,
    network_inputs,
)
from napari_microdiffusion.errors import UserError
from napari_microdiffusion.interpolation import histospline
from napari_microdiffusion.io import save_checkpoint
from napari_microdiffusion.optics import ProjectionOperator
from napari_microdiffusion.optics.detector.noise import NoiseModel

SIZES = {"width": 8, "deep_width": 8, "blocks": 1, "deep_blocks": 1, "embedding": 16}
OLD = {
    "state_channels": 15,
    "condition_channels": 56,
    "global_features": GLOBALS - 2,
    "linear_channels": 50,
}


def older() -> tuple[dict, dict]:
    """A network from before, with random weights: one of today without what is new."""
    torch.manual_seed(0)
    denoiser = new_denoiser(SIZES)
    with torch.no_grad():
        for parameter in denoiser.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape))
    tensors = {k: v.numpy().copy() for k, v in denoiser.state_dict().items()}
    # Of today's channels: no order 0, no noise channels, no two last numbers of the noise.
    new = [
        *range(4),
        *range(4 * (ORDERS + CONDITION_CHANNELS - NOISE_CHANNELS - 1), 4 * (ORDERS + CONDITION_CHANNELS - 1)),
    ]
    tensors["network.stem.weight"] = np.delete(tensors["network.stem.weight"], new, axis=1)
    tensors["network.head.weight"] = tensors["network.head.weight"][4:]
    tensors["network.head.bias"] = tensors["network.head.bias"][4:]
    tensors["network.embed.0.weight"] = np.delete(tensors["network.embed.0.weight"], [8, 9], axis=1)
    tensors["order_spread"] = np.linspace(0.3, 0.1, 15, dtype=np.float32)
    return {**SIZES, **OLD}, tensors


def posed(noise: NoiseModel | None = None):
    rng = np.random.default_rng(1)
    operator = ProjectionOperator(np.full(4, 0.25))
    projections = rng.random((3, 8, 8), dtype=np.float32)
    measured = projections + 0.05 * rng.standard_normal(projections.shape, dtype=np.float32)
    return network_inputs(projections, histospline(projections, 4), operator, noise, None, measured)


def loaded(tmp_path) -> Prior:
    sizes, tensors = older()
    path = tmp_path / "older.safetensors"
    save_checkpoint(path, PRIOR_KIND, tensors, {"network": sizes, "card": {"data": "none"}})
    return Prior.load(path)


def test_it_is_told_from_todays_by_its_sizes():
    assert is_older({**SIZES, **OLD})
    assert not is_older(new_denoiser(SIZES).network.description())


def test_a_file_from_before_is_loaded_and_leaves_slab_means_alone(tmp_path):
    prior = loaded(tmp_path)
    assert prior.card == {"data": "none"}
    for noise in (None, NoiseModel(0.02, 0.05)):
        residual = prior.denoiser.expected_residual(posed(noise))
        assert not residual[:, 0].any()
        assert residual[:, 1:4].any()


def test_what_is_new_in_the_input_has_no_weight(tmp_path):
    denoiser, quiet = loaded(tmp_path).denoiser, posed()
    seen = quiet.condition.copy()
    first = LINEAR_CHANNELS + 5
    seen[:, first : first + NOISE_CHANNELS] = 7
    changed = type(quiet)(seen, quiet.globals, quiet.unit, quiet.first_orders, quiet.order_mask)
    np.testing.assert_array_equal(denoiser.expected_residual(quiet), denoiser.expected_residual(changed))


def test_every_weight_from_before_is_kept_where_it_belongs():
    sizes, tensors = older()
    _, new = renewed(sizes, tensors)
    stem, old = new["network.stem.weight"], tensors["network.stem.weight"]
    assert not stem[:, :4].any()
    np.testing.assert_array_equal(stem[:, 4 : 4 * ORDERS], old[:, : 4 * 15])
    np.testing.assert_array_equal(stem[:, 4 * ORDERS : 4 * (ORDERS + 55)], old[:, 4 * 15 : 4 * 70])
    # The amplitude's logarithm comes last, before and now.
    np.testing.assert_array_equal(stem[:, -4:], old[:, -4:])
    np.testing.assert_array_equal(
        new["network.embed.0.weight"][:, :8], tensors["network.embed.0.weight"][:, :8]
    )
    np.testing.assert_array_equal(
        new["network.embed.0.weight"][:, 10:], tensors["network.embed.0.weight"][:, 8:]
    )
    np.testing.assert_array_equal(new["order_spread"][1:], tensors["order_spread"])


@pytest.mark.parametrize("change", ["network.stem.weight", "network.head.bias", "order_spread"])
def test_a_damaged_file_from_before_is_refused(tmp_path, change):
    sizes, tensors = older()
    tensors[change] = tensors[change][:-1] if tensors[change].ndim == 1 else tensors[change][:, :-1]
    path = tmp_path / "older.safetensors"
    save_checkpoint(path, PRIOR_KIND, tensors, {"network": sizes})
    with pytest.raises(UserError, match="damaged"):
        Prior.load(path)
