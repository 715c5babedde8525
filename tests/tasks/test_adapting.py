"""Adapting a prior: what is solved for in closed form first, and what is kept of it."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_microdiffusion.diffusion.prior import Prior
from napari_microdiffusion.errors import UserError
from napari_microdiffusion.reconstruction.events import CancelToken
from napari_microdiffusion.specimens import make_specimen
from napari_microdiffusion.tasks.adapting import Adapted, AdaptPrior, AdaptSettings, Loss, Solved, Step
from napari_microdiffusion.training import recipe
from napari_microdiffusion.training.adaptation import closed_form, looks

TISSUE = make_specimen("nuclei", (24, 32, 64), 3)


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(looks, "_SPECIMEN", (24, 24, 24))
    monkeypatch.setattr(looks, "_OF_A_KIND", 1)
    monkeypatch.setattr(closed_form, "STEP_LENGTHS", (6,))
    # On tissue as small as this the halves may gain nothing.
    monkeypatch.setattr(closed_form, "_chosen", lambda *_: closed_form.Choice(36.0, 1.0, (0.3,)))
    real = recipe.TrainingRecipe

    def small(**settings):
        settings.pop("minutes")
        return real(**settings, steps=2, pool=1, stacks=1, slabs=2, patch=16, distribution_stacks=0)

    monkeypatch.setattr(recipe, "TrainingRecipe", small)


@pytest.fixture
def adapt(tmp_path):
    def result(volume=TISSUE):
        return list(AdaptPrior([volume], AdaptSettings(), tmp_path / "a.safetensors")(CancelToken()))

    return result


def judged(monkeypatch, before, solved, trained):
    """What the stacks set aside say of the prior as it was, as solved for, and as trained."""
    asked = []

    def explained(training, _):
        asked.append(training.fitting.step)
        return trained if asked[-1] else (before, solved)[asked.count(0) - 1]

    monkeypatch.setattr(recipe.PriorTraining, "explained", explained)


def test_the_last_layers_are_solved_for_before_the_training(adapt):
    events = adapt()
    kinds = [type(event) for event in events if not isinstance(event, Step)]
    assert kinds[0] is Solved
    assert kinds[-1] is Adapted
    assert kinds.count(Loss) == 2
    assert events[-1].is_held_out
    assert "gained 0.30 dB" in str(next(event for event in events if isinstance(event, Solved)))
    assert any("quick adaptation" in event.text for event in events if isinstance(event, Step))


def test_what_was_solved_for_is_kept_where_the_training_does_not_better_it(adapt, monkeypatch):
    judged(monkeypatch, 0.5, 0.6, 0.55)
    *_, adapted = adapt()
    assert (adapted.before, adapted.after, adapted.is_solved) == (0.5, 0.6, True)
    assert "2 further steps did not better" in str(adapted)
    assert "adapted_in_closed_form" in Prior.load(adapted.path).card


def test_what_is_kept_are_the_weights_that_were_solved_for(adapt, monkeypatch):
    judged(monkeypatch, 0.5, 0.6, 0.55)
    solve, solved = closed_form.adapt_in_closed_form, []

    def spied(*given):
        for event in solve(*given):
            if isinstance(event, closed_form.ClosedForm):
                weights = event.prior.denoiser.state_dict()
                solved.append({name: value.clone() for name, value in weights.items()})
            yield event

    monkeypatch.setattr(closed_form, "adapt_in_closed_form", spied)
    *_, adapted = adapt()
    kept = Prior.load(adapted.path).denoiser.state_dict()
    assert all(torch.equal(kept[name], value) for name, value in solved[0].items())


def test_the_training_is_kept_where_it_is_better(adapt, monkeypatch):
    judged(monkeypatch, 0.5, 0.6, 0.7)
    *_, adapted = adapt()
    assert (adapted.before, adapted.after, adapted.is_solved) == (0.5, 0.7, False)
    assert Prior.load(adapted.path).card["steps"] == 2


def test_a_reference_too_narrow_for_halves_is_trained_on_all_the_same(adapt):
    events = adapt(np.ascontiguousarray(TISSUE[:, :24, :24]))
    assert not any(isinstance(event, Solved) for event in events)
    assert isinstance(events[-1], Adapted)


def test_where_it_cannot_be_saved_is_told_before_anything_is_learned(tmp_path):
    path = tmp_path / "nowhere" / "a.safetensors"
    with pytest.raises(UserError, match="there is no folder"):
        next(AdaptPrior([TISSUE], AdaptSettings(), path)(CancelToken()))


def test_what_was_learned_is_not_lost_where_the_folder_is_gone_meanwhile(tmp_path):
    folder = tmp_path / "away"
    folder.mkdir()
    events = AdaptPrior([TISSUE], AdaptSettings(), folder / "a.safetensors")(CancelToken())
    next(events)
    folder.rmdir()
    with pytest.raises(UserError, match="kept as") as caught:
        list(events)
    kept = Path(str(caught.value).split("kept as ")[1].removesuffix("."))
    try:
        assert Prior.load(kept).denoiser is not None
    finally:
        shutil.rmtree(kept.parent)
