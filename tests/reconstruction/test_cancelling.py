"""Ending a run: at every stage, at once, keeping nothing or keeping the best of every slab."""

import threading

import numpy as np
import pytest

from napari_microdiffusion.errors import Cancelled
from napari_microdiffusion.optics import ProjectionOperator
from napari_microdiffusion.reconstruction.engine import reconstruct
from napari_microdiffusion.reconstruction.events import (
    STAGES,
    CancelToken,
    Finished,
    Progress,
    SliceReady,
    StageStarted,
)
from napari_microdiffusion.reconstruction.result import describe_outcome


def until(run, token, stage, kind, act):
    """Listen until the first event of a kind in a stage, act, and give what still comes."""
    for event in run:
        if isinstance(event, kind) and event.stage == stage:
            act()
            break
    else:
        raise AssertionError(f"no {kind.__name__} in {stage}")
    return list(run)


@pytest.mark.parametrize("kind", [StageStarted, Progress])
@pytest.mark.parametrize("stage", STAGES)
def test_cancelling_at_any_stage_ends_with_cancelled(measurement, configure, stage, kind):
    token = CancelToken()
    config = configure(guide="inr", inr={"epochs": 3})
    run = reconstruct(measurement.projections, measurement.acquisition, config, cancel=token)
    with pytest.raises(Cancelled):
        until(run, token, stage, kind, token.cancel)
    assert token.cancelled
    assert list(run) == []


@pytest.mark.parametrize("stage", STAGES)
def test_after_cancelling_no_slice_comes(measurement, configure, stage):
    token = CancelToken()
    run = reconstruct(measurement.projections, measurement.acquisition, configure(), cancel=token)
    late = []
    with pytest.raises(Cancelled):
        for event in run:
            if token.cancelled and isinstance(event, (StageStarted, Finished)):
                late.append(event)
            if isinstance(event, StageStarted) and event.stage == stage:
                token.cancel()
    assert late == []


@pytest.mark.parametrize("stage", STAGES[1:])
def test_stopping_at_any_stage_keeps_the_best_of_every_slab(measurement, configure, stage):
    token = CancelToken()
    run = reconstruct(measurement.projections, measurement.acquisition, configure(), cancel=token)
    (*_, finished) = until(run, token, stage, StageStarted, token.stop)
    result = finished.result
    assert isinstance(finished, Finished)
    assert result.stopped
    assert result.provenance["stopped"] is True
    expected = {"guide": "preview", "posterior mean": "guide", "samples": "posterior mean"}
    assert set(result.reached) == {expected[stage]}
    assert result.uncertainty is None
    operator = ProjectionOperator(measurement.acquisition.profile)
    seen = operator.project(result.volume.astype(float))
    np.testing.assert_allclose(seen, measurement.projections, atol=1e-5 * np.ptp(seen))


def test_a_run_stopped_before_there_is_anything_keeps_nothing(measurement, configure):
    token = CancelToken()
    run = reconstruct(measurement.projections, measurement.acquisition, configure(), cancel=token)
    with pytest.raises(Cancelled, match="before there was anything to keep"):
        until(run, token, "preview", StageStarted, token.stop)


def test_a_finished_first_estimate_is_in_the_volume_before_the_diffusion_begins(measurement, configure):
    seen = set()
    for event in reconstruct(measurement.projections, measurement.acquisition, configure()):
        if isinstance(event, StageStarted) and event.stage == "posterior mean":
            break
        if isinstance(event, SliceReady) and event.stage == "guide":
            seen.add(event.z)
    assert seen == set(range(len(measurement.projections) * measurement.acquisition.step_length))


def test_a_run_stopped_half_way_keeps_what_each_slab_has_reached(measure, configure):
    measurement, token = measure(n=2, slabs=36, height=12, width=12), CancelToken()
    run = reconstruct(measurement.projections, measurement.acquisition, configure(), cancel=token)
    (*_, finished) = until(run, token, "posterior mean", Progress, token.stop)
    reached = finished.result.reached
    assert set(reached) == {"posterior mean", "guide"}
    later = reached.index("guide")
    assert reached == ["posterior mean"] * later + ["guide"] * (36 - later)
    alone = configure(diffusion="off", samples=0)
    (*_, guide) = reconstruct(measurement.projections, measurement.acquisition, alone)
    np.testing.assert_array_equal(finished.result.volume[2 * later :], guide.result.volume[2 * later :])
    assert np.abs(finished.result.volume[: 2 * later] - guide.result.volume[: 2 * later]).max() > 1
    words = describe_outcome(finished.result, None, None)
    assert f"the final volume of {later} slabs and the starting estimate of {36 - later} slabs" in words


def test_a_run_stopped_between_samples_keeps_the_uncertainty_of_those_drawn(measurement, configure):
    token = CancelToken()
    config = configure(samples=3)
    run = reconstruct(measurement.projections, measurement.acquisition, config, cancel=token)
    for event in run:
        if isinstance(event, SliceReady) and event.quantity == "uncertainty":
            token.stop()
    result = event.result
    assert result.stopped
    one = list(reconstruct(measurement.projections, measurement.acquisition, configure(samples=1)))[-1].result
    np.testing.assert_array_equal(result.uncertainty, one.uncertainty)
    np.testing.assert_array_equal(result.volume, one.volume)


def test_cancelling_wins_over_stopping(measurement, configure):
    token = CancelToken()
    token.stop()
    token.cancel()
    with pytest.raises(Cancelled):
        list(reconstruct(measurement.projections, measurement.acquisition, configure(), cancel=token))


def test_another_thread_can_cancel_in_the_middle_of_an_evaluation(measure, configure):
    # Large enough that the samples would take many seconds.
    # So many samples would take many seconds.
    measurement, token = measure(n=6, slabs=6, height=64, width=64), CancelToken()
    config = configure(samples=64, steps=16)
    run = reconstruct(measurement.projections, measurement.acquisition, config, cancel=token)
    timer, reported = threading.Timer(0.3, token.cancel), 0
    with pytest.raises(Cancelled):
        for event in run:
            if isinstance(event, StageStarted) and event.stage == "samples":
                timer.start()
            # How long it takes is measured by benchmarks/memory_and_time.py; here, that little more is done.
            reported += isinstance(event, Progress) and token.cancelled
    assert reported <= 1


def test_a_closed_run_leaves_quietly(measurement, configure):
    run = reconstruct(measurement.projections, measurement.acquisition, configure())
    next(run)
    run.close()
    assert list(run) == []
