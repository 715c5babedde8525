"""The recipe: a few tiny steps leave weights, state and curve, and can be taken up again."""

import numpy as np
import pytest
import torch

from napari_microdiffusion.diffusion.calibration import LEVELS, Calibration
from napari_microdiffusion.diffusion.prior import Prior, new_denoiser
from napari_microdiffusion.diffusion.slab import ORDERS, STATISTICS
from napari_microdiffusion.errors import UserError
from napari_microdiffusion.specimens import make_specimen
from napari_microdiffusion.training.recipe import PriorTraining, TrainingRecipe
from napari_microdiffusion.training.recordings import record

TINY = {
    "width": 8,
    "deep_width": 8,
    "blocks": 1,
    "deep_blocks": 1,
    "stacks": 2,
    "slabs": 2,
    "patch": 16,
    "pool": 1,
    "recordings": 6,
    "unit_stacks": 8,
    "validation_batches": 3,
    "learning_rate": 0.01,
    "distribution_stacks": 0,
}


@pytest.fixture(scope="module")
def references() -> tuple[np.ndarray, ...]:
    return (make_specimen("neurons", (24, 24, 24), 1),)


def training(output, references, steps: int = 3, **more) -> PriorTraining:
    return PriorTraining(TrainingRecipe(steps=steps, **TINY), output, references=references, **more)


def test_a_few_steps_leave_a_prior_its_state_and_a_curve(tmp_path, references):
    output = tmp_path / "prior.safetensors"
    reports = list(training(output, references).run())
    assert [report.step.step for report in reports] == [1, 2, 3]
    assert [report.validation is None for report in reports] == [True, True, False]
    assert np.isfinite(reports[-1].validation)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "prior.curve.csv",
        "prior.safetensors",
        "prior.state.safetensors",
    ]
    prior = Prior.load(output)
    assert prior.card["recipe"]["width"] == 8
    assert prior.card["steps"] == 3
    assert prior.card["data"] == "reference volumes"
    assert prior.card["validation_explained"] == pytest.approx(reports[-1].validation, abs=1e-4)
    rows = [line.split(",") for line in (tmp_path / "prior.curve.csv").read_text().splitlines()]
    assert [row[0] for row in rows] == ["1", "2", "3"]
    (told,) = prior.card["curve"]
    assert told["step"] == 3
    assert told["loss"] == pytest.approx(np.median([float(row[1]) for row in rows]), rel=1e-3)
    assert told["explained"] == pytest.approx(reports[-1].validation, abs=1e-5)


def test_the_same_seed_trains_the_same_weights(tmp_path, references):
    outputs = [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]
    for output in outputs:
        list(training(output, references).run())
    one, other = (Prior.load(output).denoiser.state_dict() for output in outputs)
    for name, value in one.items():
        torch.testing.assert_close(other[name], value, rtol=0, atol=0)


def test_it_goes_on_where_it_was_left(tmp_path, references):
    output = tmp_path / "prior.safetensors"
    first = training(output, references, steps=4)
    for report in first.run():
        if report.step.step == 2:
            first.save()
            break
    second = training(output, references, steps=4)
    assert second.fitting.step == 2
    for name, value in first.fitting.model.state_dict().items():
        torch.testing.assert_close(second.fitting.model.state_dict()[name], value, rtol=0, atol=0)
    assert [report.step.step for report in second.run()] == [3, 4]
    assert Prior.load(output).card["steps"] == 4
    # Nothing is left to do.
    assert list(training(output, references, steps=4).run()) == []


def test_a_prior_is_fine_tuned_from_its_own_weights(tmp_path, references):
    base_path, tuned_path = tmp_path / "base.safetensors", tmp_path / "tuned.safetensors"
    list(training(base_path, references, steps=1).run())
    base = Prior.load(base_path)
    before = {name: value.clone() for name, value in base.denoiser.state_dict().items()}
    tuning = training(tuned_path, references, steps=1, init=base)
    for name, value in tuning.denoiser.state_dict().items():
        torch.testing.assert_close(value, before[name])
    list(tuning.run())
    tuned = Prior.load(tuned_path)
    assert tuned.card["init"]["steps"] == 1
    # Half-way between the weights before and those that the references taught.
    for name, value in tuned.denoiser.state_dict().items():
        torch.testing.assert_close(value, (before[name] + tuning.fitting.average[name]) / 2)
    stem = "network.stem.weight"
    assert (tuned.denoiser.state_dict()[stem] - before[stem]).abs().max() > 0


