"""A video resolved without a window: what is told, and what ends it."""

import numpy as np
import pytest

from napari_microdiffusion.errors import Cancelled
from napari_microdiffusion.optics import Acquisition, simulate_projections
from napari_microdiffusion.reconstruction.cost.speed import MachineSpeed
from napari_microdiffusion.reconstruction.events import CancelToken
from napari_microdiffusion.settings.method import ReconstructionConfig
from napari_microdiffusion.tasks.progress import Step
from napari_microdiffusion.tasks.video import resolving
from napari_microdiffusion.tasks.video.plan import VideoPlan
from napari_microdiffusion.tasks.video.resolving import (
    FrameStored,
    ResolveVideo,
    StructureMade,
    TracesGrown,
    VideoResolved,
)
from napari_microdiffusion.video.reconstruction import Video

N, T, SHAPE = 4, 6, (8, 24, 24)
METHOD = ReconstructionConfig(diffusion="off", samples=0, guide="histospline")
OPTICS = Acquisition(step_length=N)


def task_of(regions=None):
    grid = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    ball = sum((axis - at) ** 2 for axis, at in zip(grid, (3, 12, 12), strict=True)) <= 9
    still = simulate_projections(100 + 1000.0 * ball, OPTICS)
    frames = np.stack([still * (1 + 0.1 * t) for t in range(T)])
    plan = VideoPlan.of(T, (SHAPE[0] // N, *SHAPE[1:]), OPTICS, METHOD, MachineSpeed())
    return ResolveVideo(Video(frames, None, regions), OPTICS, METHOD, plan)


def test_the_structure_comes_first_then_each_frame_then_the_traces():
    events = [event for event in task_of()(CancelToken()) if not isinstance(event, Step | TracesGrown)]
    kinds = [type(event) for event in events]
    assert kinds == [StructureMade, *[FrameStored] * T, VideoResolved]
    made, resolved = events[0], events[-1]
    assert [event.index for event in events[1:-1]] == list(range(T))
    assert made.frames.shape == (T, *SHAPE)
    assert all(volume.any() for volume in made.frames)
    assert made.regions.dtype == np.uint16
    assert resolved.traces.regions == made.regions.max()


def test_traces_grow_while_frames_arrive(monkeypatch):
    monkeypatch.setattr(resolving, "_BETWEEN_TRACES", 0.0)
    monkeypatch.setattr(resolving, "_SHARE_OF_TRACES", 0)
    *events, resolved = task_of()(CancelToken())
    grown = [event.traces for event in events if isinstance(event, TracesGrown)]
    assert [len(traces.times) for traces in grown] == list(range(1, T + 1))
    last, whole = (traces.of(1, "light") for traces in (grown[-1], resolved.traces))
    np.testing.assert_array_equal(last.values, whole.values)
    np.testing.assert_array_equal(last.deviation, whole.deviation)
    assert grown[0].regions == resolved.traces.regions


def test_regions_that_are_painted_on_meanwhile_are_those_of_the_next_run():
    regions = np.zeros(SHAPE, np.int32)
    regions[2:5, 10:14, 10:14] = 1
    before = regions.copy()
    events = task_of(regions)(CancelToken())
    for event in events:
        if isinstance(event, Step) and event.text.startswith("Mean"):
            regions[:] = 0
        if isinstance(event, StructureMade):
            np.testing.assert_array_equal(event.regions, before)
            break


@pytest.mark.parametrize("when", ["Mean", "Quick preview", "Finding regions"])
def test_stopped_before_a_frame_nothing_is_kept(when):
    token = CancelToken()
    with pytest.raises(Cancelled, match="stopped before"):
        for event in task_of()(token):
            assert not isinstance(event, FrameStored)
            if isinstance(event, Step) and event.text.startswith(when):
                token.stop()


def test_stopped_later_it_ends_with_what_is_done():
    token = CancelToken()
    for event in task_of()(token):
        if isinstance(event, FrameStored) and event.index == 2:
            token.stop()
    assert isinstance(event, VideoResolved)
    assert event.finished.stopped
    assert len(event.finished.traces.light) == 3
