"""Threads and their events, without a viewer."""

import threading
import time

import numpy as np
import pytest

from napari_microdiffusion.errors import RunFailed, UserError
from napari_microdiffusion.plugin.jobs.job import Job
from napari_microdiffusion.reconstruction.events import Notice, Progress, Region, SliceReady

REGION = Region(0, 2, 0, 2)


def plane(z: int, value: float) -> SliceReady:
    return SliceReady(z, REGION, np.full((2, 2), value), "volume", "preview")


@pytest.fixture
def job(qapp):
    made = Job()
    yield made
    made.abandon()


@pytest.fixture
def end_of(job, qtbot):
    """Runs a source to its end and gives the events and the end."""

    def run(source):
        events = []
        job.arrived.connect(events.append)
        with qtbot.waitSignal(job.ended, timeout=10_000) as signal:
            job.start(source)
        return events, signal.args[0]

    return run


def test_events_come_in_the_gui_thread_and_are_made_in_another(end_of):
    made_in = []

    def source(_cancel):
        made_in.append(threading.current_thread())
        yield Notice("info", "hello")

    events, end = end_of(source)
    assert events == [Notice("info", "hello")]
    assert made_in[0] is not threading.main_thread()
    assert not end.cancelled
    assert end.message == ""


@pytest.mark.parametrize("error", [UserError("the file is empty"), RunFailed("the file is empty")])
def test_an_expected_error_is_one_sentence(end_of, error):
    def source(_cancel):
        raise error
        yield

    _, end = end_of(source)
    assert end.message == "The file is empty."
    assert end.defect is None


def test_a_runtime_error_is_heard_of_as_a_defect(end_of):
    def source(_cancel):
        yield Notice("info", "hello")
        raise RuntimeError("lost")

    _, end = end_of(source)
    assert isinstance(end.defect, RuntimeError)


def test_cancelling_ends_the_stream(job, qtbot):
    def source(cancel):
        while True:
            cancel.check()
            time.sleep(0.01)
            yield Progress("guide", 0.1)

    job.start(source)
    with qtbot.waitSignal(job.ended, timeout=2000) as signal:
        job.cancel()
    assert signal.args[0].cancelled
    assert not job.is_running


def test_one_stream_at_a_time(job):
    def source(cancel):
        while not cancel.cancelled:
            time.sleep(0.01)
            yield Progress("guide", 0.1)

    job.start(source)
    with pytest.raises(RuntimeError):
        job.start(source)


def test_the_window_gets_its_turn_while_events_pour_in(job, qtbot):
    def source(_cancel):
        for z in range(400):
            yield plane(z, 1.0)

    handled, batches = [], [0]

    def slow(event):
        handled.append(event)
        time.sleep(0.001)

    job.arrived.connect(slow)
    job.flushed.connect(lambda: batches.append(len(handled)))
    with qtbot.waitSignal(job.ended, timeout=20_000):
        job.start(source)
    assert len(handled) == 400
    # At a millisecond each, a batch holds at most what fits into its time.
    assert max(np.diff(batches)) <= 25


def test_cancelling_is_heard_of_at_once_though_the_thread_is_busy(job, qtbot):
    left = []

    def source(_cancel):
        yield Notice("info", "busy now")
        time.sleep(1.0)
        left.append(True)
        yield Notice("info", "too late")

    events = []
    job.arrived.connect(events.append)
    job.start(source)
    qtbot.waitUntil(lambda: len(events) == 1)
    with qtbot.waitSignal(job.ended, timeout=500) as signal:
        job.cancel()
    assert signal.args[0].cancelled
    assert not left

    def second(_cancel):
        yield Notice("info", str(left))

    # The next one waits for the thread, and hears nothing of the cancelled one.
    with qtbot.waitSignal(job.ended, timeout=5000):
        job.start(second)
    assert [event.text for event in events] == [
        "busy now",
        "Waiting for the cancelled run to end",
        "[True]",
    ]


def test_stopping_while_the_cancelled_run_is_waited_for_keeps_nothing_and_is_no_defect(job, qtbot):
    busy, gone_on = threading.Event(), []

    def first(_cancel):
        yield Notice("info", "busy now")
        busy.wait(10)

    def second(_cancel):
        gone_on.append(True)
        yield Notice("info", "never")

    events = []
    job.arrived.connect(events.append)
    job.start(first)
    qtbot.waitUntil(lambda: len(events) == 1)
    job.cancel()
    qtbot.waitUntil(lambda: not job.is_running)
    with qtbot.waitSignal(job.ended, timeout=5000) as signal:
        job.start(second)
        job.stop()
    busy.set()
    assert signal.args[0].cancelled
    assert signal.args[0].message == "The run was stopped before it began."
    assert signal.args[0].defect is None
    assert not gone_on
