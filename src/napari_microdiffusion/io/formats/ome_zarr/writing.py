"""Images into OME-Zarr folders."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import cycle, product
from math import prod
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from napari_microdiffusion.io.formats.ome_zarr.pyramid import halved, shapes_of_resolutions
from napari_microdiffusion.io.formats.ome_zarr.transfers import nothing_left_running
from napari_microdiffusion.io.metadata import Scale

ZarrKind = Literal["0.4", "0.5", "0.5-sharded"]
"""Version of OME-Zarr, and whether many chunks lie together in one file."""

# Of the channels, as the reader colours their layers.
_COLOURS = ("00FF00", "FF00FF", "00FFFF", "FFFF00", "FF0000", "0000FF")

_CHUNK_SIDE, _CHUNK_VOXELS = 1024, 2**21
# Small enough to be fetched one by one, in files large enough to be few.
_INNER_CHUNK_SIDE, _INNER_CHUNK_VOXELS = 256, 2**18
_SHARD_SIDE, _SHARD_VOXELS = 2048, 2**24


@nothing_left_running()
def write_zarr_image(
    folder: Path,
    array: Any,
    axes: str,
    spacing: Scale | None,
    unit: str,
    channels: Sequence[str],
    items: Mapping[str, str],
    origin: Scale | None = None,
    kind: ZarrKind = "0.4",
    with_pyramid: bool = True,
) -> None:
    """Write an image as OME-Zarr, at its full resolution and, where it is large, at coarser ones.

    Parameters
    ----------
    folder
        Exists, and is empty.
    array
        Pixels with `axes`, letters out of "tczyx"; or what gives its `planes` one after the other.
    spacing
        (z, y, x) in `unit`, "um" or "pixel"; None for one that is not known.
    channels
        Names of the channels, of pixels that lie in memory.
    items
        Attributes of our own.
    origin
        Centre of the first voxel (z, y, x) in `unit`; None for zero.
    kind
        Version 0.4 is what most programs read.
    with_pyramid
        False for an image of labels, whose means mean nothing.
    """
    import zarr

    newer = kind != "0.4"
    shapes = shapes_of_resolutions(array.shape) if with_pyramid else [tuple(array.shape)]
    attributes = _attributes(axes, len(shapes), spacing, unit, origin, newer)
    if channels and "c" in axes:
        by_channel = np.moveaxis(array, axes.index("c"), 0)
        omero = {"channels": [_channel(*each) for each in zip(channels, cycle(_COLOURS), by_channel)]}
        (attributes["ome"] if newer else attributes)["omero"] = omero
    group = zarr.create_group(
        store=folder, zarr_format=3 if newer else 2, attributes={**attributes, **items}, overwrite=True
    )
    planes = array.planes() if hasattr(array, "planes") else array.reshape(-1, *array.shape[-2:])
    finer: Any = None
    for level, shape in enumerate(shapes):
        chunks = _chunks(shape, axes, kind)
        stored = group.create_array(
            str(level),
            shape=shape,
            dtype=array.dtype,
            chunks=chunks,
            shards=_shards(shape, chunks) if kind == "0.5-sharded" else None,
            chunk_key_encoding={"name": "default" if newer else "v2", "separator": "/"},
            dimension_names=list(axes) if newer else None,
            # A chunk that is not there is a lost one to whoever reads.
            config={"write_empty_chunks": True},
        )
        _fill(stored, planes if finer is None else map(halved, _planes(finer)))
        finer = stored


def _attributes(
    axes: str,
    count: int,
    spacing: Scale | None,
    unit: str,
    origin: Scale | None,
    newer: bool,
) -> dict[str, Any]:
    """Return what the specification asks for, of so many resolutions."""
    named: list[dict[str, str]] = []
    for letter in axes:
        kind = {"t": "time", "c": "channel"}.get(letter, "space")
        length = {"unit": "micrometer"} if kind == "space" and spacing is not None and unit == "um" else {}
        named.append({"name": letter, "type": kind, **length})
    datasets = [
        {"path": str(level), "coordinateTransformations": _transforms(axes, 2**level, spacing, origin)}
        for level in range(count)
    ]
    image = {"name": "image", "axes": named, "datasets": datasets, **({"type": "mean"} if count > 1 else {})}
    if newer:
        return {"ome": {"version": "0.5", "multiscales": [image]}}
    return {"multiscales": [{"version": "0.4", **image}]}


def _channel(name: str, colour: str, pixels: npt.NDArray[Any]) -> dict[str, Any]:
    """Return how a channel is to be shown: viewers ask for a colour and for contrast limits."""
    values = pixels[np.isfinite(pixels)]
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
    window = {"min": low, "max": high, "start": low, "end": high if high > low else low + 1}
    return {"label": name, "color": colour, "active": True, "window": window}


def _transforms(axes: str, factor: int, spacing: Scale | None, origin: Scale | None) -> list[dict[str, Any]]:
    """Return scale and translation of a resolution whose pixels are `factor` wide and high."""
    fine = dict(zip("zyx", spacing or (1.0, 1.0, 1.0), strict=True))
    first = dict(zip("zyx", origin or (0.0, 0.0, 0.0), strict=True))
    factors = {"y": factor, "x": factor}
    scale = [float(fine.get(letter, 1.0)) * factors.get(letter, 1) for letter in axes]
    transforms: list[dict[str, Any]] = [{"type": "scale", "scale": scale}]
    if origin is not None or factor > 1:
        # The centre of a coarse pixel lies between those of the fine ones.
        place = [
            first.get(letter, 0.0) + fine.get(letter, 0.0) * (factors.get(letter, 1) - 1) / 2
            for letter in axes
        ]
        transforms.append({"type": "translation", "translation": place})
    return transforms


def _chunks(shape: Sequence[int], axes: str, kind: ZarrKind) -> tuple[int, ...]:
    """Whole planes while they are small, several of them while they are smaller; one channel, one time."""
    sharded = kind == "0.5-sharded"
    side, voxels = (_INNER_CHUNK_SIDE, _INNER_CHUNK_VOXELS) if sharded else (_CHUNK_SIDE, _CHUNK_VOXELS)
    rows, columns = (min(size, side) for size in shape[-2:])
    sizes = {"y": rows, "x": columns, "z": max(1, voxels // (rows * columns))}
    return tuple(min(sizes.get(letter, 1), size) for letter, size in zip(axes, shape, strict=True))


def _shards(shape: Sequence[int], chunks: Sequence[int]) -> tuple[int, ...]:
    """How much lies in one file, in whole chunks: planes, then slices of them, then channels and times."""
    shards: list[int] = []
    room = _SHARD_VOXELS
    for place in reversed(range(len(shape))):
        size, chunk = shape[place], chunks[place]
        most = _SHARD_SIDE if place >= len(shape) - 2 else room
        length = chunk * max(1, min(-(-size // chunk), most // chunk))
        # Planes follow one another in the order of the axes: several of one axis only with all of the next.
        room = room // length if length >= size or place >= len(shape) - 2 else 0
        shards.insert(0, length)
    return tuple(shards)


def _parts(shape: Sequence[int], unit: Sequence[int]) -> Iterator[tuple[slice, ...]]:
    """Parts of whole planes, each as many as a unit has, in the order of the planes."""
    sizes, steps = shape[:-2], unit[:-2]
    for corner in product(*(range(0, size, step) for size, step in zip(sizes, steps, strict=True))):
        yield tuple(
            slice(first, min(first + step, size))
            for first, step, size in zip(corner, steps, sizes, strict=True)
        )


def _fill(stored: Any, planes: Iterable[npt.NDArray[Any]]) -> None:
    """Write planes one after the other, each file once."""
    following = iter(planes)
    for part in _parts(stored.shape, stored.shards or stored.chunks):
        lengths = [along.stop - along.start for along in part]
        together = np.empty((prod(lengths), *stored.shape[-2:]), stored.dtype)
        for place, plane in zip(together, following, strict=False):
            place[...] = plane
        stored[part] = together.reshape(*lengths, *stored.shape[-2:])


def _planes(stored: Any) -> Iterator[npt.NDArray[Any]]:
    """Every plane of a stored array, a few chunks at a time."""
    for part in _parts(stored.shape, stored.chunks):
        yield from stored[part].reshape(-1, *stored.shape[-2:])
