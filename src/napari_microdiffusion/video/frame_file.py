"""Volumes of a video that wait on disk until all are there."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(eq=False)
class FrameFile:
    """Volumes one after the other in a file of their own, read as one (t, z, y, x), plane by plane.

    Read and written, not mapped: what is mapped counts as the memory of a process for as long as it is free.

    Attributes
    ----------
    path : Path
    size : tuple of int
        Of one volume.
    count : int
        Volumes that are there.
    """

    path: Path
    size: tuple[int, ...]
    count: int = 0

    dtype = np.dtype(np.float32)

    def append(self, volume: np.ndarray) -> None:
        """Add the next volume."""
        with self.path.open("ab") as file:
            np.ascontiguousarray(volume, self.dtype).tofile(file)
        self.count += 1

    @property
    def shape(self) -> tuple[int, ...]:
        """Frames, slices, rows and columns."""
        return (self.count, *self.size)

    @property
    def nbytes(self) -> int:
        """Of the pixels."""
        return int(np.prod(self.shape)) * self.dtype.itemsize

    def planes(self) -> Iterator[np.ndarray]:
        """Every slice, from the first of the first frame on."""
        pixels = int(np.prod(self.size[1:]))
        with self.path.open("rb") as file:
            for _ in range(self.count * self.size[0]):
                yield np.fromfile(file, self.dtype, pixels).reshape(self.size[1:])
