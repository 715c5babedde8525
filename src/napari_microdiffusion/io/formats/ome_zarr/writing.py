"""Images into OME-Zarr folders."""

from collections.abc import Mapping, Sequence
from itertools import islice
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from napari_microdiffusion.io.metadata import Scale

_VOXELS_PER_CHUNK = 2**21


def write_zarr_image(
    folder: Path,
    array: Any,
    axes: str,
    spacing: Scale | None,
    unit: str,
    channels: Sequence[str],
    items: Mapping[str, str],
    origin: Scale | None = None,
) -> None:
    """Write an image as OME-Zarr 0.4, which most programs read, at its full resolution alone.

    Parameters
    ----------
    folder
        Exists, and is empty.
    array
        Pixels with `axes`, letters out of "tczyx"; or what gives its `planes` one after the other.
    spacing
        (z, y, x) in `unit`, "um" or "pixel"; None for one that is not known.
    channels
        Names of the channels.
    items
        Attributes of our own.
    origin
        Centre of the first voxel (z, y, x) in `unit`; None for zero.
    """
    import zarr

    lengths = dict(zip("zyx", spacing or (1.0, 1.0, 1.0), strict=True))
    named: list[dict[str, str]] = []
    for letter in axes:
        kind = {"t": "time", "c": "channel"}.get(letter, "space")
        length = {"unit": "micrometer"} if kind == "space" and spacing is not None and unit == "um" else {}
        named.append({"name": letter, "type": kind, **length})
    scale = [float(lengths.get(letter, 1.0)) for letter in axes]
    transforms: list[dict[str, Any]] = [{"type": "scale", "scale": scale}]
    if origin is not None:
        place = dict(zip("zyx", origin, strict=True))
        transforms.append({"type": "translation", "translation": [place.get(letter, 0.0) for letter in axes]})
    dataset = {"path": "0", "coordinateTransformations": transforms}
    attributes: dict[str, Any] = {
        "multiscales": [{"version": "0.4", "name": "image", "axes": named, "datasets": [dataset]}],
        **items,
    }
    if channels:
        attributes["omero"] = {"version": "0.4", "channels": [{"label": name} for name in channels]}
    group = zarr.create_group(store=folder, zarr_format=2, attributes=attributes, overwrite=True)
    stored = group.create_array(
        "0",
        shape=array.shape,
        dtype=array.dtype,
        chunks=_chunks(array.shape, axes),
        chunk_key_encoding={"name": "v2", "separator": "/"},
        # A chunk that is not there is a lost one to whoever reads.
        config={"write_empty_chunks": True},
    )
    if not hasattr(array, "planes"):
        stored[...] = array
        return
    planes, depth, slices = array.planes(), stored.chunks[-3], array.shape[-3]
    for before in np.ndindex(*array.shape[:-3]):
        for first in range(0, slices, depth):
            # Whole chunks, each written once.
            part = np.stack(list(islice(planes, min(depth, slices - first))))
            stored[(*before, slice(first, first + len(part)))] = part


def _chunks(shape: Sequence[int], axes: str) -> tuple[int, ...]:
    """Whole planes up to 1024 pixels wide, several of them while they are small; one channel, one time."""
    plane = [min(shape[axes.index(letter)], 1024) for letter in "yx"]
    depth = max(1, _VOXELS_PER_CHUNK // prod(plane))
    sizes = {"y": plane[0], "x": plane[1], "z": depth}
    return tuple(min(sizes.get(letter, 1), size) for letter, size in zip(axes, shape, strict=True))
