import json

import numpy as np
import pytest

from napari_microdiffusion.errors import UsageError, UserError
from napari_microdiffusion.inr.fitted import FittedInr, inference_taps
from napari_microdiffusion.inr.fitting import fit_inr
from napari_microdiffusion.inr.settings import InrSettings
from napari_microdiffusion.io import load_checkpoint, save_checkpoint

N = 4
UNIFORM = np.full(N, 1 / N)


@pytest.fixture(scope="module", params=["grid", "paper"])
def fitted(request) -> FittedInr:
    projections = np.random.default_rng(0).random((3, 20, 18), np.float32)
    settings = InrSettings(field=request.param, epochs=2, frequencies=8)
    *_, last = fit_inr(projections, UNIFORM, settings)
    return last.fitted


@pytest.mark.parametrize("inference", ["gaussian", "uniform", "none"])
@pytest.mark.parametrize("n", [2, 3, 6, 7])
def test_the_taps_are_normalised_and_centred(inference, n):
    offsets, weights = inference_taps(np.full(n, 1 / n), inference)
    assert len(offsets) == (1 if inference == "none" else n)
    assert weights.sum() == pytest.approx(1)
    assert weights @ offsets == pytest.approx(0)
    np.testing.assert_allclose(weights, weights[::-1])


def test_the_gaussian_is_a_fifth_of_the_beam_wide():
    offsets, weights = inference_taps(np.full(6, 1 / 6), "gaussian")
    np.testing.assert_allclose(offsets, [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5])
    assert weights[1] / weights[2] == pytest.approx(np.exp(-(1.5**2 - 0.5**2) / (2 * 1.2**2)))


def test_a_narrow_beam_takes_fewer_neighbours():
    assert len(inference_taps([0.05, 0.9, 0.05], "uniform")[0]) == 1


def test_inference_is_the_weighted_mean_of_the_fields_planes(fitted):
    taps = fitted.render([3.5, 4.5, 5.5, 6.5], "none")
    np.testing.assert_allclose(fitted.render([5], "uniform")[0], taps.mean(0), atol=1e-6)


def test_slices_come_one_by_one_and_agree_with_the_whole(fitted):
    whole = fitted.render()
    assert whole.shape == (12, 20, 18)
    assert whole.dtype == np.float32
    np.testing.assert_array_equal(np.stack(list(fitted.render_slices())), whole)
    np.testing.assert_array_equal(fitted.render([7, 2]), whole[[7, 2]])


@pytest.mark.parametrize("positions", [[-1.0], [12.0], [np.nan], [[1.0]]])
def test_depths_outside_the_volume_are_refused(fitted, positions):
    with pytest.raises(UsageError, match="positions"):
        fitted.render(positions)


def test_an_unknown_inference_is_refused(fitted):
    with pytest.raises(UsageError, match="median"):
        fitted.render([1], "median")


def test_it_is_the_same_after_saving_and_loading(fitted, tmp_path):
    path = tmp_path / "field.safetensors"
    fitted.extra["span"] = 12.5
    fitted.save(path)
    again = FittedInr.load(path)
    assert again.settings == fitted.settings
    assert again.extra["span"] == 12.5
    np.testing.assert_array_equal(again.profile, fitted.profile)
    np.testing.assert_array_equal(again.render(), fitted.render())
    np.testing.assert_array_equal(again.render([2.25], "gaussian"), fitted.render([2.25], "gaussian"))


def test_other_projections_are_refused(fitted):
    fitted.require((3, 20, 18), N)
    for shape, n in [((3, 20, 19), N), ((3, 20, 18), 5)]:
        with pytest.raises(UserError, match=r"f\.safetensors was fitted to projections of 3×20×18"):
            fitted.require(shape, n, "f.safetensors")


def damage(header: dict, tensors: dict, case: str) -> None:
    first = next(iter(tensors))
    match case:
        case "no settings":
            del header["settings"]
        case "unknown setting":
            header["settings"]["surprise"] = 1
        case "huge shape":
            header["shape"] = [4 * 10**9, 20, 18]
        case "other shape":
            header["shape"] = [12, 20, 180_000]
        case "profile":
            header["profile"] = [1.0, 1.0, -1.0, 0.0]
        case "missing tensor":
            del tensors[first]
        case "type":
            tensors[first] = tensors[first].astype(np.float16)
        case "not finite":
            tensors[first] = np.full_like(tensors[first], np.nan)


@pytest.mark.parametrize(
    "case",
    [
        "no settings",
        "unknown setting",
        "huge shape",
        "other shape",
        "profile",
        "missing tensor",
        "type",
        "not finite",
    ],
)
def test_a_damaged_file_is_refused(tmp_path, case):
    *_, last = fit_inr(np.full((3, 20, 18), 0.5, np.float32), UNIFORM, InrSettings(epochs=1))
    path = tmp_path / "field.safetensors"
    last.fitted.save(path)
    good = load_checkpoint(path, "inr")
    header, tensors = json.loads(json.dumps(good.header)), dict(good.tensors)
    damage(header, tensors, case)
    save_checkpoint(path, "inr", tensors, header)
    with pytest.raises(UserError, match=r"field\.safetensors"):
        FittedInr.load(path)


def test_a_pickle_and_another_model_are_refused(tmp_path):
    path = tmp_path / "field.safetensors"
    path.write_bytes(b"\x80\x04K\x01.")
    with pytest.raises(UserError, match="pickle"):
        FittedInr.load(path)
    save_checkpoint(path, "slab-prior", {"a": np.zeros(3, np.float32)})
    with pytest.raises(UserError, match="slab-prior"):
        FittedInr.load(path)
