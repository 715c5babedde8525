"""What a run is said to cost."""

import subprocess
import sys

import pytest

from napari_microdiffusion.optics import Acquisition
from napari_microdiffusion.reconstruction.cost import estimate as module
from napari_microdiffusion.reconstruction.cost.estimate import Estimate, estimate
from napari_microdiffusion.settings.method import ReconstructionConfig
from napari_microdiffusion.settings.presets import preset

LOADING = """
import builtins, sys, threading
sys.path.insert(0, sys.argv[1])
builtins.begun, builtins.gate = threading.Event(), threading.Event()
threading.Thread(target=__import__, args=("torch",), daemon=True).start()
assert builtins.begun.wait(10)
from napari_microdiffusion.optics import Acquisition
from napari_microdiffusion.reconstruction.cost.estimate import estimate
from napari_microdiffusion.settings.method import ReconstructionConfig
print(estimate((4, 32, 32), Acquisition(step_length=3), ReconstructionConfig()))
builtins.gate.set()
"""

SMALL, LARGE = (16, 128, 128), (16, 512, 512)
OPTICS = Acquisition(step_length=6)


def cost(shape=SMALL, **settings):
    return estimate(shape, OPTICS, ReconstructionConfig(**{"device": "cpu", "threads": 1, **settings}))


@pytest.mark.parametrize(
    ("cheap", "dear"),
    [
        ({"shape": SMALL}, {"shape": LARGE}),
        ({"samples": 0}, {"samples": 1}),
        ({"samples": 4, "steps": 5}, {"samples": 4, "steps": 10}),
        ({"diffusion": "off"}, {"samples": 0}),
        ({"guide": "histospline"}, {"guide": "logspline"}),
        ({"guide": "logspline"}, {"guide": "inr"}),
        ({"guide": "logspline"}, {"guide": "reference"}),
    ],
)
def test_more_work_costs_more(cheap, dear):
    assert cost(**cheap).seconds < cost(**dear).seconds
    assert cost(**cheap).bytes <= cost(**dear).bytes


def test_an_inr_from_a_file_costs_no_fit(tmp_path):
    fitted = cost(LARGE, guide="inr", diffusion="off")
    from_file = cost(LARGE, guide="inr", diffusion="off", inr_file=tmp_path / "inr.safetensors")
    assert from_file.seconds < fitted.seconds / 2


def test_a_reference_placed_by_hand_is_not_searched_for_and_learned_of_apart():
    config = ReconstructionConfig(guide="reference", diffusion="off", device="cpu", threads=1)
    found, placed = (estimate(SMALL, OPTICS, config, is_placed=placed) for placed in (False, True))
    assert placed.seconds < found.seconds / 2
    assert placed.kinds["guide"] != found.kinds["guide"]


def test_more_threads_help_but_not_beyond_the_cores(monkeypatch):
    monkeypatch.setattr(module.os, "cpu_count", lambda: 4)
    assert cost(threads=4).seconds < cost(threads=1).seconds
    assert cost(threads=16) == cost(threads=4)


def test_memory_stays_within_what_is_allowed_where_it_can():
    free = cost(LARGE, samples=0)
    assert cost(LARGE, samples=0, memory_gb=0.9).bytes < free.bytes
    assert cost(LARGE, samples=0, memory_gb=100).bytes == free.bytes


@pytest.mark.parametrize(("seconds", "words"), [(0.2, "1 s"), (38, "40 s"), (400, "7 min"), (9000, "2.5 h")])
def test_times_are_as_precise_as_they_are_good(seconds, words):
    assert str(Estimate(seconds, 1_240_000_000, "this CPU")) == f"about {words} and 1.2 GB on this CPU"


def test_a_graphics_card_is_promised_no_figure():
    assert str(Estimate(38, 10**9, "the GPU", is_bound=True)).startswith("less than 40 s")


def test_the_published_schedule_takes_days_and_its_small_sister_minutes():
    small, published = (cost(**preset(name)) for name in ("paper-small", "paper"))
    assert published.seconds > 2 * 86_400
    assert small.seconds < 1800
    assert cost(shape=(8, 64, 64), **preset("paper-small")).seconds < 300
    assert str(published).startswith("about") and " h and " in str(published)


def test_beams_that_leave_their_slabs_cost_more_and_two_views_are_not_twice_the_volume():
    def of(planes: int, **beam) -> Estimate:
        acquisition = Acquisition(step_length=6, **beam)
        return estimate((planes, 128, 128), acquisition, ReconstructionConfig(samples=0, device="cpu"))

    plain, bessel = of(16), of(16, beam="bessel")
    assert bessel.seconds > 1.5 * plain.seconds
    views = of(32, tilt=0.5, views=2)
    assert views.bytes == bessel.bytes > plain.bytes
    assert views.seconds < 2 * bessel.seconds


def test_an_estimate_does_not_wait_for_torch_that_is_being_imported(tmp_path):
    (tmp_path / "torch.py").write_text("import builtins\nbuiltins.begun.set()\nbuiltins.gate.wait(60)\n")
    said = subprocess.run(
        [sys.executable, "-c", LOADING, str(tmp_path)], capture_output=True, text=True, timeout=30
    )
    assert said.stdout.startswith("about"), said.stderr
