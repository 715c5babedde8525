"""Volumes of a video on disk, however many there are: written one after the other, readable meanwhile."""

import tempfile
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO

import numpy as np

from ..errors import UserError
from ..io import missing_room


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

    def first(self, count: int) -> "StoredFrames":
        """The first volumes, to be written elsewhere plane by plane."""
        return StoredFrames(self._file, (count, *self.frames.shape[1:]))

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


@dataclass(frozen=True, eq=False)
class StoredFrames:
    """Volumes in a store, read as one (t, z, y, x), plane by plane.

    Read, not mapped: what is mapped counts as the memory of a process for as long as there is room.

    Attributes
    ----------
    file : binary file
    shape : tuple of int
        Frames, slices, rows, columns.
    """

    file: IO[bytes]
    shape: tuple[int, ...]

    dtype = np.dtype(np.float32)

    @property
    def nbytes(self) -> int:
        """Of the pixels."""
        return prod(self.shape) * self.dtype.itemsize

    def planes(self) -> Iterator[np.ndarray]:
        """Every slice, from the first of the first frame on."""
        size = prod(self.shape[2:]) * self.dtype.itemsize
        for index in range(self.shape[0] * self.shape[1]):
            self.file.seek(index * size)
            yield np.frombuffer(self.file.read(size), self.dtype).reshape(self.shape[2:])
