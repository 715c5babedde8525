"""A video resolved in depth: what each frame shows, regions apart that overlap along the beam, and motion."""

import numpy as np
import pytest
from scipy.ndimage import shift

from napari_microdiffusion.errors import Cancelled, UserError
from napari_microdiffusion.optics import Acquisition, simulate_projections
from napari_microdiffusion.reconstruction.events import CancelToken
from napari_microdiffusion.registration.reference_stack import ReferenceStack
from napari_microdiffusion.settings.method import ReconstructionConfig
from napari_microdiffusion.specimens.activity import active_tissue
from napari_microdiffusion.video.events import FrameReady, StructureReady, VideoFinished, VideoProgress
from napari_microdiffusion.video.reconstruction import Video, moved_sentence, reconstruct_video

N, SHAPE, T = 6, (18, 32, 36), 30
PHOTONS = 30
SETTINGS = ReconstructionConfig(guide="reference", diffusion="off")


def ball(centre, radius=4.0):
    grid = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    return sum((axis - at) ** 2 for axis, at in zip(grid, centre, strict=True)) <= radius**2


@pytest.fixture(scope="module")
def tissue():
    """Two cells one above the other in the same slab but for their rims, and one beside them."""
    regions = np.zeros(SHAPE, np.int32)
    for number, (centre, radius) in enumerate((((7, 14, 14), 2.5), ((10.5, 17, 14), 2.5), ((8, 16, 27), 4))):
        regions[ball(centre, radius) & (regions == 0)] = number + 1
    volume = 50 + 1000 * (regions > 0) + 150 * np.random.default_rng(0).random(SHAPE)
    return active_tissue(volume, regions, T, rate=2.0, seed=4)


@pytest.fixture(scope="module")
def clean(tissue):
    acquisition = Acquisition(step_length=N)
    return np.stack([simulate_projections(tissue.frame(t), acquisition) for t in range(T)])


@pytest.fixture(scope="module")
def frames(clean):
    unit = np.percentile(clean, 99.9) / PHOTONS
    return (np.random.default_rng(1).poisson(clean / unit) * unit).astype(np.float32)


def run(frames, tissue, regions="given", cancel=None, acquisition=None, **more):
    labels = tissue.regions if isinstance(regions, str) else regions
    video = Video(frames, 5.0, labels, **more)
    return list(
        reconstruct_video(
            video,
            acquisition or Acquisition(step_length=N),
            SETTINGS,
            reference=ReferenceStack(tissue.volume),
            cancel=cancel,
        )
    )


def correlations(light, activity):
    return np.array([np.corrcoef(a, b)[0, 1] for a, b in zip(light.T, activity.T, strict=True)])


def test_traces_follow_the_activity_and_tell_overlapping_cells_apart(frames, tissue):
    finished = run(frames, tissue)[-1]
    assert isinstance(finished, VideoFinished)
    found = correlations(finished.traces.light, tissue.activity)
    inside = [(tissue.regions == k + 1).reshape(3, N, *SHAPE[1:]) for k in range(3)]
    raw = np.stack([frames[:, 1][:, mask[1].any(0)].mean(1) for mask in inside], 1)
    assert found.min() > 0.9
    assert found[:2].min() > correlations(raw, tissue.activity)[:2].min()
    for trace, deviation, truth in zip(
        finished.traces.light.T, finished.traces.deviation.T, tissue.activity.T, strict=True
    ):
        # What noise leaves of a trace is about as large as its stated deviation.
        line = np.polyval(np.polyfit(truth, trace, 1), truth)
        assert 0.4 < np.std((trace - line) / deviation) < 2.5
    np.testing.assert_allclose(finished.traces.centres[2], (8, 16, 27), atol=0.6)


def test_every_frame_is_a_volume_that_shows_what_was_active(frames, tissue):
    ready = [event for event in run(frames, tissue) if isinstance(event, FrameReady)]
    assert [event.index for event in ready] == list(range(T))
    for event in ready[::7]:
        truth = tissue.frame(event.index)
        assert event.volume.shape == SHAPE
        assert np.corrcoef(event.volume.ravel(), truth.ravel())[0, 1] > 0.88
        seen = simulate_projections(event.volume, Acquisition(step_length=N))
        expected = simulate_projections(truth, Acquisition(step_length=N))
        assert np.abs(seen - expected).mean() < 0.5 * np.abs(frames[event.index] - expected).mean()


