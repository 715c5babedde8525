"""What a file says of its own scale, step length and beam, in OME, OME-Zarr, ImageJ and LSM headers.

Lengths are converted to micrometres. A scale is given only where the file states all three of its parts: a
missing one is never filled with 1, which would look like a measurement.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

PREFIX = "microdiffusion."
"""Start of the keys that this package writes into a file's own metadata."""

MIN_STEP_LENGTH, MAX_STEP_LENGTH = 2, 64

_SYMBOLS = {
    "pm": 1e-6,
    "å": 1e-4,
    "nm": 1e-3,
    "µm": 1.0,
    "um": 1.0,
    "mm": 1e3,
    "cm": 1e4,
    "m": 1e6,
    "in": 25400.0,
}
_WORDS = {"angstrom": 1e-4, "nanomet": 1e-3, "micron": 1.0, "micromet": 1.0, "millimet": 1e3, "centimet": 1e4}
# Only whole words have a plural: "ms" is no length.
_MICROMETRES = _SYMBOLS | {"inch": 25400.0, "inches": 25400.0}
for _name, _length_um in _WORDS.items():
    for _ending in ("er", "ers", "re", "res") if _name.endswith("met") else ("", "s"):
        _MICROMETRES[_name + _ending] = _length_um
_PIXEL_NAMES = frozenset({"", "pixel", "pixels", "px", "null"})

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
    description
        Whatever else this package wrote into the file: settings, versions, seed.
    """

    format: str = "TIFF"
    scale: Scale | None = None
    pixel_size: tuple[float, float] | None = None
    unit: str = "um"
    step_length: int | None = None
    beam: str | None = None
    channels: tuple[str, ...] = ()
    description: dict[str, Any] = field(default_factory=dict)


def micrometres(unit: str) -> float | None:
    """Return the length of one `unit` in micrometres, or None for what is no unit of length."""
    name = re.sub(r"\\u00[bB]5", "µ", unit).replace("\N{GREEK SMALL LETTER MU}", "µ")
    return _MICROMETRES.get(name.strip().lower())


def is_pixel_unit(unit: str) -> bool:
    """Return whether `unit` names pixels, or nothing at all."""
    return unit.strip().lower() in _PIXEL_NAMES


def _positive(value: object) -> float | None:
    """Return `value` as a finite number above zero, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = abs(float(value))  # ImageJ writes a negative spacing for stacks taken upwards
    except ValueError:
        return None
    return number if 0 < number < math.inf else None


def _length(value: float | None, factor: float | None) -> float | None:
    """Return a length in the target unit without the noise of the conversion (250 nm is 0.25 um)."""
    return None if value is None or factor is None else float(f"{value * factor:.12g}")


def lateral_and_depth(z: float | None, y: float | None, x: float | None) -> dict[str, Any]:
    """Return `scale` and `pixel_size` as far as their parts are known."""
    pixel_size = None if y is None or x is None else (y, x)
    return {"pixel_size": pixel_size, "scale": None if z is None or pixel_size is None else (z, *pixel_size)}


def own_values(items: Mapping[str, object]) -> dict[str, Any]:
    """Return `step_length`, `beam` and `description` from the keys that start with `PREFIX`.

    A step length outside 2 to 64, or one that is no whole number, counts as absent: the caller then asks.
    """
    own = {
        key.removeprefix(PREFIX): str(value).strip() for key, value in items.items() if key.startswith(PREFIX)
    }
    found: dict[str, Any] = {"beam": own.get("beam") or None, "step_length": None, "description": {}}
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


def own_items(
    step_length: int | None, beam: str | None, description: Mapping[str, Any] | None
) -> dict[str, str]:
    """Return the keys and values that `own_values` understands, ready to be written into a file."""
    items: dict[str, str] = {}
    if step_length is not None:
        items[PREFIX + "step_length"] = str(step_length)
    if beam is not None:
        items[PREFIX + "beam"] = beam
    if description:
        # On one line, since ImageJ's Info property holds one key and value a line.
        items[PREFIX + "description"] = json.dumps(dict(description), ensure_ascii=True, allow_nan=False)
    return items


