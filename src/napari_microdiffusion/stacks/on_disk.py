"""Images that stay in their files: parts are read as the viewer or a run asks for them."""

import weakref
from contextlib import ExitStack
from dataclasses import replace
from os import PathLike
from typing import Any

import numpy as np

from ..io import ImageStack, open_image, open_resolutions

LARGE = 500_000_000
"""Bytes of pixels from which an image is left in its file: what is smaller is read in a second or two, and
takes little of the memory of a machine on which volumes are reconstructed."""

# Pixels along y and along x, and of all axes, up to which pieces of a file are read together: each costs as
# much time by itself as the reading of many pixels.
_SIDE, _PIXELS = 1024, 2**23


class _Held:
    """Keeps a file open for as long as somebody holds this."""

    def __init__(self, file: ExitStack) -> None:
        weakref.finalize(self, file.close)


class _Parts:
    """The pixels of an open file, read as they are indexed, in any thread."""

    def __init__(self, pixels: Any, file: _Held) -> None:
        self._pixels, self._file = pixels, file
        self.shape, self.ndim, self.dtype = pixels.shape, pixels.ndim, pixels.dtype

    def __getitem__(self, part: Any) -> np.ndarray:
        return np.asarray(self._pixels[part])


def open_stack(
    path: str | PathLike[str], axes: str | None = None, position: int | str | None = None
) -> tuple[ImageStack, ...]:
    """Open an image as `io.read_image` does, but leave a `LARGE` one in its file.

    Of an OME-Zarr each of its resolutions is given, from the finest on. Their data are dask arrays then; the
    file is closed when all of them are gone. A smaller image is read, at its full resolution.
    """
    with ExitStack() as opening:
        found = opening.enter_context(open_resolutions(path, axes, position))
        if found[0].data.nbytes < LARGE:
            return (replace(found[0], data=np.asarray(found[0].data)),)
        file = _Held(opening.pop_all())
    return tuple(replace(image, data=_lazy(image.data, file, _piece(image.data))) for image in found)


def open_frames(
    path: str | PathLike[str], axes: str | None = None, position: int | str | None = None
) -> ImageStack:
    """Open an image as `io.read_image` does, but leave the frames of one with a time axis in the file.

    Their data are a dask array then, a piece a frame; the file is closed when the array goes.
    """
    with ExitStack() as opening:
        image = opening.enter_context(open_image(path, axes, position))
        if not image.axes.startswith("t"):
            return replace(image, data=np.asarray(image.data))
        file = _Held(opening.pop_all())
    return replace(image, data=_lazy(image.data, file, (1, *image.data.shape[1:])))


def _piece(pixels: Any) -> tuple[int, ...]:
    """Shape of what is read at once of an open file."""
    *before, rows, columns = pixels.pieces
    height, width = pixels.shape[-2:]
    while rows < min(height, _SIDE) and 2 * rows * columns * np.prod(before) <= _PIXELS:
        rows *= 2
    while columns < min(width, _SIDE) and 2 * rows * columns * np.prod(before) <= _PIXELS:
        columns *= 2
    return (*before, min(rows, height), min(columns, width))


def _lazy(pixels: Any, file: _Held, piece: tuple[int, ...]) -> Any:
    """A dask array of an open file, in pieces."""
    import dask.array as da

    return da.from_array(
        _Parts(pixels, file),
        chunks=piece,
        name=False,  # a file may change: what was read of it before is no longer what it holds
        meta=np.empty((0,) * pixels.ndim, pixels.dtype),
        inline_array=True,
    )
