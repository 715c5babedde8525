"""A stack (planes, rows, columns) inside an image layer of any number of axes."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .contributions import METADATA_KEY
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
        """The stack, as lazy as the layer's data are."""
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

    @property
    def known(self) -> dict[str, Any]:
        """What this plugin knows of the layer: step length, beam, path, notes, role."""
        return known_of(self.layer)


class Mean:
    """The mean over time points or repeated frames, of a plane or of all, made when it is asked for.

    Parameters
    ----------
    array : array_like
        With more than three axes, as lazy as it likes.
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


def known_of(layer: Any) -> dict[str, Any]:
    """What this plugin noted in a layer's metadata."""
    found = layer.metadata.get(METADATA_KEY)
    return found if isinstance(found, dict) else {}


def why_no_stack(layer: Any, planes: int = 2) -> str:
    """Why a layer is no stack of at least so many grey planes; nothing where it is one."""
    from napari.layers import Image

    if not isinstance(layer, Image):
        kind = type(layer).__name__.lower()
        return f"“{layer.name}” is a {kind} layer, not an image"
    if layer.rgb:
        return f"“{layer.name}” is a colour picture; split it into channels first"
    shape = array_of(layer).shape
    if len(shape) < 3:
        return f"“{layer.name}” is a single plane, not a stack"
    if shape[-3] < planes:
        return f"“{layer.name}” has {shape[-3]} plane{'s' * (shape[-3] != 1)}; at least {planes} are needed"
    if array_of(layer).dtype.kind not in "uif":
        return f"“{layer.name}” holds no intensities ({array_of(layer).dtype})"
    return ""
