"""Micro-Manager: stacks with an index of their planes, and NDTiff, with or without its index file."""

from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io.formats.tiff_completeness import lacking
from napari_microdiffusion.io.formats.tiff_image import Page, TiffImage, all_pages, stacked
from napari_microdiffusion.io.metadata import (
    FileMetadata,
    items_in_lines,
    lateral_and_depth,
    own_values,
    positive,
)

if TYPE_CHECKING:
    from tifffile import TiffFile

_PAGE_TAG = 51123
_AXES = {"position": "R", "time": "T", "channel": "C", "z": "Z", "slice": "Z"}
# What older versions write into each page instead of a table of axes.
_INDICES = {"PositionIndex": "R", "FrameIndex": "T", "ChannelIndex": "C", "SliceIndex": "Z"}
_WORDS = {"Slices": "Z", "Channels": "C", "Frames": "T"}
_LARGEST = 10_000_000


def micromanager_images(file: "TiffFile", path: Path) -> list[TiffImage] | None:
    """Return the positions of which the file holds planes, or None for a file that names no places.

    Raises
    ------
    UserError
        Where planes are absent.
    """
    found = _by_index(file) or _by_pages(file)
    if found is None:
        return None
    pages, axes, sizes = found
    metadata = _metadata(file)
    notes = _incomplete(file, axes, sizes, path.name)
    at = axes.find("R")
    rows = np.arange(prod(sizes)).reshape(sizes)
    here = [page is not None and Path(page.parent.filehandle.path) == path.absolute() for page in pages]
    images = []
    for index in range(sizes[at] if at >= 0 else 1):
        kept = rows.take(index, axis=at) if at >= 0 else rows
        numbers = [int(number) for number in kept.ravel()]
        own = [pages[number] for number in numbers]
        if not any(here[number] for number in numbers):
            continue
        members = {page.parent.filehandle.path for page in own if page is not None}
        series = stacked(own, axes.replace("R", ""), kept.shape, path.name, len(members) > 1)
        name = f"position {index}" if at >= 0 and sizes[at] > 1 else ""
        sources = frozenset(Path(member) for member in members)
        images.append(
            TiffImage(
                series, metadata, name, series.axes, series.shape, is_named=True, notes=notes, sources=sources
            )
        )
    return images


def _by_index(file: "TiffFile") -> tuple[Sequence[Page | None], str, tuple[int, ...]] | None:
    """Return the planes as the index of the file, or of the folder, places them."""
    if not (file.is_mmstack or file.is_ndtiff) or not file.series:
        return None
    series = file.series[0]
    if series.kind not in ("mmstack", "ndtiff"):
        return None
    axes, sizes = series.get_axes(False), series.get_shape(False)
    inner = len(series.keyframe.shape)
    outer = axes[:-inner]
    if "Q" in outer or len(set(outer)) < len(outer):
        return None
    return list(series), outer, tuple(sizes[:-inner])


def _by_pages(file: "TiffFile") -> tuple[Sequence[Page | None], str, tuple[int, ...]] | None:
    """Return the planes as each page says where it belongs."""
    pages = [page for page in all_pages(file) if not page.is_reduced]
    places: list[dict[str, int]] = []
    names: dict[str, list[str]] = {}
    for page in pages:
        tag = page.tags.valueof(_PAGE_TAG)
        if not isinstance(tag, Mapping):
            return None
        named = tag.get("Axes")
        table = named if isinstance(named, Mapping) else {k: tag[k] for k in _INDICES if k in tag}
        place = {}
        for key, value in table.items():
            axis = _AXES.get(str(key).lower(), _INDICES.get(str(key)))
            if axis is None or axis in place:
                return None
            known = names.setdefault(axis, [])
            if isinstance(value, str):
                known += [value] if value not in known else []
                value = known.index(value)
            if not isinstance(value, int):
                return None
            place[axis] = value
        places.append(place)
    if not places or not places[0] or any(place.keys() != places[0].keys() for place in places):
        return None
    axes = "".join(axis for axis in "RTCZ" if axis in places[0])
    index = np.array([[place[axis] for axis in axes] for place in places])
    index -= index.min(axis=0)
    sizes = tuple(int(size) for size in index.max(axis=0) + 1)
    if prod(sizes) > _LARGEST:
        return None
    ordered: list[Page | None] = [None] * prod(sizes)
    for page, number in zip(pages, np.ravel_multi_index(tuple(index.T), sizes), strict=True):
        if ordered[number] is not None:
            return None
        ordered[number] = page
    return ordered, axes, sizes


def _summary(file: "TiffFile") -> Mapping[str, Any]:
    found = (file.micromanager_metadata or {}).get("Summary")
    return found if isinstance(found, Mapping) else {}


def _incomplete(file: "TiffFile", axes: str, sizes: Sequence[int], name: str) -> tuple[str, ...]:
    """Refuse a stack of fewer slices than were planned; note fewer time points or channels."""
    notes = []
    there = dict(zip(axes, sizes, strict=True))
    for key, axis in _WORDS.items():
        planned, found = _summary(file).get(key), there.get(axis, 1)
        if not isinstance(planned, int) or planned <= found:
            continue
        if axis == "Z":
            raise UserError(lacking(name, planned - found, planned))
        notes.append(f"{planned} {key.lower()} were planned, {found} are there.")
    return tuple(notes)


def _metadata(file: "TiffFile") -> FileMetadata:
    summary = _summary(file)
    tag = file.pages.first.tags.valueof(_PAGE_TAG)
    page: Mapping[str, Any] = tag if isinstance(tag, Mapping) else {}
    z = _first(summary, "z-step_um", "zStep_um", "ZStep_um") or _first(page, "z-step_um", "ZStepUm")
    pixel = _first(page, "PixelSizeUm", "PixelSize_um") or _first(summary, "PixelSize_um", "PixelSizeUm")
    names = summary.get("ChNames")
    channels = tuple(str(name) for name in names) if isinstance(names, list) and len(names) > 1 else ()
    own = own_values(items_in_lines(file.pages.first.description))
    return FileMetadata(
        format="Micro-Manager TIFF", channels=channels, **lateral_and_depth(z, pixel, pixel), **own
    )


def _first(table: Mapping[str, Any], *keys: str) -> float | None:
    """Return the first of the values that is a length above zero."""
    return next((value for key in keys if (value := positive(table.get(key))) is not None), None)
