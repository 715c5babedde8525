"""An image in an open file: what its header says, and the pixels once they are asked for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_microdiffusion.io.axes import CANONICAL
from napari_microdiffusion.io.formats.positions import Position
from napari_microdiffusion.io.metadata import FileMetadata


@dataclass(frozen=True)
class ImageSource:
    """What a format's own module finds in a file.

    Attributes
    ----------
    axes
        Letters out of "tczyx" in the order of the file, those of size 1 left out save y and x.
    shape
        Size of each of them.
    load
        Reads the pixels, with `axes` and in this machine's byte order; to be called while the file is open,
        in any thread. Takes by the letters of axes the part that is wanted: a slice without steps, or before
        the last two axes an index, which leaves the axis out. Of most files the rest is not read.
    metadata
        Scale, channels, and what this package wrote.
    dtype
        Type of the pixels.
    notes
        Sentences on what was assumed.
    sources
        All files and folders that the image is read from, or that belong to its set.
    positions, position
        The images of the file, where it holds several, and the index of this one.
    pieces
        Size of each of the axes of what is read at once: less takes as long. Empty where that is everything.
    coarser
        Gives the same image at coarser resolutions, where the file has them, from the finest on.
    """

    axes: str
    shape: tuple[int, ...]
    load: Callable[[Mapping[str, int | slice]], npt.NDArray[Any]]
    metadata: FileMetadata
    dtype: np.dtype[Any]
    notes: tuple[str, ...] = ()
    sources: frozenset[Path] = frozenset()
    positions: Sequence[Position] = ()
    position: int = 0
    pieces: tuple[int, ...] = ()
    coarser: Callable[[], Sequence["ImageSource"]] = tuple


class Pixels:
    """The pixels of an open file, with axes in canonical order, read as they are indexed.

    Parameters
    ----------
    source
        Of a file that stays open meanwhile.

    Attributes
    ----------
    pieces : tuple of int
        Size of each axis of what is read at once: less takes as long.
    """

    def __init__(self, source: ImageSource) -> None:
        self._source = source
        self.axes = "".join(axis for axis in CANONICAL if axis in source.axes)
        sizes = dict(zip(source.axes, source.shape, strict=True))
        self.shape = tuple(sizes[axis] for axis in self.axes)
        self.ndim = len(self.shape)
        self.dtype = source.dtype
        pieces = dict(zip(source.axes, source.pieces or source.shape, strict=True))
        self.pieces = tuple(pieces[axis] for axis in self.axes)

    @property
    def nbytes(self) -> int:
        """Bytes of all."""
        return prod(self.shape) * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> npt.NDArray[Any]:
        """A part, as NumPy would index it with whole numbers and slices."""
        keys = () if key is Ellipsis else key if isinstance(key, tuple) else (key,)
        keys = (*keys, *[slice(None)] * (self.ndim - len(keys)))
        at: dict[str, int | slice] = {}
        rest: list[Any] = []
        for axis, own, size in zip(self.axes, keys, self.shape, strict=True):
            if not isinstance(own, slice):
                if axis in self._source.axes[:-2]:
                    at[axis] = range(size)[own]
                else:
                    rest.append(own)
                continue
            part = range(size)[own]
            if part.step > 0 and 0 < len(part) < size:
                at[axis] = slice(part[0], part[-1] + 1)
                rest.append(slice(None, None, part.step))
            else:
                rest.append(own)
        loaded = self._source.load(at)
        gone = {axis for axis, part in at.items() if isinstance(part, int)}
        left = [axis for axis in self._source.axes if axis not in gone]
        data = loaded.transpose([left.index(axis) for axis in self.axes if axis not in gone])
        return data[tuple(rest)]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """All of it."""
        return np.asarray(self[...], dtype=dtype)
