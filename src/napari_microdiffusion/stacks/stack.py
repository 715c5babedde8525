"""A stack (planes, rows, columns) inside an image layer of any number of axes."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .lazy import apart, for_viewer, is_lazy
from .metadata import known_of
from .parts import Part
from .placement import Placement

# Squares along the shorter side of a plane of a checkerboard.
_SQUARES = 8


@dataclass(frozen=True, eq=False)
class Stack:
    """A stack (Z, H, W) inside a layer.

    Attributes
    ----------
    layer : napari.layers.Image
    chosen : tuple of int or None
        Index along each axis before the last three; None for the mean over it.
    part : tuple of two slices, optional
        Rows and columns of it; all where None.
    """

    layer: Any
    chosen: tuple[int | None, ...] = ()
    part: Part | None = None

    @property
    def data(self) -> Any:
        """The stack, lazy where the layer's data are, to be read in any thread."""
        return apart(self._data)

    @property
    def _data(self) -> Any:
        array = array_of(self.layer)
        if self.part is not None:
            array = array[(..., *self.part)]
        if None not in self.chosen:
            return array[self.chosen] if self.chosen else array
        # The mean over time points or repeated frames, of a plane when it is asked for.
        part = planewise(array)[tuple(slice(None) if index is None else index for index in self.chosen)]
        return part.mean(axis=tuple(range(part.ndim - 3)), dtype=np.float64).astype(np.float32)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Planes, rows, columns."""
        planes, height, width = array_of(self.layer).shape[-3:]
        if self.part is not None:
            height, width = (side.stop - side.start for side in self.part)
        return int(planes), int(height), int(width)

    @property
    def name(self) -> str:
        """The layer's name with what was chosen."""
        marks = "".join(" mean" if index is None else f" {index}" for index in self.chosen)
        return f"{self.layer.name}{marks}{'' if self.part is None else ' part'}"

    def describe(self, planes: str) -> str:
        """The stack in words, as in "16 slabs of 100 × 100 · 6 × 1 × 1 µm · uint16"."""
        count, height, width = self.shape
        voxel, kind = self.placement.describe_voxel(), self.layer.dtype
        return f"{count} {planes} of {height} × {width} · {voxel} · {kind}"

    @property
    def placement(self) -> Placement:
        """Where the stack lies."""
        whole = Placement.of_layer(self.layer)
        return whole if self.part is None else whole.of_part(0, *(side.start for side in self.part))

    def is_same_as(self, other: "Stack | None") -> bool:
        """Whether another stack is the same part of the same data."""
        if other is None:
            return False
        mine, theirs = (
            (self.layer, self.layer.data, self.chosen, self.part),
            (other.layer, other.layer.data, other.chosen, other.part),
        )
        return mine[0] == theirs[0] and mine[1] is theirs[1] and mine[2:] == theirs[2:]

    @property
    def known(self) -> dict[str, Any]:
        """What this plugin knows of the layer: step length, beam, path, notes, role."""
        return known_of(self.layer)


def planewise(array: Any) -> Any:
    """An array as a dask array that is read plane by plane."""
    import dask.array as da

    array = for_viewer(array)
    if isinstance(array, da.Array):
        return array
    return da.from_array(array, chunks=(*array.shape[:-3], 1, *array.shape[-2:]))


def array_of(layer: Any) -> Any:
    """The layer's data; of several resolutions the finest."""
    return layer.data[0] if layer.multiscale else layer.data


def coarse_array_of(layer: Any) -> Any:
    """The layer's data at the coarsest resolution that has all slices."""
    levels = layer.data if layer.multiscale else [layer.data]
    depth = levels[0].shape[-3]
    return next(level for level in reversed(levels) if level.shape[-3] == depth)


def curtain_column(width: int, position: float) -> int:
    """The first column right of a curtain that hangs at a position, 0 at the left to 1 at the right."""
    return round(position * width)


def mixed(first: Any, second: Any, pattern: str, position: float = 0.5) -> Any:
    """Two volumes on one grid in one picture, made plane by plane as the viewer asks for it.

    Parameters
    ----------
    first, second : array_like, shape (at least Z, H, W)
        `first` is left of the curtain; where one is longer, its last planes are left out.
    position : float
        Where the curtain hangs, 0 at the left to 1 at the right.

    Returns
    -------
    dask array, shape (Z, H, W), float32
    """
    import dask.array as da

    depth = min(len(first), len(second))
    height, width = first.shape[1:]
    y, x = np.ogrid[:height, :width]
    if pattern == "curtain":
        is_first = np.broadcast_to(x < curtain_column(width, position), (height, width))
    else:
        side = max(1, min(height, width) // _SQUARES)
        is_first = (y // side + x // side) % 2 == 0
    volumes = [planewise(volume)[:depth].astype(np.float32) for volume in (first, second)]
    return da.where(is_first, *volumes)


def planes_of(volume: Any) -> Iterator[np.ndarray]:
    """The planes of a volume (..., z, y, x), from the first to the last; in any thread."""
    volume = apart(volume)
    if len(volume.shape) > 3:
        for part in volume:
            yield from planes_of(part)
        return
    # Of what lies in a file several planes may be read at once.
    step = max(volume.chunks[0]) if is_lazy(volume) else 1
    for first in range(0, len(volume), step):
        yield from np.asarray(volume[first : first + step])
