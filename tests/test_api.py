"""The functions of `import napari_microdiffusion as md`."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import napari_microdiffusion as md
from napari_microdiffusion.diffusion.prior import Prior, new_denoiser
from napari_microdiffusion.errors import Cancelled, UsageError, UserError
from napari_microdiffusion.io import write_image
from napari_microdiffusion.reconstruction.events import CancelToken, Finished, StageStarted

N = 4


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    return md.specimen("nuclei", (20, 24, 28), seed=2)


@pytest.fixture(scope="module")
def projections(truth) -> np.ndarray:
    return md.simulate(truth, N)


@pytest.fixture(scope="module")
def prior(tmp_path_factory) -> Path:
    torch.manual_seed(1)
    denoiser = new_denoiser({"width": 8, "deep_width": 8, "blocks": 1, "deep_blocks": 1})
    path = tmp_path_factory.mktemp("prior") / "tiny.safetensors"
    Prior(denoiser.eval(), {}).save(path)
    return path


def test_every_name_is_there_and_no_other():
    assert set(md.__all__) <= set(dir(md))
    for name in md.__all__:
        assert getattr(md, name) is not None
    assert md.__version__[0].isdigit()
    with pytest.raises(AttributeError, match="no attribute 'reconstrct'"):
        md.reconstrct  # noqa: B018


def test_importing_the_package_costs_next_to_nothing():
    code = (
        "import sys, napari_microdiffusion\n"
        "heavy = {'numpy', 'torch', 'napari', 'scipy', 'pydantic'} & sys.modules.keys()\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_from_a_specimen_to_a_measured_volume(truth, projections, prior):
    seen = []
    result = md.reconstruct(
        projections, N, progress=seen.append, prior=prior, samples=1, steps=2, device="cpu"
    )
    assert result.volume.shape == truth.shape
    assert result.uncertainty is not None
    assert result.reprojection_max < 1e-5
    assert [event.stage for event in seen if isinstance(event, StageStarted)][-1] == "samples"
    assert isinstance(seen[-1], Finished)
    metrics = md.compare(result.volume, truth, N)
    assert metrics["null_space_r2"] > 0
    assert "null_space_r2" not in md.compare(result.volume, truth)


def test_events_are_the_same_run(projections, prior):
    settings = {"prior": prior, "samples": 0, "device": "cpu"}
    *_, last = md.reconstruct_events(projections, N, **settings)
    np.testing.assert_array_equal(last.result.volume, md.reconstruct(projections, N, **settings).volume)


def test_a_token_cancels(projections):
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        md.reconstruct(projections, N, cancel=token, diffusion="off")


def test_optics_go_to_the_acquisition(truth):
    weights = (1, 2, 2, 1)
    projections = md.simulate(truth, N, axial_profile=weights)
    np.testing.assert_allclose(projections[0], np.average(truth[:4], axis=0, weights=weights), atol=1e-6)
    result = md.reconstruct(projections, N, axial_profile=weights, dark_level=0.0, diffusion="off")
    assert result.provenance["acquisition"]["axial_profile"] == [1, 2, 2, 1]
    assert result.provenance["origins"]["acquisition.axial_profile"] == "asked"
    assert "acquisition.beam" not in result.provenance["origins"]
    assert result.reprojection_max < 1e-5
    metrics = md.compare(result.volume, truth, N, axial_profile=weights)
    assert metrics["reprojection_max"] < 1e-5
    assert md.compare(result.volume, truth, N, beam="bessel")["reprojection_max"] > 1e-3


def test_noise_that_is_stated_as_none_is_matched_exactly(truth):
    noisy = md.simulate(truth, N, photons=20, seed=1)
    exact = md.reconstruct(noisy, N, diffusion="off", photon_gain=0, read_noise=0)
    assert exact.reprojection_max < 1e-5
    assert exact.misfit is None
    assert exact.provenance["acquisition"]["photon_gain"] == 0
    stated = md.reconstruct(noisy, N, diffusion="off", photon_gain=0.05)
    assert stated.provenance["acquisition"]["read_noise"] is None
    assert stated.reprojection_max > 1e-2


def test_lists_are_arrays(truth):
    nested = np.rint(1000 * truth[:8, :9, :9]).astype(int).tolist()
    projections = md.simulate(nested, N)
    assert md.reconstruct(projections.tolist(), N, diffusion="off").volume.shape == (8, 9, 9)


def test_noise_is_seeded(truth):
    one, same, other = (md.simulate(truth, N, photons=50, read_noise=0.01, seed=k) for k in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_an_inr_is_fitted_saved_and_loaded(projections, tmp_path):
    steps = []
    inr = md.fit_inr(1000 * projections + 100, N, seed=1, device="cpu", epochs=2, progress=steps.append)
    assert steps[-1].step <= steps[-1].steps
    path = tmp_path / "field.safetensors"
    inr.save(path)
    again = md.load_inr(path)
    np.testing.assert_allclose(again.render([2.5]), inr.render([2.5]), rtol=1e-5)
    # In grey levels, as said: near the projections.
    grey = again.extra["background"] + again.extra["span"] * again.render()
    seen = md.simulate(grey, N)
    assert np.corrcoef(seen.ravel(), projections.ravel())[0, 1] > 0.95
    assert grey.mean() == pytest.approx(1000 * projections.mean() + 100, rel=0.1)
    result = md.reconstruct(1000 * projections + 100, N, inr_file=path, diffusion="off")
    np.testing.assert_allclose(result.guide, grey, rtol=1e-3, atol=0.1)


def test_files_are_read_with_their_scale(truth, tmp_path):
    write_image(tmp_path / "truth.tif", truth, scale=(2, 1, 1))
    image = md.read(tmp_path / "truth.tif")
    np.testing.assert_array_equal(image.data, truth)
    assert image.scale == (2, 1, 1)
    with pytest.raises(UserError, match="no such file"):
        md.read(tmp_path / "none.tif")


@pytest.mark.parametrize("kind", ["vasculature", "dendrites", "neurons", "nuclei"])
@pytest.mark.parametrize("shape", [(8, 8, 8), (8, 40, 9)])
def test_the_smallest_specimens_can_be_grown(kind, shape):
    for seed in range(3):
        volume = md.specimen(kind, shape, seed=seed)
        assert volume.shape == shape
        assert np.isfinite(volume).all()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: md.reconstruct(x, 0), "step length is 0"),
        (lambda x: md.reconstruct(x, 1.5), "step length is 1.5, but it must be a whole number"),
        (lambda x: md.reconstruct(x, 1000), "step length is 1000"),
        (lambda x: md.reconstruct(x, "six"), "step length is 'six'"),
        (lambda x: md.reconstruct(x, N, guide="magic"), "guide is 'magic'"),
        (lambda x: md.reconstruct(x, N, wheels=4), "wheels"),
        (lambda x: md.reconstruct(x, N, beam="laser"), "beam is 'laser'"),
        (lambda x: md.reconstruct(x, N, axial_profile=(1, 2, 1)), "3 weights"),
        (lambda x: md.reconstruct(x, N, inr_file="a", guide="linear"), "choose the guide inr"),
        (lambda x: md.reconstruct_events(x, 99), "step length is 99"),
        (lambda x: md.simulate(x, 65), "step length is 65"),
        (lambda x: md.simulate(x, 2, photons=0), "photons is 0"),
        (lambda x: md.simulate(x, 2, photons=float("nan")), "photons is nan"),
        (lambda x: md.simulate(x, 2, read_noise=-1), "read noise is -1"),
        (lambda x: md.simulate(x, 2, seed=-1), "seed is -1"),
        (lambda x: md.compare(x, x, 1), "step length is 1"),
        (lambda x: md.fit_inr(x, N, epochs=0), "inr.epochs is 0"),
        (lambda x: md.fit_inr(x, N, device="tpu"), "device is 'tpu'"),
        (lambda x: md.specimen("liver"), "kind is 'liver'"),
        (lambda x: md.specimen("nuclei", (8, 8)), "shape is"),
        (lambda x: md.specimen("nuclei", (0, 8, 8)), "shape is"),
        (lambda x: md.specimen("nuclei", (8, 8.5, 8)), "shape is"),
        (lambda x: md.specimen("nuclei", (8, 8, 8), seed=-1), "seed is -1"),
    ],
)
def test_wrong_settings_get_one_sentence(projections, call, words):
    with pytest.raises(UsageError, match=words) as caught:
        call(projections)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: md.simulate(x[0], 2), "the volume"),
        (lambda x: md.simulate(np.full_like(x, np.nan), 2), "the volume"),
        (lambda x: md.simulate(x, 64), "fewer than one slab"),
        (lambda x: md.reconstruct(x[0], N), "the projections"),
        (lambda x: md.fit_inr(x[0], N), "the projections"),
        (lambda x: md.compare(x, x[:, :4]), "same height and width"),
        (lambda x: md.load_inr("none.safetensors"), "no such file"),
    ],
)
def test_wrong_input_gets_one_sentence(projections, call, words):
    with pytest.raises(UserError, match=words):
        call(projections)
