"""A video that stays in its file: frames are read as the viewer or a run asks for them."""

import threading
import weakref
from contextlib import ExitStack
from dataclasses import replace
from os import PathLike
from typing import Any

import numpy as np

from ..io import ImageStack, open_image


class _Frames:
    """Frames (..., z, y, x) of an open file, one at a time; closes it when nobody holds them any more."""

    def __init__(self, image: ImageStack, file: ExitStack) -> None:
        self._image, self._lock = image, threading.Lock()
        weakref.finalize(self, file.close)

    def __call__(self, time: int) -> np.ndarray:
        # The viewer and a run read in different threads.
        with self._lock:
            return np.asarray(self._image.data[time])


def open_frames(
    path: str | PathLike[str], axes: str | None = None, position: int | str | None = None
) -> ImageStack:
    """Open an image as `io.read_image` does, but leave the frames of one with a time axis in the file.

    Their data are a dask array then, a piece a frame; the file is closed when the array goes.
    """
    import dask.array as da
    from dask.delayed import delayed

    with ExitStack() as opening:
        image = opening.enter_context(open_image(path, axes, position))
        if not image.axes.startswith("t"):
            return replace(image, data=np.asarray(image.data))
        # From here on whoever holds the frames keeps the file open.
        frames: Any = delayed(_Frames(image, opening.pop_all()), pure=False, traverse=False)
    shape, dtype = image.data.shape, image.data.dtype
    pieces = [da.from_delayed(frames(time), shape[1:], dtype) for time in range(shape[0])]
    return replace(image, data=da.stack(pieces))
