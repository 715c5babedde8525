"""Images in OME-Zarr folders, versions 0.1 to 0.5 of its specification (https://ngff.openmicroscopy.org).

The header is read as the JSON it is; the package zarr, an extra, is needed for the pixels alone.
"""

import json
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io.axes import kept_shape, named_axes, stack_axes
from napari_microdiffusion.io.formats.image_source import ImageSource
from napari_microdiffusion.io.formats.tiff_file import as_user_error
from napari_microdiffusion.io.metadata import (
    FileMetadata,
    Scale,
    is_pixel_unit,
    lateral_and_depth,
    micrometres,
    own_values,
)

HEADERS = ("zarr.json", ".zgroup", ".zarray", ".zattrs")
"""Files that make a folder a Zarr group or array."""

_KINDS = {"time": "t", "channel": "c", "t": "t", "c": "c", "z": "z", "y": "y", "x": "x"}
_ASSUMED = "The folder does not name its depth axis; the one without a name is taken as z."
_VOXELS_PER_CHUNK = 2**21


def is_zarr(path: Path) -> bool:
    """Return whether a path is a Zarr folder."""
    return path.is_dir() and any((path / name).is_file() for name in HEADERS)


def check_zarr_installed(path: Path) -> None:
    """Raise a `UserError` where the package zarr is missing."""
    if find_spec("zarr") is None:
        raise UserError(
            f'{path.name} is OME-Zarr, for which zarr is needed: pip install "napari-microdiffusion[zarr]".'
        )


def open_zarr_image(path: Path, axes: str | None) -> ImageSource:
    """Read the header of the full-resolution image in an OME-Zarr folder.

    Parameters
    ----------
    path
        A folder that `is_zarr`.
    axes
        What the person calls the axes, or None to take what the folder says.

    Raises
    ------
    UserError
        As `reading.read_image`.
    """
    with as_user_error(path, "Zarr"):
        notes: list[str] = []
        group, attributes = path, _attributes(path)
        image = _image_part(attributes)
        if "plate" in image or "well" in image:
            raise UserError(
                f"{path.name} holds a plate of several images; give the path of one of them, such as "
                f"{path.name}/A/1/0."
            )
        if "multiscales" not in image and not _is_array(path):
            group = _first_image(path)
            attributes = _attributes(group)
            image = _image_part(attributes)
            notes.append(f"The folder holds several images; {group.name} is used.")
        names: list[Any]
        spacing: list[float] | None = None
        units: list[str] = []
        if _is_array(group):
            place, names = group, _dimension_names(group)
        else:
            place, names, spacing, units = _full_resolution(group, image["multiscales"][0])
        shape = _array_shape(place)
        names = names or (["t", "c", "z", "y", "x"] if not _is_array(group) else [])[-len(shape) :]
        letters = _letters(names, len(shape))
        metadata = _metadata(attributes, image, letters, spacing, units)
        if axes is not None:
            letters, shape = named_axes(axes, letters, shape, path.name)
        kept, assumed = stack_axes(letters, shape, False, path.name)
        if assumed:
            notes.append(_ASSUMED)
        sizes = kept_shape(letters, shape)

    def pixels(at: Mapping[str, int]) -> npt.NDArray[Any]:
        check_zarr_installed(path)
        import zarr

        with as_user_error(path, "Zarr"):
            array = zarr.open_array(place, mode="r")
            # As long as each, so that what is read has the axes that are left, in any case.
            parts = {axis: slice(index, index + 1) for axis, index in at.items()}
            named = letters.lower() if len(letters) == array.ndim else ""
            data = np.asarray(array[tuple(parts.get(axis, slice(None)) for axis in named) or ...])
        data = data.astype(data.dtype.newbyteorder("="), copy=False)
        if not named:
            return data.reshape(sizes)[tuple(at.get(axis, slice(None)) for axis in kept)]
        return data.reshape([size for axis, size in zip(kept, sizes, strict=True) if axis not in at])

    return ImageSource(kept, sizes, pixels, metadata, tuple(notes))


def write_zarr_image(
    folder: Path,
    array: npt.NDArray[Any],
    axes: str,
    spacing: Scale | None,
    unit: str,
    channels: Sequence[str],
    items: Mapping[str, str],
) -> None:
    """Write an image as OME-Zarr 0.4, which most programs read, at its full resolution alone.

    Parameters
    ----------
    folder
        Exists, and is empty.
    array
        Pixels with `axes`, letters out of "tczyx".
    spacing
        (z, y, x) in `unit`, "um" or "pixel"; None for one that is not known.
    channels
        Names of the channels.
    items
        Attributes of our own.
    """
    import zarr

    lengths = dict(zip("zyx", spacing or (1.0, 1.0, 1.0), strict=True))
    named: list[dict[str, str]] = []
    for letter in axes:
        kind = {"t": "time", "c": "channel"}.get(letter, "space")
        length = {"unit": "micrometer"} if kind == "space" and spacing is not None and unit == "um" else {}
        named.append({"name": letter, "type": kind, **length})
    scale = [float(lengths.get(letter, 1.0)) for letter in axes]
    dataset = {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": scale}]}
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
    )
    stored[...] = array


