"""Images in OME-Zarr folders, versions 0.1 to 0.5 of its specification (https://ngff.openmicroscopy.org).

The header is read as the JSON it is; the package zarr, an extra, is needed for the pixels alone.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io.axes import NAME_AXES, NAMED_OTHERWISE, kept_shape, named_axes, stack_axes
from napari_microdiffusion.io.formats.file_faults import as_user_error
from napari_microdiffusion.io.formats.image_source import ImageSource
from napari_microdiffusion.io.formats.ome_zarr.chunks import missing_chunks, piece_shape, pixel_type
from napari_microdiffusion.io.formats.ome_zarr.folders import (
    array_header,
    attributes_of,
    images_in,
    is_zarr,
    ome_part,
)
from napari_microdiffusion.io.formats.ome_zarr.pixels import ZarrPixels
from napari_microdiffusion.io.formats.positions import Position, chosen_position
from napari_microdiffusion.io.metadata import FileMetadata, converted_length, lateral_and_depth, own_values
from napari_microdiffusion.io.units import is_pixel_unit, micrometres, unknown_unit

_MOST_PIXELS = 2**60
_KINDS = {"time": "t", "channel": "c", "t": "t", "c": "c", "z": "z", "y": "y", "x": "x"}
_ASSUMED = "The folder does not name its depth axis; the one without a name is taken as z."


def open_zarr_image(path: Path, axes: str | None, position: int | str | None = None) -> ImageSource:
    """Read the header of the full-resolution image in an OME-Zarr folder.

    Parameters
    ----------
    path
        A folder that `is_zarr`.
    axes
        What the person calls the axes, or None to take what the folder says.
    position
        Which image, by index or name, where the folder holds several.

    Raises
    ------
    UserError
        As `reading.read_image`.
    """
    with as_user_error(path, "Zarr"):
        listed = images_in(path)
        index = chosen_position([Position(name) for name, _, _ in listed], position, path.name)
        _, group, multiscale = listed[index]
        attributes = attributes_of(group)
        image = ome_part(attributes)
        names: list[Any]
        notes: list[str] = []
        spacing: list[float] | None = None
        units: list[str] = []
        if multiscale is None:
            place, names = group, _dimension_names(group)
        else:
            place, names, kinds, units = _full_resolution(group, multiscale)
            names = [_name(name, kind) for name, kind in zip(names, kinds, strict=True)]
            spacing, notes = _spacing(multiscale)
        shape = tuple(int(size) for size in array_header(place)["shape"])
        if prod(shape) > _MOST_PIXELS:
            raise UserError(f"{path.name} is damaged: its header promises an array of shape {list(shape)}.")
        if not names and multiscale is not None:
            names = ["t", "c", "z", "y", "x"][-len(shape) :]
        letters = _letters(names, len(shape), path)
        if spacing is not None and len(spacing) != len(shape):
            notes.append(
                f"The scale of the full resolution has {len(spacing)} numbers for {len(shape)} axes; it is "
                "left out."
            )
            spacing = None
        units = units if len(units) == len(shape) else [""] * len(shape)
        metadata = _metadata(attributes, image, multiscale, letters, spacing, units)
        words = [str(name) if name else "unnamed" for name in names] if names else None
        if axes is not None:
            letters, shape = named_axes(axes, letters, shape, path.name)
            words = None
        kept, assumed = stack_axes(
            letters, shape, False, path.name, is_named=any(names) and "Q" not in letters, words=words
        )
        if assumed:
            notes.append(_ASSUMED)
        notes += [*metadata.notes, *missing_chunks(place, path.name)]
        sizes = kept_shape(letters, shape)
        dtype = pixel_type(array_header(place), path.name)

        # Those that are kept, among those of the array, unless a person named only some of them.
        is_each_named = len(letters) == len(array_header(place)["shape"])
        among = [at for at, axis in enumerate(letters) if shape[at] > 1 or axis in "YX"]
        pieces = tuple(piece_shape(array_header(place))[at] for at in among) if is_each_named else ()

    def coarser() -> list[ImageSource]:
        return _coarser(finest, group, multiscale or {}) if is_each_named else []

    finest = ImageSource(
        kept,
        sizes,
        ZarrPixels(path, place, kept, sizes, among if is_each_named else None),
        metadata,
        dtype,
        tuple(dict.fromkeys(notes)),
        frozenset({path, group}),
        [Position(name) for name, _, _ in listed] if len(listed) > 1 else (),
        index,
        pieces,
        coarser,
    )
    return finest


def _coarser(finest: ImageSource, group: Path, multiscale: Mapping[str, Any]) -> list[ImageSource]:
    """Return the coarser resolutions, as far as each is sound and fits the one before it.

    None is needed, so what is wrong with one ends the list instead of being refused.
    """
    pixels, found = finest.load, [finest]
    assert isinstance(pixels, ZarrPixels) and pixels.places is not None
    for dataset in (multiscale.get("datasets") or ())[1:]:
        with suppress(UserError), as_user_error(pixels.path, "Zarr"):
            place = (group / str(dataset["path"])).resolve()
            header = array_header(place) if place.is_relative_to(group.resolve()) else {}
            whole, before = tuple(int(size) for size in header["shape"]), found[-1].shape
            shape = tuple(whole[at] for at in pixels.places)
            is_coarser = prod(whole) == prod(shape) < prod(before) and min(shape[:-2]) > 1
            fits = is_coarser and all(a <= b for a, b in zip(shape, before, strict=True))
            if fits and pixel_type(header, "") == finest.dtype and not missing_chunks(place, ""):
                chunks = piece_shape(header)
                source = replace(
                    finest,
                    shape=shape,
                    load=replace(pixels, place=place, shape=shape),
                    pieces=tuple(chunks[at] for at in pixels.places),
                    coarser=tuple,
                )
                found.append(source)
                continue
        break
    return found[1:]


def _full_resolution(
    group: Path, multiscale: Mapping[str, Any]
) -> tuple[Path, list[Any], list[str], list[str]]:
    """Return where the largest array lies, and the names, kinds and units of its axes."""
    dataset = multiscale["datasets"][0]
    place = (group / str(dataset["path"])).resolve()
    if not place.is_relative_to(group.resolve()):
        raise UserError(f"{group.name} names an array outside its own folder, which is not followed.")
    if not is_zarr(place):
        raise UserError(f"{group.name} lacks its full-resolution array {dataset['path']}; copy it again.")
    axes = [{"name": axis} if isinstance(axis, str) else axis for axis in multiscale.get("axes") or []]
    names, kinds, units = ([str(axis.get(key) or "") for axis in axes] for key in ("name", "type", "unit"))
    return place, list(names), kinds, units


def _name(name: str, kind: str) -> str:
    """A time or channel axis may have any name; of others only those of space may be y, x and z."""
    if kind in ("time", "channel"):
        return kind
    return name if kind in ("space", "") else f"{kind} {name}" if kind != name else name


def _spacing(multiscale: Mapping[str, Any]) -> tuple[list[float] | None, list[str]]:
    """Return the product of the scales of the full resolution and of the whole image, with notes."""
    spacing: list[float] | None = None
    for where, holder in (("full resolution", multiscale["datasets"][0]), ("whole image", multiscale)):
        for transform in holder.get("coordinateTransformations") or ():
            if transform.get("type") != "scale":
                continue
            factors = [float(value) for value in transform["scale"]]
            if spacing is not None and len(factors) != len(spacing):
                return None, [
                    f"The scale of the {where} (coordinateTransformations) has {len(factors)} numbers for "
                    f"{len(spacing)} axes; the scale is left out."
                ]
            spacing = factors if spacing is None else [a * b for a, b in zip(spacing, factors, strict=True)]
    return spacing, []


def _dimension_names(place: Path) -> list[Any]:
    names = array_header(place).get("dimension_names") or []
    return list(names) if any(names) else []


def _letters(names: Sequence[Any], count: int, path: Path) -> str:
    """One letter for each axis; "Q" for one without a name."""
    if not names:
        return "Q" * (count - 2) + "YX"
    if len(names) != count:
        raise UserError(f"{path.name} names {len(names)} axes for an array of {count}; {NAME_AXES}.")
    found = []
    for name in names:
        text = str(name or "").strip().lower()
        found.append(_KINDS.get(text, NAMED_OTHERWISE if text else "Q").upper())
    return "".join(found)


def _metadata(
    attributes: Mapping[str, Any],
    image: Mapping[str, Any],
    multiscale: Mapping[str, Any] | None,
    letters: str,
    spacing: Sequence[float] | None,
    units: Sequence[str],
) -> FileMetadata:
    version = image.get("version") or (multiscale or {}).get("version")
    name = f"OME-Zarr {version}" if version else ("OME-Zarr" if multiscale is not None else "Zarr")
    lengths: dict[str, float | None] = {}
    unit = "um"
    notes: list[str] = []
    if spacing is not None:
        spatial = {a: (s, u) for a, s, u in zip(letters, spacing, units, strict=True) if a in "ZYX"}
        if all(is_pixel_unit(u) for _, u in spatial.values()):
            # The format demands a number where none is known; ones without a unit are such.
            unit = "pixel" if any(s != 1 for s, _ in spatial.values()) else "um"
            lengths = {a: s if unit == "pixel" else None for a, (s, _) in spatial.items()}
        else:
            lengths = {a: converted_length(s, micrometres(u)) for a, (s, u) in spatial.items()}
            unknown = [u for _, u in spatial.values() if micrometres(u) is None and not is_pixel_unit(u)]
            notes = [unknown_unit(u) for u in dict.fromkeys(unknown)]
    z, y, x = (value if (value := lengths.get(a)) and value > 0 else None for a in "ZYX")
    omero = attributes.get("omero") or image.get("omero")
    channels = [str(c.get("label") or i) for i, c in enumerate((omero or {}).get("channels") or ())]
    return FileMetadata(
        format=name,
        unit=unit,
        channels=tuple(channels) if len(channels) > 1 else (),
        notes=tuple(notes),
        **lateral_and_depth(z, y, x),
        **own_values(attributes),
    )