def test_an_adaptation_is_judged_on_a_part_that_it_does_not_learn_from(tmp_path):
    volume = make_specimen("neurons", (24, 32, 64), 1)
    base = tmp_path / "base.safetensors"
    list(training(base, (volume,), steps=1).run())
    tuning = training(tmp_path / "tuned.safetensors", (volume,), steps=1, init=Prior.load(base))
    assert tuning.is_held_out
    (learned,) = tuning.settings.references
    assert learned.shape == (24, 32, 48)
    # It can be left while it prepares, and what that takes is part of the minutes.
    shares = list(tuning.prepare())
    assert len(shares) > 10
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert tuning.fitting.elapsed > 0
    before = tuning.validate()
    (report,) = tuning.run()
    assert report.validation != before
    # The first step waits for a few recordings alone.
    assert tuning.settings.first_recordings < tuning.settings.recordings


def test_training_explains_more_and_more(tmp_path, references):
    many = {"recordings": 32, "unit_stacks": 64, "validation_batches": 8}
    recipe = TrainingRecipe(steps=60, **{**TINY, **many})
    learning = PriorTraining(recipe, tmp_path / "prior.safetensors", references=references)
    start = learning.validate()
    for _ in learning.run():
        pass
    assert start == pytest.approx(0, abs=1e-6)
    assert learning.validate() > 0.02


def test_procedural_tissue_is_the_default(tmp_path, monkeypatch):
    from napari_microdiffusion.training import pool, recipe

    monkeypatch.setattr(pool, "_SIDE", 32)
    units = np.ones(ORDERS), np.stack([np.zeros(STATISTICS), np.ones(STATISTICS)])
    monkeypatch.setattr(recipe, "learn_units", lambda *_: units)
    output = tmp_path / "prior.safetensors"
    list(PriorTraining(TrainingRecipe(steps=1, **TINY), output).run())
    assert Prior.load(output).card["data"] == "procedural specimens"


def test_references_of_different_and_narrow_shapes_share_batches(tmp_path):
    rng = np.random.default_rng(0)
    volumes = tuple(rng.random(shape, dtype=np.float32) for shape in ((9, 16, 60), (30, 40, 18)))
    recipe = TrainingRecipe(steps=3, **{**TINY, "patch": 48, "stacks": 3})
    learning = PriorTraining(recipe, tmp_path / "prior.safetensors", references=volumes)
    assert learning.settings.patch == 16
    assert len(list(learning.run())) == 3


@pytest.mark.parametrize("shape", [(7, 32, 32), (32, 15, 32)])
def test_references_that_are_too_small_are_refused(tmp_path, shape):
    with pytest.raises(UserError, match="reference 1 has"):
        training(tmp_path / "prior.safetensors", (np.zeros(shape, np.float32),))


def test_a_constant_reference_is_refused(tmp_path):
    with pytest.raises(UserError, match="constant"):
        training(tmp_path / "prior.safetensors", (np.ones((16, 16, 16), np.float32),))


def test_a_state_of_another_recipe_is_refused(tmp_path, references):
    output = tmp_path / "prior.safetensors"
    list(training(output, references, steps=1).run())
    with pytest.raises(UserError, match="another network"):
        PriorTraining(TrainingRecipe(steps=1, **{**TINY, "width": 16}), output, references=references)


def test_one_step_length_alone_is_drawn_where_the_recipe_says_so(tmp_path, references):
    recipe = TrainingRecipe(steps=1, step_length=4, **TINY)
    trainer = PriorTraining(recipe, tmp_path / "prior.safetensors", references=references)
    rng = np.random.default_rng(0)
    lengths = [record(references, trainer.settings, rng).operator.step_length for _ in range(6)]
    assert lengths == [4] * 6


def test_adapting_keeps_what_samples_are_worth_and_training_anew_drops_it(tmp_path, references):
    logs = np.full((len(LEVELS), 1), 0.4)
    calibration = Calibration(logs, np.zeros((2, 0)), np.hstack([logs, logs]))
    prior = Prior(new_denoiser(TINY, np.ones(ORDERS)), {}, calibration=calibration)
    adapted = training(tmp_path / "a.safetensors", references, init=prior).averaged()
    assert adapted.calibration is prior.calibration
    recipe = TrainingRecipe(steps=1, **TINY)
    assert PriorTraining(recipe, tmp_path / "b.safetensors", prior).averaged().calibration is None


def test_bfloat16_takes_nearly_the_same_step_and_keeps_whole_weights(tmp_path, references):
    gradients = []
    for bfloat16 in (False, True):
        recipe = TrainingRecipe(steps=1, bfloat16=bfloat16, **TINY)
        learning = PriorTraining(recipe, tmp_path / f"{bfloat16}.safetensors", references=references)
        gradients += [report.step.gradient for report in learning.run()]
        assert learning.averaged().denoiser.network.stem.weight.dtype == torch.float32
    assert gradients[0] != gradients[1]
    assert gradients[1] == pytest.approx(gradients[0], rel=0.02)
