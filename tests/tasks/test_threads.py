"""The mailbox between two threads."""

import numpy as np

from napari_microdiffusion.reconstruction.events import Notice, Progress, Region, SliceReady
from napari_microdiffusion.tasks.threads import Mailbox

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
