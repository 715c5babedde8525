"""Settings: their limits, and the one sentence that a person gets for a wrong one."""

import pytest
from pydantic import ValidationError

from napari_microdiffusion.errors import UsageError
from napari_microdiffusion.optics import Acquisition
from napari_microdiffusion.reconstruction.device import choose_device, describe_device
from napari_microdiffusion.reconstruction.methods import DIFFUSIONS, GUIDES
from napari_microdiffusion.settings.method import ReconstructionConfig, settings_error


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"samples": 65}, "samples is 65, but it should be less than or equal to 64"),
        ({"samples": -1}, "samples is -1, but it should be greater than or equal to 0"),
        ({"steps": 1}, "steps is 1, but it should be greater than or equal to 2"),
        ({"guide": "magic"}, "guide is 'magic', but it should be 'none', 'nearest'"),
        ({"consistency": "hard"}, "consistency is 'hard', but it should be"),
        ({"memory_gb": 0}, "memory gb is 0, but it should be greater than 0"),
        ({"seed": -1}, "seed is -1, but it should be"),
        ({"wheels": 4}, "wheels is 4, but"),
        ({"inr": {"epochs": 0}}, "inr.epochs is 0, but it should be"),
    ],
)
def test_a_wrong_setting_is_told_in_one_sentence(settings, sentence):
    with pytest.raises(ValidationError) as caught:
        ReconstructionConfig(**settings)
    error = settings_error(caught.value)
    assert isinstance(error, UsageError)
    assert str(error).startswith(sentence)
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("n", "sentence"),
    [
        (0, "-n is 0, but it should be greater than or equal to 2"),
        (1000, "-n is 1000, but it should be less than or equal to 64"),
        (1.5, "-n is 1.5, but it must be a whole number of slices"),
    ],
)
def test_settings_go_by_the_name_that_the_person_used(n, sentence):
    with pytest.raises(ValidationError) as caught:
        Acquisition(step_length=n)
    assert str(settings_error(caught.value, {"step_length": "-n"})) == sentence


def test_every_setting_has_words_for_people():
    for name, field in ReconstructionConfig.model_fields.items():
        assert field.title, name
        assert field.description, name
        assert field.description.endswith("."), name


def test_every_choice_has_its_method():
    fields = ReconstructionConfig.model_fields
    assert set(GUIDES) == set(fields["guide"].annotation.__args__)
    assert {*DIFFUSIONS, "off"} == set(fields["diffusion"].annotation.__args__)


def test_a_configuration_cannot_change_once_made():
    with pytest.raises(ValidationError):
        ReconstructionConfig().samples = 3


def test_devices():
    assert choose_device("cpu").type == "cpu"
    assert choose_device("auto").type in {"cpu", "cuda", "mps"}
    assert describe_device("cpu") == "this CPU"
