"""Projections unlike the training data are noticed."""

from functools import cache

import numpy as np
import pytest

from napari_microdiffusion.diffusion.out_of_distribution import TrainingDistribution
from napari_microdiffusion.diffusion.preconditioning import Denoiser
from napari_microdiffusion.diffusion.prior import Prior, new_denoiser
from napari_microdiffusion.diffusion.slab import PRIOR_KIND
from napari_microdiffusion.diffusion.statistics import STATISTICS, statistics
from napari_microdiffusion.io.checkpoints import load_checkpoint, save_checkpoint
from napari_microdiffusion.specimens import make_specimen


@cache
def projections(seed: int, n: int = 4) -> np.ndarray:
    """Unit projections of a small vasculature."""
    volume = make_specimen("vasculature", (32, 48, 48), seed)
    return volume.reshape(-1, n, 48, 48).mean(1) / 0.7


@pytest.fixture(scope="module")
def known() -> TrainingDistribution:
    """What a few dozen vasculatures look like."""
    return TrainingDistribution.of(np.array([statistics(projections(seed), 4) for seed in range(40)]))


def test_statistics_are_finite_and_named() -> None:
    values = statistics(projections(0), 4)
    assert values.shape == (len(STATISTICS),)
    assert np.isfinite(values).all()
    assert np.isfinite(statistics(np.zeros((2, 16, 16), np.float32), 2)).all()


def test_another_specimen_of_the_kind_scores_low(known: TrainingDistribution) -> None:
    distances = [known.score(statistics(projections(seed), 4)) for seed in range(100, 110)]
    assert np.median(distances) < known.limit


def test_noise_bars_and_checkers_are_not(known: TrainingDistribution) -> None:
    y, x = np.mgrid[:48, :48]
    unlike = {
        "noise": np.random.default_rng(0).random((8, 48, 48)),
        "bars": np.stack([(x // (2 + i % 3)) % 2 for i in range(8)]).astype(float),
        "checkers": np.stack([(x // 6 + y // 6 + i) % 2 for i in range(8)]).astype(float),
    }
    for name, image in unlike.items():
        assert known.score(statistics(image, 4)) > known.limit, name


def test_it_travels_with_the_prior(known: TrainingDistribution, tmp_path) -> None:
    denoiser: Denoiser = new_denoiser({"width": 8, "deep_width": 8, "blocks": 1, "deep_blocks": 1})
    Prior(denoiser, {"seed": 1}, known).save(tmp_path / "prior.safetensors")
    loaded = Prior.load(tmp_path / "prior.safetensors").distribution
    assert loaded is not None
    sample = statistics(projections(3), 4)
    assert loaded.score(sample) == pytest.approx(known.score(sample), rel=1e-12)
    assert loaded.limit == pytest.approx(known.limit)


def test_a_checkpoint_that_calls_it_familiarity_still_opens(known: TrainingDistribution, tmp_path) -> None:
    denoiser: Denoiser = new_denoiser({"width": 8, "deep_width": 8, "blocks": 1, "deep_blocks": 1})
    Prior(denoiser, {}, known).save(tmp_path / "new.safetensors")
    saved = load_checkpoint(tmp_path / "new.safetensors", PRIOR_KIND)
    header = dict(saved.header)
    header["familiarity"] = header.pop("training_distribution")
    save_checkpoint(tmp_path / "old.safetensors", PRIOR_KIND, saved.tensors, header)
    loaded = Prior.load(tmp_path / "old.safetensors").distribution
    assert loaded is not None
    assert loaded.limit == known.limit


def test_what_was_made_of_other_statistics_is_not_used(known: TrainingDistribution) -> None:
    assert TrainingDistribution.from_header(known.header() | {"statistics": ["mean"]}) is None


def test_a_few_odd_specimens_do_not_make_oddity_usual(known: TrainingDistribution) -> None:
    """Two stacks of noise among many vasculatures leave noise as unlike as it was."""
    noise = [np.random.default_rng(seed).random((8, 48, 48)) for seed in range(3)]
    samples = [statistics(projections(seed), 4) for seed in range(40)]
    found = TrainingDistribution.of(np.array(samples + [statistics(n, 4) for n in noise[:2]]))
    assert found.score(statistics(noise[2], 4)) > 1.5 * found.limit
