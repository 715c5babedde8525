"""A stack (planes, rows, columns) inside an image layer of any number of axes."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .metadata import known_of
from .placement import Placement


@dataclass(frozen=True, eq=False)
class Stack:
    """A stack (Z, H, W) inside a layer.

    Attributes
    ----------
    layer : napari.layers.Image
    chosen : tuple of int or None
        Index along each axis before the last three; None for the mean over it.
    """

    layer: Any
    chosen: tuple[int | None, ...] = ()

    @property
    def data(self) -> Any:
        """The stack, lazy where the layer's data are."""
        array = array_of(self.layer)
        if None not in self.chosen:
            return array[self.chosen] if self.chosen else array
        # The mean over time points or repeated frames, of a plane when it is asked for.
        part = planewise(array)[tuple(slice(None) if index is None else index for index in self.chosen)]
        return part.mean(axis=tuple(range(part.ndim - 3)), dtype=np.float64).astype(np.float32)

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

    def describe(self, planes: str) -> str:
        """The stack in words, as in "16 slabs of 100 × 100 · 6 × 1 × 1 µm · uint16"."""
        count, height, width = self.shape
        voxel, kind = self.placement.describe_voxel(), self.layer.dtype
        return f"{count} {planes} of {height} × {width} · {voxel} · {kind}"

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


def planewise(array: Any) -> Any:
    """An array as a dask array that is read plane by plane."""
    import dask.array as da

    if isinstance(array, da.Array):
        return array
    return da.from_array(array, chunks=(*array.shape[:-3], 1, *array.shape[-2:]))


def array_of(layer: Any) -> Any:
    """The layer's data; of several resolutions the finest."""
    return layer.data[0] if layer.multiscale else layer.data
