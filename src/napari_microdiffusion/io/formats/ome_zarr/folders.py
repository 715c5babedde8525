"""Zarr folders of versions 2 and 3: what they are, their attributes, and the images in them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_microdiffusion.errors import UserError

HEADERS = ("zarr.json", ".zgroup", ".zarray", ".zattrs")
"""Files that make a folder a Zarr group or array."""


def is_zarr(path: Path) -> bool:
    """Return whether a path is a Zarr folder."""
    return path.is_dir() and any((path / name).is_file() for name in HEADERS)


def images_in(path: Path) -> list[tuple[str, Path, dict[str, Any] | None]]:
    """Return the images of a folder: name, group, and what it says of its resolutions; None for a bare array.

    Raises
    ------
    UserError
        Where there is none.
    """
    image = ome_part(attributes_of(path))
    if "multiscales" in image or is_array(path):
        return _of_group("", path)
    found: list[tuple[str, Path, dict[str, Any] | None]] = []
    for name in _children(path, image):
        child = path / name
        if is_zarr(child) and "multiscales" in ome_part(attributes_of(child)):
            found += _of_group(name, child)
    if not found:
        raise UserError(f"{path.name} holds no OME-Zarr image; its attributes name no multiscales.")
    return found


def _of_group(name: str, group: Path) -> list[tuple[str, Path, dict[str, Any] | None]]:
    if is_array(group):
        return [(name, group, None)]
    multiscales = ome_part(attributes_of(group))["multiscales"]
    if len(multiscales) == 1:
        return [(name, group, multiscales[0])]
    return [
        (str(one.get("name") or f"{name} {index}").strip(), group, one)
        for index, one in enumerate(multiscales)
    ]


def _children(path: Path, image: Mapping[str, Any]) -> list[str]:
    """Return the folders of a plate's fields, of a well's, or of the series that converters number."""
    if "plate" in image:
        wells = [str(well["path"]) for well in image["plate"].get("wells") or ()]
        fields = [
            f"{well}/{field['path']}"
            for well in wells
            for field in (ome_part(attributes_of(path / well)).get("well") or {}).get("images") or ()
        ]
        return [name for name in fields if (path / name).resolve().is_relative_to(path.resolve())]
    folders = [child.name for child in path.iterdir() if child.is_dir()]
    return sorted(
        folders, key=lambda name: (not name.isdecimal(), int(name) if name.isdecimal() else 0, name)
    )


def json_of(path: Path) -> dict[str, Any]:
    """Return a header file's table, empty where there is no such file."""
    if not path.is_file():
        return {}
    content = json.loads(path.read_text(encoding="utf-8"))
    return content if isinstance(content, dict) else {}


def attributes_of(folder: Path) -> dict[str, Any]:
    """Return the user attributes, wherever the version of Zarr keeps them."""
    newer = json_of(folder / "zarr.json")
    found = newer.get("attributes", {}) if newer else json_of(folder / ".zattrs")
    return found if isinstance(found, dict) else {}


def ome_part(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of the attributes that OME-Zarr defines: under "ome" since version 0.5."""
    ome = attributes.get("ome")
    return ome if isinstance(ome, dict) else dict(attributes)


def is_array(folder: Path) -> bool:
    """Return whether a Zarr folder is an array."""
    newer = json_of(folder / "zarr.json")
    return newer.get("node_type") == "array" or (not newer and (folder / ".zarray").is_file())


def array_header(folder: Path) -> dict[str, Any]:
    """Return the header of an array."""
    return json_of(folder / "zarr.json") or json_of(folder / ".zarray")
