"""What a file says of its own scale, step length and beam, whichever its format.

Lengths are converted to micrometres. A scale is given only where the file states all three of its parts: a
missing one is never filled with 1, which would look like a measurement.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

PREFIX = "microdiffusion."
"""Start of the keys that this package writes into a file's own metadata."""

MIN_STEP_LENGTH, MAX_STEP_LENGTH = 2, 64

Scale = tuple[float, float, float]


@dataclass(frozen=True)
class FileMetadata:
    """What the header of a file tells, as far as this package understands it.

    Attributes
    ----------
    format
        "TIFF", "ImageJ TIFF", "OME-TIFF", "LSM", "ScanImage TIFF", "Zarr" or "OME-Zarr" with its version.
    scale
        Spacing (z, y, x) in `unit`, or None where the file does not give all three.
    pixel_size
        Spacing (y, x) in `unit`, or None; known more often than `scale`.
    unit
        "um", or "pixel" for a file that gives spacings without a unit of length.
    step_length
        Slices per projection as this package wrote it, 2 to 64, or None.
    beam
        Name of the beam as this package wrote it, or None.
    channels
        Names of the channels, empty where there are none.
    origin
        Centre of the first voxel (z, y, x) in `unit` as this package wrote it, or None.
    description
        Whatever else this package wrote into the file: settings, versions, seed.
    notes
        Sentences on what could not be understood, such as a unit.
    """

    format: str = "TIFF"
    scale: Scale | None = None
    pixel_size: tuple[float, float] | None = None
    unit: str = "um"
    step_length: int | None = None
    beam: str | None = None
    channels: tuple[str, ...] = ()
    origin: Scale | None = None
    description: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def without_scale(self) -> "FileMetadata":
        """Return the rest, where the pixels are not those that the spacing was written for."""
        return replace(self, scale=None, pixel_size=None, origin=None, unit="um")


def positive(value: object) -> float | None:
    """Return `value` as a finite number above zero, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = abs(float(value))  # ImageJ writes a negative spacing for stacks taken upwards
    except ValueError:
        return None
    return number if 0 < number < math.inf else None


def converted_length(value: float | None, factor: float | None) -> float | None:
    """Return a length in the target unit without the noise of the conversion (250 nm is 0.25 um)."""
    return None if value is None or factor is None else float(f"{value * factor:.12g}")


def lateral_and_depth(z: float | None, y: float | None, x: float | None) -> dict[str, Any]:
    """Return `scale` and `pixel_size` as far as their parts are known."""
    pixel_size = None if y is None or x is None else (y, x)
    return {"pixel_size": pixel_size, "scale": None if z is None or pixel_size is None else (z, *pixel_size)}


def own_values(items: Mapping[str, object]) -> dict[str, Any]:
    """Return `step_length`, `beam`, `origin` and `description` from the keys that start with `PREFIX`.

    A step length outside 2 to 64, or one that is no whole number, counts as absent: the caller then asks.
    """
    own = {
        key.removeprefix(PREFIX): str(value).strip() for key, value in items.items() if key.startswith(PREFIX)
    }
    found: dict[str, Any] = {"beam": own.get("beam") or None, "step_length": None, "description": {}}
    found["origin"] = _origin(own.get("origin", ""))
    number = own.get("step_length", "")
    if re.fullmatch(r"\d{1,4}", number) and MIN_STEP_LENGTH <= int(number) <= MAX_STEP_LENGTH:
        found["step_length"] = int(number)
    try:
        description = json.loads(own.get("description", "{}"))
    except (ValueError, RecursionError):
        description = None
    if isinstance(description, dict):
        found["description"] = description
    return found


def _origin(text: str) -> Scale | None:
    try:
        z, y, x = (float(part) for part in text.split())
    except ValueError:
        return None
    return (z, y, x) if all(map(math.isfinite, (z, y, x))) else None


def own_items(
    step_length: int | None,
    beam: str | None,
    description: Mapping[str, Any] | None,
    origin: Scale | None = None,
) -> dict[str, str]:
    """Return the keys and values that `own_values` understands, ready to be written into a file."""
    items: dict[str, str] = {}
    if step_length is not None:
        items[PREFIX + "step_length"] = str(step_length)
    if beam is not None:
        items[PREFIX + "beam"] = beam
    if origin is not None:
        items[PREFIX + "origin"] = " ".join(repr(float(value)) for value in origin)
    if description:
        # On one line, since ImageJ's Info property holds one key and value a line.
        items[PREFIX + "description"] = json.dumps(dict(description), ensure_ascii=True, allow_nan=False)
    return items


def items_in_lines(text: str) -> dict[str, str]:
    """Return the `key = value` lines of `text` whose key starts with `PREFIX`."""
    return dict(re.findall(rf"^\s*({re.escape(PREFIX)}\w+)\s*[=:][ \t]*(.*?)\s*$", text, flags=re.MULTILINE))
