"""A prior in a file: it comes back as it was, and anything else is refused in one sentence."""

import pickle

import numpy as np
import pytest
import torch

from napari_microdiffusion.diffusion.prior import Prior, new_denoiser, resized
from napari_microdiffusion.diffusion.slab import ORDERS
from napari_microdiffusion.diffusion.slab import PRIOR_KIND as KIND
from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io import load_checkpoint, save_checkpoint

SIZES = {"width": 8, "deep_width": 8, "blocks": 1, "deep_blocks": 1}


@pytest.fixture
def prior() -> Prior:
    torch.manual_seed(3)
    denoiser = new_denoiser(SIZES, np.linspace(1, 2, ORDERS))
    torch.nn.init.normal_(denoiser.network.head.weight)
    return Prior(denoiser.eval(), {"recipe": {"seed": 3}, "data": "none"})


def test_it_comes_back_as_it_was(prior, tmp_path):
    path = tmp_path / "prior.safetensors"
    prior.save(path)
    again = Prior.load(path)
    assert again.card == prior.card
    assert not again.denoiser.training
    own, loaded = prior.denoiser.state_dict(), again.denoiser.state_dict()
    assert own.keys() == loaded.keys()
    for name, value in own.items():
        torch.testing.assert_close(loaded[name], value, rtol=0, atol=0)
    torch.testing.assert_close(again.denoiser.order_spread, torch.linspace(1, 2, ORDERS))


def test_one_that_was_adapted_before_its_code_could_be_is_still_read(prior, tmp_path):
    path = tmp_path / "prior.safetensors"
    adapted = resized(prior.denoiser, knows_clean=True)
    torch.nn.init.normal_(adapted.network.if_clean.code)
    Prior(adapted, {}).save(path)
    checkpoint = load_checkpoint(path, KIND)
    tensors = {name: value for name, value in checkpoint.tensors.items() if not name.endswith("clean.code")}
    save_checkpoint(path, KIND, tensors, checkpoint.header)
    assert not Prior.load(path).denoiser.network.if_clean.code.any()


def test_a_header_that_knows_nothing_of_clean_projections_is_no_match_for_what_does(prior, tmp_path):
    path = tmp_path / "prior.safetensors"
    Prior(resized(prior.denoiser, knows_clean=True), {}).save(path)
    checkpoint = load_checkpoint(path, KIND)
    header = {**checkpoint.header, "network": {**checkpoint.header["network"], "knows_clean": False}}
    save_checkpoint(path, KIND, checkpoint.tensors, header)
    with pytest.raises(UserError, match="do not fit"):
        Prior.load(path)


def test_a_pickle_is_refused_and_not_run(tmp_path):
    path, witness = tmp_path / "prior.safetensors", tmp_path / "ran"

    class Malicious:
        def __reduce__(self):
            return (open, (str(witness), "w"))

    path.write_bytes(pickle.dumps(Malicious()))
    with pytest.raises(UserError, match="safetensors"):
        Prior.load(path)
    torch.save({"weight": torch.zeros(2)}, path)
    with pytest.raises(UserError, match="safetensors"):
        Prior.load(path)
    assert not witness.exists()


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    path = tmp_path / "inr.safetensors"
    save_checkpoint(path, "inr", {"a": np.zeros(3, np.float32)}, {})
    with pytest.raises(UserError, match="kind 'inr'"):
        Prior.load(path)


@pytest.mark.parametrize(
    "change",
    [
        {"width": 100_000},
        {"width": 0},
        {"blocks": "many"},
        {"deep_blocks": None},
        {"state_channels": 7},
        {"condition_channels": 7},
        {"global_features": 1},
        {"tissue_directions": -1},
        {"tissue_directions": 100_000},
        {"tissue_directions": "many"},
    ],
)
def test_a_header_that_describes_no_slab_network_is_refused(prior, tmp_path, change):
    path = tmp_path / "prior.safetensors"
    prior.save(path)
    checkpoint = load_checkpoint(path, KIND)
    header = {**checkpoint.header, "network": {**checkpoint.header["network"], **change}}
    save_checkpoint(path, KIND, checkpoint.tensors, header)
    with pytest.raises(UserError, match="does not describe a slab network"):
        Prior.load(path)


def test_a_missing_header_is_refused(prior, tmp_path):
    path = tmp_path / "prior.safetensors"
    prior.save(path)
    save_checkpoint(path, KIND, load_checkpoint(path, KIND).tensors, {})
    with pytest.raises(UserError, match="does not describe"):
        Prior.load(path)


def test_tensors_that_do_not_fit_their_header_are_refused(prior, tmp_path):
    path = tmp_path / "prior.safetensors"
    prior.save(path)
    checkpoint = load_checkpoint(path, KIND)
    tensors = dict(checkpoint.tensors)
    tensors.pop("network.head.bias")
    save_checkpoint(path, KIND, tensors, checkpoint.header)
    with pytest.raises(UserError, match="do not fit"):
        Prior.load(path)


def test_no_such_file(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        Prior.load(tmp_path / "none.safetensors")
