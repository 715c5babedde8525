"""Keeps Python itself from holding up the window while a run is on.

Python's lock goes from thread to thread every 5 ms; drawing lets it go at each call of OpenGL, so that a
picture would wait for hundreds of them while the run imports torch. And napari searches all objects of the
program for garbage whenever a layer is removed, as Python does now and then: a fifth of a second each time,
with napari, Qt and torch among them. What is older than the run is exempted; the layers that the run makes
are found.
"""

import gc
import os
import sys

SWITCH_S = 0.0005
# On Windows napari's search keeps drivers from crashing, however old a layer is.
_CAN_EXEMPT = os.name != "nt"
_in_force: set["Precedence"] = set()


class Precedence:
    """In force from its making until `end`; several may be at once."""

    def __init__(self) -> None:
        # Of several the first one found what Python had before.
        self._before: float = next((other._before for other in _in_force), sys.getswitchinterval())
        if not _in_force:
            sys.setswitchinterval(SWITCH_S)
            if _CAN_EXEMPT:
                gc.freeze()
        _in_force.add(self)

    def end(self) -> None:
        """Leave Python as it was, unless another is in force."""
        if self in _in_force:
            _in_force.remove(self)
            if not _in_force:
                sys.setswitchinterval(self._before)
                if _CAN_EXEMPT:
                    gc.unfreeze()


def free_old_layer() -> None:
    """Free at once what a layer held that was removed while something runs."""
    if _CAN_EXEMPT and _in_force:
        gc.unfreeze()
        gc.collect()
