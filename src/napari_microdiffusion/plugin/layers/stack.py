"""A stack (planes, rows, columns) inside an image layer of any number of axes."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .metadata import known_of
from .placement import Placement

if TYPE_CHECKING:
    from napari.layers import Image


@dataclass(frozen=True, eq=False)
class Stack:
    """A stack (Z, H, W) inside a layer.

    Attributes
    ----------
    layer : napari.layers.Image
    chosen : tuple of int or None
        Index along each axis before the last three; None for the mean over it.
    """

    layer: "Image"
    chosen: tuple[int | None, ...] = ()

    @property
    def data(self) -> Any:
        """The stack, lazy where the layer's data are."""
        array = array_of(self.layer)
        if None in self.chosen:
            return Mean(array, self.chosen)
        return array[self.chosen] if self.chosen else array

    @property
    def shape(self) -> tuple[int, int, int]:
        """Planes, rows, columns."""
        planes, height, width = array_of(self.layer).shape[-3:]
        return int(planes), int(height), int(width)

    @property
    def name(self) -> str:
        """The layer's name with what was chosen."""
        marks = "".join(" mean" if index is None else f" {index}" for index in self.chosen)
        return f"{self.layer.name}{marks}"

    @property
    def placement(self) -> Placement:
        """Where the stack lies."""
        return Placement.of_layer(self.layer)

    def is_same_as(self, other: "Stack") -> bool:
        """Whether another stack is the same part of the same data."""
        mine, theirs = (
            (self.layer, self.layer.data, self.chosen),
            (other.layer, other.layer.data, other.chosen),
        )
        return mine[0] is theirs[0] and mine[1] is theirs[1] and mine[2] == theirs[2]

    @property
    def known(self) -> dict[str, Any]:
        """What this plugin knows of the layer: step length, beam, path, notes, role."""
        return known_of(self.layer)


class Mean:
    """The mean over time points or repeated frames, of a plane or of all, made when it is asked for.

    Parameters
    ----------
    array : array_like
        With more than three axes; may be lazy (dask, memory-mapped).
    chosen : tuple of int or None
        Index along each axis before the last three; None for the axes to take the mean over.
    """

    def __init__(self, array: Any, chosen: tuple[int | None, ...]) -> None:
        self._array = array
        self._chosen = tuple(slice(None) if index is None else index for index in chosen)
        self.shape = tuple(int(size) for size in array.shape[-3:])
        self.ndim, self.dtype = 3, np.dtype(np.float32)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, plane: Any) -> np.ndarray:
        """Planes, as an array."""
        keys = plane if isinstance(plane, tuple) else (plane,)
        part = np.asarray(self._array[(*self._chosen, *keys)])
        over = tuple(range(sum(isinstance(key, slice) for key in self._chosen)))
        return np.asarray(part.mean(axis=over, dtype=np.float64), np.float32)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """All of it; in the job's thread, since it may be long."""
        whole = self[:]
        return whole if dtype is None else whole.astype(dtype, copy=False)


def array_of(layer: "Image") -> Any:
    """The layer's data; of several resolutions the finest."""
    return layer.data[0] if layer.multiscale else layer.data
