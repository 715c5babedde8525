"""What a video takes, and how far it is."""

import numpy as np
import pytest

from napari_microdiffusion.optics import Acquisition
from napari_microdiffusion.reconstruction.cost.speed import MachineSpeed
from napari_microdiffusion.reconstruction.events import Progress, StageStarted
from napari_microdiffusion.reconstruction.result import ReconstructionResult
from napari_microdiffusion.settings.method import ReconstructionConfig
from napari_microdiffusion.tasks.video.plan import FRAMES, MEAN, VideoPlan, VideoRemaining
from napari_microdiffusion.video.events import StructureReady, VideoProgress

METHOD = ReconstructionConfig(diffusion="off")


def plan_of(frames=100, slabs=(4, 64, 64), speed=None, **acquisition):
    return VideoPlan.of(
        frames, slabs, Acquisition(step_length=6, **acquisition), METHOD, speed or MachineSpeed()
    )


def test_it_says_frames_slices_size_and_time():
    text = str(plan_of())
    assert text.startswith("100 volumes of 24 slices of 64 × 64, 39 MB on disk; about ")
    assert "GB on" in text.partition(";")[2]
    assert "3.9 GB on disk" in str(plan_of(frames=10_000))


def test_more_frames_take_longer_and_the_structure_as_long():
    few, many = plan_of(100), plan_of(1000)
    assert many.whole.stages[FRAMES] == pytest.approx(10 * few.whole.stages[FRAMES])
    assert many.structure.seconds == few.structure.seconds
    assert many.whole.seconds > 2 * few.whole.seconds or few.structure.seconds > few.whole.seconds / 2


def events():
    structure = ReconstructionResult(np.zeros((1, 1, 1)), np.zeros((1, 1, 1)), seconds={"guide": 0.1})
    yield from (VideoProgress("Mean of all frames", k / 4) for k in range(5))
    yield StageStarted("guide", "Starting estimate")
    yield Progress("guide", 0.5)
    yield VideoProgress("Finding regions", 0.0)
    yield StructureReady(structure, np.zeros((1, 1, 1), int))
    yield from (VideoProgress("Frames", k / 4, 4.0 - k, 25.0) for k in range(1, 5))


def test_progress_never_goes_back_and_says_the_pace():
    remaining = VideoRemaining(plan_of())
    steps = [remaining.step(event) for event in events()]
    shares = [step.fraction for step in steps]
    assert shares == sorted(shares)
    assert all(0 <= share <= 1 for share in shares)
    assert all(step.seconds_left >= 0 for step in steps)
    assert steps[-1].text == "Frame 100 of 100, 25 volumes a second"
    assert steps[5].text == "Starting estimate"


def test_the_machine_learns_what_frames_take():
    speed, before = MachineSpeed(), plan_of().whole.stages
    remaining = VideoRemaining(plan_of())
    for event in events():
        remaining.step(event)
    remaining.teach(speed)
    assert set(remaining.spent) == {MEAN, "guide", FRAMES}
    after = plan_of(speed=speed).whole.stages
    # 100 frames at 25 a second.
    assert abs(after[FRAMES] - 4) < abs(before[FRAMES] - 4)
