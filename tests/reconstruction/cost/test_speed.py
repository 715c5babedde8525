"""How fast the machine is, learned from its runs."""

import pytest

from napari_microdiffusion.optics import Acquisition
from napari_microdiffusion.reconstruction.cost.estimate import estimate
from napari_microdiffusion.reconstruction.cost.speed import MachineSpeed
from napari_microdiffusion.reconstruction.cost.timing import time_machine
from napari_microdiffusion.reconstruction.engine import reconstruct
from napari_microdiffusion.settings.method import ReconstructionConfig

KINDS = {
    "default": {},
    "no samples": {"samples": 0},
    "one sample": {"samples": 1, "steps": 5},
    "log-spline alone": {"diffusion": "off"},
    "INR alone": {"diffusion": "off", "guide": "inr"},
    "INR": {"guide": "inr", "samples": 0},
}


def expected(speed, side=128, blocks_gb=None, **settings):
    config = ReconstructionConfig(**{"device": "cpu", "threads": 1, **settings})
    shape, optics = (16, side, side), Acquisition(step_length=6)
    return estimate(shape, optics, config, speed=speed, blocks_gb=blocks_gb)


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


def test_before_any_run_in_blocks_their_parts_are_as_fast_as_elsewhere():
    """Guide and network differ in speed: a factor on both together would say too much for one of them."""
    speed = MachineSpeed()
    first = expected(speed)
    slowness = {"guide": 0.3, "posterior mean": 2.0, "samples": 1.5}
    spent = {part: slowness.get(part, 1.0) * seconds for part, seconds in first.stages.items()}
    speed.learn(first.stages, spent, first.kinds)
    apart, blocks = expected(speed), expected(speed, blocks_gb=2.0)
    assert blocks.stages["posterior mean"] == pytest.approx(sum(apart.stages[part] for part in slowness))
    speed.learn(blocks.stages, {"posterior mean": 70.0}, blocks.kinds)
    assert expected(speed, blocks_gb=2.0).stages["posterior mean"] != pytest.approx(
        blocks.stages["posterior mean"]
    )


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


@pytest.mark.parametrize(
    "content",
    ["", "{", "[1, 2]", '{"guide": [1, 1]}', '{"here": {"guide": [0, 1]}}', '{"here": {"guide": "fast"}}'],
)
def test_a_damaged_file_is_forgotten(tmp_path, content):
    path = tmp_path / "speed.json"
    path.write_text(content)
    assert expected(MachineSpeed(path)).seconds == expected(None).seconds


def test_what_was_learned_elsewhere_says_nothing_here_and_is_kept(tmp_path, monkeypatch):
    path, first = tmp_path / "speed.json", expected(None)
    spent = {part: 3 * s for part, s in first.stages.items()}
    MachineSpeed(path).learn(first.stages, spent, first.kinds)
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr("os.cpu_count", lambda: 96)
        other = expected(None)
        assert expected(MachineSpeed(path)).seconds == other.seconds
        MachineSpeed(path).learn(other.stages, other.stages, other.kinds)
    assert expected(MachineSpeed(path)).seconds > 2.5 * first.seconds


def test_before_any_other_run_a_timed_one_says_how_fast_all_kinds_are():
    speed, said = MachineSpeed(), expected(None, 48, samples=0)
    speed.time(said.stages, {part: 4 * s for part, s in said.stages.items()}, said.kinds)
    for settings in KINDS.values():
        assert expected(speed, **settings).seconds == pytest.approx(4 * expected(None, **settings).seconds)


def test_a_short_run_is_timed_here_and_leaves_the_threads_alone():
    import torch

    speed, threads = MachineSpeed(), torch.get_num_threads()
    assert not speed.is_known
    time_machine(speed, reconstruct)
    assert torch.get_num_threads() == threads
    assert speed.is_known
    assert all(kind in speed for kind in expected(None, samples=0).kinds.values() if "mean" in kind)


def test_what_loading_took_does_not_count_as_speed():
    speed, first = MachineSpeed(), expected(None, 48, samples=0)
    speed.learn(first.stages, dict(first.stages) | {"posterior mean": 3.2}, first.kinds)
    assert expected(speed, samples=0).seconds < 1.5 * expected(None, samples=0).seconds


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
