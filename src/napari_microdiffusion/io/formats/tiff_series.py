"""Images of TIFF files in no dialect of their own: pages that follow each other, and tifffile's own JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io.axes import NAME_AXES
from napari_microdiffusion.io.formats.file_faults import unfit
from napari_microdiffusion.io.formats.imagej import imagej_metadata, resolution
from napari_microdiffusion.io.formats.tiff_image import Page, TiffImage, planes_of, stacked
from napari_microdiffusion.io.metadata import (
    FileMetadata,
    converted_length,
    items_in_lines,
    lateral_and_depth,
    own_values,
    positive,
)
from napari_microdiffusion.io.units import micrometres, unknown_unit

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage, TiffPageSeries


def plain_images(file: "TiffFile", path: Path) -> list[TiffImage]:
    """Return the images of a file, those of equal planes joined where nothing says that they are apart.

    Raises
    ------
    UserError
        Where the file names its axes, and they do not fit its pages.
    """
    every = planes_of(file)
    all_series = _series(file, every)
    if not all_series:
        raise UserError(f"{path.name} holds no image.")
    tables = _tables(all_series)
    metadata = _metadata(file, tables[0])
    kinds = {series.kind for series in all_series}
    if kinds <= {"generic", "uniform", ""} or any(table.get("axes") is None for table in tables):
        joined = _joined(every, all_series, metadata, tables, path)
        if joined is not None:
            return joined
    images = []
    for series, table in zip(all_series, tables, strict=True):
        axes, shape, notes = series.axes, series.shape, list(metadata.notes)
        wanted = table.get("axes")
        if wanted and series.kind in ("shaped", "generic", "uniform") and axes != wanted.upper():
            axes, shape = _by_name(series, table, path)
            notes.append("The sizes in the file's description are those of other planes; its axes are used.")
        own = _metadata(file, table) if wanted else metadata
        images.append(
            TiffImage(series, own, series.name, axes, shape, is_named=bool(wanted), notes=tuple(notes))
        )
    return images


def _series(file: "TiffFile", every: Sequence[Page]) -> list["TiffPageSeries"]:
    """Return what tifffile takes for one image each, without thumbnails."""
    text = file.pages.first.description
    if text.startswith("{") and ('"axes"' in text or '"shape"' in text) and not _table(text):
        raise UserError(f"{file.filename} has a description of its axes that cannot be read; {NAME_AXES}.")
    try:
        return [series for series in file.series if not series.keyframe.is_reduced]
    except RuntimeError:
        # It looks at some pages only, and fails later on one of another size.
        groups: dict[int, list[Page]] = {}
        for page in every:
            groups.setdefault(cast("TiffPage", page.keyframe).hash, []).append(page)
        return [stacked(group, "I", (len(group),), "") for group in groups.values()]


def _tables(all_series: Sequence["TiffPageSeries"]) -> list[dict[str, Any]]:
    """Return what tifffile wrote of each image, empty for one of which it wrote nothing."""
    return [_table(getattr(series.keyframe, "description", "")) for series in all_series]


def _table(text: str) -> dict[str, Any]:
    try:
        table = json.loads(text) if text.strip().startswith("{") else {}
    except (ValueError, RecursionError):
        table = {}
    is_ours = isinstance(table, dict) and isinstance(table.get("shape"), list)
    return table if is_ours and all(isinstance(size, int) for size in table["shape"]) else {}


def _joined(
    every: Sequence[Page],
    all_series: Sequence["TiffPageSeries"],
    metadata: FileMetadata,
    tables: Sequence[Mapping[str, Any]],
    path: Path,
) -> list[TiffImage] | None:
    """Return the pages that are alike as one stack each; None where they are no planes one by one."""
    if len(all_series) == 1 and all_series[0].kind == "shaped":
        return None
    if any(table.get("axes") for table in tables):
        return None
    if len(every) < sum(_planes(series) for series in all_series):
        return None
    alike: dict[tuple[Any, ...], list[Page]] = {}
    for page in every:
        alike.setdefault((page.shape, str(page.dtype)), []).append(page)
    stacks = [group for group in alike.values() if len(group) > 1]
    if not stacks:
        return None
    notes = list(metadata.notes)
    if len(stacks) == 1 and len(all_series) > 1 and len(stacks[0]) == len(every):
        notes.append(
            f"The file holds {len(all_series)} images of equal planes; they are read as one stack, in the "
            "order of the pages."
        )
    elif len(stacks) == 1 and len(alike) > 1:
        notes.append(f"{len(every) - len(stacks[0])} planes of another size or type are left out.")
    images = []
    for group in stacks:
        series = stacked(group, "I", (len(group),), path.name)
        images.append(TiffImage(series, metadata, "", series.axes, series.shape, notes=tuple(notes)))
    return images


def _by_name(series: "TiffPageSeries", table: Mapping[str, Any], path: Path) -> tuple[str, tuple[int, ...]]:
    """Return the axes that the file names with the planes that there are, where they fit."""
    axes, shape = str(table["axes"]).upper(), tuple(table.get("shape") or ())
    inner = series.keyframe.shape
    outer = axes[: len(axes) - len(inner)]
    if (
        len(axes) == len(shape)
        and axes.endswith(series.keyframe.axes)
        and prod(shape[: len(outer)]) == _planes(series)
    ):
        return axes, (*shape[: len(outer)], *inner)
    raise UserError(unfit(path.name, "description", prod(shape[: len(outer)]), _planes(series)))


def _planes(series: "TiffPageSeries") -> int:
    return prod(series.shape) // max(prod(series.keyframe.shape), 1)


def _metadata(file: "TiffFile", table: Mapping[str, Any]) -> FileMetadata:
    """Read the scale that tifffile's JSON may hold, in the words of ImageJ or of OME, and our own keys."""
    own = own_values(items_in_lines(file.pages.first.description))
    if "spacing" in table or "unit" in table:
        found = imagej_metadata(table, *resolution(file), form="TIFF")
        return found if found.step_length is not None else replace(found, **own)
    sizes = [positive(table.get(f"PhysicalSize{axis}")) for axis in "ZYX"]
    units = [str(table.get(f"PhysicalSize{axis}Unit", "µm")) for axis in "ZYX"]
    notes = tuple(
        unknown_unit(unit)
        for unit in dict.fromkeys(units)
        if micrometres(unit) is None and any(size is not None for size in sizes)
    )
    lengths = [converted_length(size, micrometres(unit)) for size, unit in zip(sizes, units, strict=True)]
    return FileMetadata(notes=notes, **lateral_and_depth(*lengths), **own)
