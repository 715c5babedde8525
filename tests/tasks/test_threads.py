"""The mailbox between two threads, and how many threads a run takes."""

import threading

import numpy as np
import pytest

from napari_microdiffusion.reconstruction.events import CancelToken, Notice, Progress, Region, SliceReady
from napari_microdiffusion.tasks.threads import End, Mailbox, spare_threads, work

REGION = Region(0, 2, 0, 2)


def plane(z: int, value: float) -> SliceReady:
    return SliceReady(z, REGION, np.full((2, 2), value), "volume", "preview")


def test_mailbox_keeps_order_and_only_the_newest_of_a_slice():
    box = Mailbox()
    for event in (plane(0, 1.0), Notice("info", "first"), plane(1, 1.0), plane(0, 2.0)):
        box.put(event)
    for fraction in (0.5, 0.7):
        box.put(Progress("guide", fraction))
    taken = []
    while (event := box.take()) is not None:
        taken.append(event)
    assert taken[0] == Notice("info", "first")
    assert [event.z for event in taken if isinstance(event, SliceReady)] == [1, 0]
    assert taken[2].plane[0, 0] == 2.0
    assert [event.fraction for event in taken if isinstance(event, Progress)] == [0.7]


def test_a_machine_that_is_too_small_is_told_in_a_sentence():
    def too_much(_token):
        yield Notice("info", "first")
        raise MemoryError

    box = Mailbox()
    work(too_much, CancelToken(), box, None)
    assert box.take() == Notice("info", "first")
    end = box.take()
    assert isinstance(end, End) and "more memory" in end.message and end.defect is None


def test_the_first_slice_waits_until_the_window_has_made_its_layer():
    mailbox, order = Mailbox(), []

    def source(token):
        yield plane(0, 1.0)
        order.append("computes")
        yield plane(1, 1.0)
        order.append("goes on")

    thread = threading.Thread(target=work, args=(source, CancelToken(), mailbox, None))
    thread.start()
    while mailbox.take() is None:
        pass
    order.append("layer")
    mailbox.settle()
    thread.join()
    assert order == ["layer", "computes", "goes on"]


def test_nobody_waits_for_a_window_that_does_not_answer():
    mailbox = Mailbox()
    work(lambda token: iter([plane(0, 1.0), plane(1, 1.0)]), CancelToken(), mailbox, None)
    assert not mailbox.wait(0)
    assert [mailbox.take().z for _ in range(2)] == [0, 1]
    mailbox.settle()  # its end has not been taken
    assert not mailbox.wait(0)
    assert mailbox.take() == End()
    mailbox.settle()
    assert mailbox.wait(0)


@pytest.mark.parametrize(
    ("cores", "asked", "threads"),
    [(1, "", 1), (2, "", 2), (8, "", 7), (8, "3", 3), (8, "100", 7), (8, "0", 7), (8, "4,2", 7)],
)
def test_a_run_in_the_dock_leaves_a_core_and_takes_no_more_than_is_asked_for(
    monkeypatch, cores, asked, threads
):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(cores)), raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", asked)
    assert spare_threads() == threads