def test_activity_outside_all_regions_shows_where_it_is(clean, tissue):
    frames = clean.copy()
    frames[10, 1, 24:30, 4:10] *= 3
    events = run(frames, tissue)
    before, lit = (next(e for e in events if isinstance(e, FrameReady) and e.index == t) for t in (9, 10))
    there = (slice(N, 2 * N), slice(25, 29), slice(5, 9))
    assert lit.volume[there].mean() > 1.8 * before.volume[there].mean()


def test_regions_are_found_where_none_are_given(frames, tissue):
    events = run(frames, tissue, None)
    (structure,) = [event for event in events if isinstance(event, StructureReady)]
    assert structure.regions.shape == SHAPE
    assert 2 <= structure.regions.max() <= 8
    light = events[-1].traces.light
    beside = tissue.activity[:, 2]
    assert max(np.corrcoef(trace, beside)[0, 1] for trace in light.T if trace.std() > 0) > 0.9


def test_motion_is_corrected_and_told(clean, tissue):
    rng = np.random.default_rng(3)
    path = np.cumsum(rng.normal(0, 0.4, (T, 2)), axis=0)
    path[:20] = 0
    moved = np.stack([shift(f, (0, *by), order=3, mode="nearest") for f, by in zip(clean, path, strict=True)])
    noisy = rng.poisson(np.maximum(moved, 0) / 10) * 10.0
    finished = run(noisy, tissue)[-1]
    error = np.abs(finished.shifts[20:] - path[20:])
    assert np.median(error) < 0.2
    assert np.mean(error < 0.5) > 0.9
    assert "corrected" in moved_sentence(finished.shifts)
    assert not run(noisy, tissue, corrects_motion=False)[-1].shifts.any()


@pytest.mark.parametrize("optics", [{"axial_profile": (1.0,) * 10}, {"bend": 0.2}])
def test_any_beam_serves(tissue, optics):
    acquisition = Acquisition(step_length=N, **optics)
    frames = np.stack([simulate_projections(tissue.frame(t), acquisition) for t in range(12)])
    finished = run(frames, tissue, acquisition=acquisition)[-1]
    active = tissue.activity[:12].std(0) > 0.1
    assert active.any()
    found = correlations(finished.traces.light[:, active], tissue.activity[:12, active])
    assert found.min() > 0.9


@pytest.mark.parametrize("kind", [VideoProgress, StructureReady])
def test_stopped_before_the_first_frame_nothing_is_kept(kind, frames, tissue):
    token = CancelToken()
    events = reconstruct_video(
        Video(frames, 5.0, tissue.regions),
        Acquisition(step_length=N),
        SETTINGS,
        reference=ReferenceStack(tissue.volume),
        cancel=token,
    )
    next(event for event in events if isinstance(event, kind))
    token.stop()
    with pytest.raises(Cancelled, match="stopped before the first volume; nothing is kept"):
        list(events)


def test_it_stops_with_the_frames_that_are_done(frames, tissue):
    token = CancelToken()
    video = Video(frames, None, tissue.regions)
    reference = ReferenceStack(tissue.volume)
    done = 0
    for event in reconstruct_video(
        video, Acquisition(step_length=N), SETTINGS, reference=reference, cancel=token
    ):
        if isinstance(event, FrameReady):
            done += 1
            if done == 3:
                token.stop()
    assert event.stopped
    assert len(event.traces.light) == done == 3


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda frames, regions: (frames[0], regions), "at least 2 frames"),
        (lambda frames, regions: (frames, regions[1:]), "the shape of its volume"),
        (lambda frames, regions: (frames, regions - 1), "whole numbers"),
        (lambda frames, regions: (frames * np.nan, regions), "NaN"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(frames, tissue, change, words):
    frames, regions = change(frames, tissue.regions)
    with pytest.raises(UserError, match=words):
        run(frames, tissue, regions)