def _chunks(shape: Sequence[int], axes: str) -> tuple[int, ...]:
    """Whole planes up to 1024 pixels wide, several of them while they are small; one channel, one time."""
    plane = [min(shape[axes.index(letter)], 1024) for letter in "yx"]
    depth = max(1, _VOXELS_PER_CHUNK // prod(plane))
    sizes = {"y": plane[0], "x": plane[1], "z": depth}
    return tuple(min(sizes.get(letter, 1), size) for letter, size in zip(axes, shape, strict=True))


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    content = json.loads(path.read_text(encoding="utf-8"))
    return content if isinstance(content, dict) else {}


def _attributes(folder: Path) -> dict[str, Any]:
    """Return the user attributes, wherever the version of Zarr keeps them."""
    newer = _json(folder / "zarr.json")
    found = newer.get("attributes", {}) if newer else _json(folder / ".zattrs")
    return found if isinstance(found, dict) else {}


def _image_part(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of the attributes that OME-Zarr defines: under "ome" since version 0.5."""
    ome = attributes.get("ome")
    return ome if isinstance(ome, dict) else dict(attributes)


def _is_array(folder: Path) -> bool:
    newer = _json(folder / "zarr.json")
    return newer.get("node_type") == "array" or (not newer and (folder / ".zarray").is_file())


def _first_image(folder: Path) -> Path:
    """Return the first of several images in one folder, as converters lay them out: 0, 1, 2 ..."""
    for name in ("0", *sorted(child.name for child in folder.iterdir() if child.is_dir())):
        child = folder / name
        if is_zarr(child) and "multiscales" in _image_part(_attributes(child)):
            return child
    raise UserError(f"{folder.name} holds no OME-Zarr image; its attributes name no multiscales.")


def _full_resolution(
    group: Path, multiscale: Mapping[str, Any]
) -> tuple[Path, list[Any], list[float] | None, list[str]]:
    """Return where the largest array lies, the names of its axes, its spacing and units."""
    dataset = multiscale["datasets"][0]
    place = (group / str(dataset["path"])).resolve()
    if not place.is_relative_to(group.resolve()):
        raise UserError(f"{group.name} names an array outside its own folder, which is not followed.")
    if not is_zarr(place):
        raise UserError(f"{group.name} lacks its full-resolution array {dataset['path']}; copy it again.")
    axes = multiscale.get("axes") or []
    names = [axis if isinstance(axis, str) else axis.get("name", "") for axis in axes]
    kinds = ["" if isinstance(axis, str) else axis.get("type", "") for axis in axes]
    # A time or channel axis may have any name; space is told apart by its name alone.
    names = [k if k in ("time", "channel") else name for name, k in zip(names, kinds, strict=True)]
    units = ["" if isinstance(axis, str) else str(axis.get("unit") or "") for axis in axes]
    spacing: list[float] | None = None
    for transform in [
        *(dataset.get("coordinateTransformations") or ()),
        *(multiscale.get("coordinateTransformations") or ()),
    ]:
        if transform.get("type") == "scale":
            factors = [float(value) for value in transform["scale"]]
            spacing = factors if spacing is None else [a * b for a, b in zip(spacing, factors, strict=True)]
    return place, names, spacing, units


def _dimension_names(place: Path) -> list[Any]:
    names = _json(place / "zarr.json").get("dimension_names") or []
    return list(names) if any(names) else []


def _array_shape(place: Path) -> tuple[int, ...]:
    header = _json(place / "zarr.json") or _json(place / ".zarray")
    return tuple(int(size) for size in header["shape"])


def _letters(names: Sequence[Any], count: int) -> str:
    """One letter for each axis; "Q" for one whose name says nothing."""
    if not names:
        return "Q" * (count - 2) + "YX"
    found = [_KINDS.get(str(name).strip().lower(), "Q").upper() for name in names]
    if len(found) != count:
        raise ValueError(f"{len(found)} axes are named for an array of {count}")
    return "".join(found)


def _metadata(
    attributes: Mapping[str, Any],
    image: Mapping[str, Any],
    letters: str,
    spacing: Sequence[float] | None,
    units: Sequence[str],
) -> FileMetadata:
    version = image.get("version") or (image.get("multiscales") or [{}])[0].get("version")
    name = f"OME-Zarr {version}" if version else ("OME-Zarr" if "multiscales" in image else "Zarr")
    lengths: dict[str, float | None] = {}
    unit = "um"
    if spacing is not None:
        spatial = {a: (s, u) for a, s, u in zip(letters, spacing, units, strict=True) if a in "ZYX"}
        if all(is_pixel_unit(u) for _, u in spatial.values()):
            # The format demands a number where none is known; ones without a unit are such.
            unit = "pixel" if any(s != 1 for s, _ in spatial.values()) else "um"
            lengths = {a: s if unit == "pixel" else None for a, (s, _) in spatial.items()}
        else:
            factors = {a: micrometres(u) for a, (_, u) in spatial.items()}
            lengths = {
                a: None if factors[a] is None else float(f"{s * (factors[a] or 0):.12g}")
                for a, (s, _) in spatial.items()
            }
    z, y, x = (value if (value := lengths.get(a)) and value > 0 else None for a in "ZYX")
    omero = attributes.get("omero") or image.get("omero")
    channels = [str(c.get("label") or i) for i, c in enumerate((omero or {}).get("channels") or ())]
    return FileMetadata(
        format=name,
        unit=unit,
        channels=tuple(channels) if len(channels) > 1 else (),
        **lateral_and_depth(z, y, x),
        **own_values(attributes),
    )
