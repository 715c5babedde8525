"""The chunks of a Zarr array: which are there, and what is read where they are not."""

import os
from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io.formats.ome_zarr.folders import array_header

# Beyond, looking for each would take longer than reading them.
_MOST_CHUNKS = 5_000_000


def missing_chunks(place: Path, name: str) -> list[str]:
    """Return a note on planes of which no chunk is there: they are read as one value.

    Parameters
    ----------
    place
        Folder of the array; its last two axes are those of a plane.
    name
        Of the image, for the messages.

    Raises
    ------
    UserError
        Where none of the chunks is there.
    """
    header = array_header(place)
    shape = [int(size) for size in header["shape"]]
    chunks, separator, prefix = _grid(header)
    counts = [-(-size // chunk) for size, chunk in zip(shape, chunks, strict=True)]
    if not 0 < prod(counts) <= _MOST_CHUNKS:
        return []
    there = np.zeros(counts, bool)
    for index in _stored(place, separator, prefix, len(shape)):
        if all(number < count for number, count in zip(index, counts, strict=True)):
            there[index] = True
    if not there.any():
        raise UserError(f"{name} holds no pixels: none of its {there.size} chunks is there; copy it again.")
    planes = there.any(axis=(-2, -1)) if len(shape) > 2 else there.any()
    weights = np.ones(1, int)
    for size, chunk in zip(shape[:-2], chunks[:-2], strict=True):
        edges = [min(chunk, size - start) for start in range(0, size, chunk)]
        weights = np.multiply.outer(weights, edges)
    absent = int(weights.reshape(np.shape(planes))[~planes].sum())
    if not absent:
        return []
    return [
        f"{absent} of {prod(shape[:-2])} planes have no chunk in the folder and are read as "
        f"{header.get('fill_value') or 0}; if they were recorded, copy the folder again."
    ]


def pixel_type(header: Mapping[str, Any], name: str) -> np.dtype[Any]:
    """Return the type of an array's pixels in this machine's byte order."""
    text = header.get("data_type", header.get("dtype"))
    try:
        dtype = np.dtype(text) if isinstance(text, str) else None
    except TypeError:
        dtype = None
    if dtype is None or dtype.kind not in "buifc":
        raise UserError(f"{name} holds pixels of the type {text}; whole or real numbers are needed.")
    return dtype.newbyteorder("=")


def piece_shape(header: Mapping[str, Any]) -> list[int]:
    """Return the size of what is read at once: a chunk, and of those that lie together in a file one."""
    for codec in header.get("codecs") or ():
        if codec.get("name") == "sharding_indexed":
            return [int(size) for size in codec["configuration"]["chunk_shape"]]
    return _grid(header)[0]


def _grid(header: Mapping[str, Any]) -> tuple[list[int], str, str]:
    """Return the size of a chunk, and how the names of chunks are made."""
    if "chunk_grid" not in header:
        return [int(size) for size in header["chunks"]], header.get("dimension_separator") or ".", ""
    sizes = [int(size) for size in header["chunk_grid"]["configuration"]["chunk_shape"]]
    encoding = header.get("chunk_key_encoding") or {}
    is_older = encoding.get("name") == "v2"
    separator = (encoding.get("configuration") or {}).get("separator") or ("." if is_older else "/")
    return sizes, separator, "" if is_older else f"c{separator}"


def _stored(place: Path, separator: str, prefix: str, count: int) -> Iterator[tuple[int, ...]]:
    for folder, _, files in os.walk(place):
        relative = Path(folder).relative_to(place).parts
        for file in files:
            key = separator.join((*relative, file)) if separator == "/" else file
            if separator != "/" and relative:
                continue
            numbers = key.removeprefix(prefix).split(separator)
            if key.startswith(prefix) and len(numbers) == count and all(n.isdecimal() for n in numbers):
                yield tuple(map(int, numbers))
