"""Projections unlike the training data are noticed."""

import numpy as np
import pytest

from napari_microdiffusion.diffusion.familiarity import Familiarity
from napari_microdiffusion.diffusion.preconditioning import Denoiser
from napari_microdiffusion.diffusion.prior import Prior, new_denoiser
from napari_microdiffusion.diffusion.statistics import FEATURES, features
from napari_microdiffusion.specimens import make_specimen


def projections(seed: int, n: int = 4) -> np.ndarray:
    """Unit projections of a small vasculature."""
    volume = make_specimen("vasculature", (32, 48, 48), seed)
    return volume.reshape(-1, n, 48, 48).mean(1) / 0.7


@pytest.fixture(scope="module")
def known() -> Familiarity:
    """What a few dozen vasculatures look like."""
    return Familiarity.of(np.array([features(projections(seed), 4) for seed in range(40)]))


def test_features_are_finite_and_named() -> None:
    values = features(projections(0), 4)
    assert values.shape == (len(FEATURES),)
    assert np.isfinite(values).all()
    assert np.isfinite(features(np.zeros((2, 16, 16), np.float32), 2)).all()


def test_another_specimen_of_the_kind_is_familiar(known: Familiarity) -> None:
    distances = [known.distance(features(projections(seed), 4)) for seed in range(100, 110)]
    assert np.median(distances) < known.limit


def test_noise_bars_and_checkers_are_not(known: Familiarity) -> None:
    y, x = np.mgrid[:48, :48]
    strange = {
        "noise": np.random.default_rng(0).random((8, 48, 48)),
        "bars": np.stack([(x // (2 + i % 3)) % 2 for i in range(8)]).astype(float),
        "checkers": np.stack([(x // 6 + y // 6 + i) % 2 for i in range(8)]).astype(float),
    }
    for name, image in strange.items():
        assert known.distance(features(image, 4)) > known.limit, name


def test_it_travels_with_the_prior(known: Familiarity, tmp_path) -> None:
    denoiser: Denoiser = new_denoiser({"width": 8, "deep_width": 8, "blocks": 1, "deep_blocks": 1})
    Prior(denoiser, {"seed": 1}, known).save(tmp_path / "prior.safetensors")
    loaded = Prior.load(tmp_path / "prior.safetensors").familiarity
    assert loaded is not None
    sample = features(projections(3), 4)
    assert loaded.distance(sample) == pytest.approx(known.distance(sample), rel=1e-12)
    assert loaded.limit == pytest.approx(known.limit)


def test_statistics_of_other_features_are_not_used(known: Familiarity) -> None:
    assert Familiarity.from_header(known.header() | {"features": ["mean"]}) is None
