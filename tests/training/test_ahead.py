"""Batches made ahead: the same ones, and no process outlives whoever asked for them."""

import multiprocessing
from itertools import islice

import torch

from napari_microdiffusion.specimens import make_specimen
from napari_microdiffusion.training.ahead import batches_ahead
from napari_microdiffusion.training.batches import batches
from napari_microdiffusion.training.recipe import PriorTraining, TrainingRecipe
from napari_microdiffusion.training.settings import BatchSettings

REFERENCES = (make_specimen("nuclei", (24, 24, 24), 3),)
SETTINGS = BatchSettings(stacks=2, slabs=3, patch=16, recordings=4, references=REFERENCES)


def test_batches_made_ahead_are_the_same_ones():
    here, there = (list(islice(source(SETTINGS, 5), 3)) for source in (batches, batches_ahead))
    for one, other in zip(here, there, strict=True):
        for name in ("condition", "globals", "unit", "mask", "residual", "weight"):
            torch.testing.assert_close(
                getattr(one, name), getattr(other, name), rtol=0, atol=0, equal_nan=True
            )


def test_several_processes_take_turns():
    here, other = islice(batches(SETTINGS, 5), 2), islice(batches_ahead(SETTINGS, 5, 2), 4)
    made = list(other)
    for one, same in zip(here, made[::2], strict=True):
        torch.testing.assert_close(one.residual, same.residual, rtol=0, atol=0)
    assert not torch.equal(made[0].residual, made[1].residual)


def test_its_process_ends_with_it():
    stream = batches_ahead(SETTINGS, 5)
    next(stream)
    assert multiprocessing.active_children()
    stream.close()
    assert not multiprocessing.active_children()


def test_training_ahead_gives_the_same_weights(tmp_path):
    sizes = {"width": 8, "deep_width": 8, "blocks": 1, "deep_blocks": 1, "patch": 16, "slabs": 3}
    few = {"recordings": 4, "unit_stacks": 8, "validation_batches": 1, "distribution_stacks": 0}
    recipe = TrainingRecipe(steps=2, stacks=2, **sizes, **few)
    weights = []
    for ahead in (0, 1):
        training = PriorTraining(recipe, tmp_path / f"{ahead}.safetensors", references=REFERENCES)
        list(training.run(ahead=ahead))
        weights.append(training.averaged().denoiser.state_dict())
    for name, value in weights[0].items():
        torch.testing.assert_close(value, weights[1][name], rtol=0, atol=0, equal_nan=True)
    assert not multiprocessing.active_children()
