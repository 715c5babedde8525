"""How fast the machine is, learned from its runs."""

import pytest

from napari_microdiffusion.optics import Acquisition
from napari_microdiffusion.reconstruction.cost.estimate import estimate
from napari_microdiffusion.reconstruction.cost.speed import MachineSpeed
from napari_microdiffusion.settings.method import ReconstructionConfig

KINDS = {
    "default": {},
    "no samples": {"samples": 0},
    "one sample": {"samples": 1, "steps": 5},
    "log-spline alone": {"diffusion": "off"},
    "INR alone": {"diffusion": "off", "guide": "inr"},
    "INR": {"guide": "inr", "samples": 0},
}


def expected(speed, side=128, **settings):
    config = ReconstructionConfig(**{"device": "cpu", "threads": 1, **settings})
    return estimate((16, side, side), Acquisition(step_length=6), config, speed=speed)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("slowness", [0.2, 6.0])
def test_the_second_run_of_a_kind_takes_what_was_said(kind, slowness):
    speed, settings = MachineSpeed(), KINDS[kind]
    first = expected(speed, **settings)
    # Half a second is too short to matter, and to be learned from.
    spent = {part: slowness * seconds for part, seconds in first.stages.items()}
    speed.learn(first.stages, spent, first.kinds)
    second = expected(speed, **settings)
    assert second.seconds == pytest.approx(sum(spent.values()), rel=0.3, abs=0.5)


def test_a_short_run_says_little_after_a_long_one():
    speed = MachineSpeed()
    long, short = expected(speed, 512), expected(speed, 16)
    speed.learn(long.stages, {part: 2 * s for part, s in long.stages.items()}, long.kinds)
    speed.learn(short.stages, {part: 40 * s for part, s in short.stages.items()}, short.kinds)
    assert expected(speed, 512).seconds == pytest.approx(2 * long.seconds, rel=0.3)


def test_what_was_learned_is_there_in_the_next_session(tmp_path):
    path = tmp_path / "not there yet" / "speed.json"
    first = expected(None)
    MachineSpeed(path).learn(first.stages, {part: 3 * s for part, s in first.stages.items()}, first.kinds)
    assert expected(MachineSpeed(path)).seconds > 2.5 * first.seconds


@pytest.mark.parametrize("content", ["", "{", "[1, 2]", '{"guide": [0, 1]}', '{"guide": "fast"}'])
def test_a_damaged_file_is_forgotten(tmp_path, content):
    path = tmp_path / "speed.json"
    path.write_text(content)
    assert expected(MachineSpeed(path)).seconds == expected(None).seconds


def test_a_folder_that_cannot_be_written_to_is_no_obstacle(tmp_path):
    (tmp_path / "file").write_text("")
    speed = MachineSpeed(tmp_path / "file" / "speed.json")
    first = expected(speed)
    speed.learn(first.stages, {part: 3 * s for part, s in first.stages.items()}, first.kinds)
    assert expected(speed).seconds > 2.5 * first.seconds


def test_a_graphics_card_is_promised_a_figure_once_it_is_known(monkeypatch):
    monkeypatch.setattr(
        "napari_microdiffusion.reconstruction.cost.estimate.describe_device", lambda _name: "the GPU"
    )
    speed = MachineSpeed()
    first = expected(speed)
    assert str(first).startswith("less than")
    speed.learn(first.stages, {part: 0.1 * s for part, s in first.stages.items()}, first.kinds)
    assert str(expected(speed)).startswith("about")