def items_in_lines(text: str) -> dict[str, str]:
    """Return the `key = value` lines of `text` whose key starts with `PREFIX`."""
    return dict(re.findall(rf"^\s*({re.escape(PREFIX)}\w+)\s*[=:][ \t]*(.*?)\s*$", text, flags=re.MULTILINE))


def from_imagej(
    header: Mapping[str, Any],
    resolution: tuple[float | None, float | None],
    resolution_unit: int | None = None,
) -> FileMetadata:
    """Read the scale and our own keys from an ImageJ header.

    Parameters
    ----------
    header
        The key-value pairs of the image description together with the `Info` property.
    resolution
        Pixels per unit along (y, x) from the resolution tags, None where absent.
    resolution_unit
        The TIFF tag: 1 none, 2 inch, 3 centimetre.
    """
    unit = str(header.get("unit", ""))
    z = _positive(header.get("spacing"))
    y, x = (None if value is None else 1 / value for value in map(_positive, resolution))
    if is_pixel_unit(unit):
        # Without a unit the resolution may be dots per inch of a printer; only a unitless one is a spacing.
        if resolution_unit in (2, 3):
            y = x = 1.0
        calibration = lateral_and_depth(z, y or 1.0, x or 1.0)
        if z is None:
            calibration = lateral_and_depth(None, None, None)
        unit = "pixel" if z is not None else "um"
    else:
        # ImageJ itself leaves out a spacing of exactly 1; so do files that never knew it. It stays unknown.
        lateral = micrometres(unit)
        calibration = lateral_and_depth(
            _length(z, micrometres(str(header.get("zunit", unit)))),
            _length(y, micrometres(str(header.get("yunit", unit)))),
            _length(x, lateral),
        )
        unit = "um"
    info, properties = header.get("Info"), header.get("Properties")
    items: dict[str, object] = dict(header)
    if isinstance(properties, Mapping):
        items |= properties
    if isinstance(info, str):
        items |= items_in_lines(info)
    return FileMetadata(format="ImageJ TIFF", unit=unit, **calibration, **own_values(items))


def _local(element: ElementTree.Element) -> str:
    """Return an element's tag without its name space, whose year differs between writers."""
    return element.tag.rpartition("}")[2]


def from_ome(xml: str) -> FileMetadata:
    """Read the scale, the channels and our own keys from OME-XML; of several images, from the first.

    What is no well-formed XML tells nothing, rather than making the pixels unreadable.
    """
    try:
        root = ElementTree.fromstring(xml)
    except ElementTree.ParseError:
        return FileMetadata(format="OME-TIFF")
    pixels = next((element for element in root.iter() if _local(element) == "Pixels"), None)
    items = {
        pair.get("K", ""): pair.text or ""
        for annotation in root.iter()
        if _local(annotation) == "MapAnnotation"
        for pair in annotation.iter()
        if _local(pair) == "M"
    }
    own = own_values(items)
    if pixels is None:
        return FileMetadata(format="OME-TIFF", **own)
    sizes = [_positive(pixels.get(f"PhysicalSize{axis}")) for axis in "ZYX"]
    units = [pixels.get(f"PhysicalSize{axis}Unit", "µm") for axis in "ZYX"]
    if all(is_pixel_unit(unit) for unit in units) and all(size is not None for size in sizes):
        unit, lengths = "pixel", sizes
    else:
        unit = "um"
        lengths = [_length(size, micrometres(text)) for size, text in zip(sizes, units, strict=True)]
    names = [element.get("Name", "") for element in pixels if _local(element) == "Channel"]
    channels = tuple(name or str(index) for index, name in enumerate(names)) if len(names) > 1 else ()
    return FileMetadata(format="OME-TIFF", unit=unit, channels=channels, **lateral_and_depth(*lengths), **own)


def from_lsm(header: Mapping[str, Any]) -> FileMetadata:
    """Read the scale (metres in the file) and the channel names from a Zeiss LSM header."""
    z, y, x = (_length(_positive(header.get(f"VoxelSize{axis}")), 1e6) for axis in "ZYX")
    colours = header.get("ChannelColors")
    names = colours.get("ColorNames") if isinstance(colours, Mapping) else None
    channels = tuple(str(name) for name in names) if isinstance(names, list | tuple) else ()
    return FileMetadata(
        format="LSM", channels=channels if len(channels) > 1 else (), **lateral_and_depth(z, y, x)
    )
