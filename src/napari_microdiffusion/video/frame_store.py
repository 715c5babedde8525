"""Volumes of a video on disk, however many there are: written one after the other, readable meanwhile."""

import tempfile
import weakref
from collections.abc import Iterator
from functools import partial
from math import prod
from pathlib import Path

import numpy as np

from ..errors import UserError
from ..io import Planes, missing_room


class FrameStore:
    """Room for T volumes in a file without a name, which goes when nobody reads it any more.

    Written as a file rather than through memory: a disk that is full is then told as an error, where a
    mapped page would end the program.

    Parameters
    ----------
    shape : tuple of int
        Frames, slices, rows, columns.
    folder : Path, optional
        Where it lies; the system's folder for temporary files where None.

    Attributes
    ----------
    frames : ndarray, shape (T, Z, H, W), float32
        What has been written, else zero; read from disk as it is indexed.

    Raises
    ------
    UserError
        Where there is no such folder, or no room in it.
    """

    def __init__(self, shape: tuple[int, int, int, int], folder: Path | None = None) -> None:
        self._place = Path(folder or tempfile.gettempdir())
        size = 4 * prod(shape)
        try:
            why = missing_room("a video", size, self._place, "choose a folder on another disk")
            self._file = tempfile.TemporaryFile(dir=self._place)  # noqa: SIM115 - open as long as it is read
            weakref.finalize(self, self._file.close)
            self._file.truncate(size)
        except OSError as error:
            raise UserError(
                f"{self._place} cannot hold the volumes ({error.strerror or error}); choose another folder"
            ) from error
        if why:
            raise UserError(why)
        self.frames = np.memmap(self._file, np.float32, "r", shape=shape)

    def first(self, count: int) -> Planes:
        """The first volumes, (t, z, y, x), to be written elsewhere plane by plane."""
        shape = (count, *self.frames.shape[1:])
        return Planes(shape, self.frames.dtype, partial(self._planes, count * shape[1]))

    def _planes(self, count: int) -> Iterator[np.ndarray]:
        """The first slices. Read, not mapped: what is mapped counts as the memory of a process."""
        height, width = self.frames.shape[2:]
        size = height * width * self.frames.dtype.itemsize
        for index in range(count):
            self._file.seek(index * size)
            yield np.frombuffer(self._file.read(size), self.frames.dtype).reshape(height, width)

    def write(self, index: int, volume: np.ndarray) -> None:
        """Write the volume of one frame.

        Raises
        ------
        UserError
            Where the disk refuses.
        """
        values = np.ascontiguousarray(volume, np.float32)
        try:
            self._file.seek(index * values.nbytes)
            self._file.write(values.data)
            self._file.flush()
        except OSError as error:
            raise UserError(
                f"frame {index} could not be written in {self._place}: {error.strerror or error}"
            ) from error
