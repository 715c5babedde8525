"""ImageJ and Fiji: hyperstacks with their scale, and the signed whole numbers that ImageJ stores shifted."""

from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io.formats.file_faults import cut_short, unfit
from napari_microdiffusion.io.formats.tiff_image import TiffImage
from napari_microdiffusion.io.metadata import (
    FileMetadata,
    converted_length,
    items_in_lines,
    lateral_and_depth,
    own_values,
    positive,
)
from napari_microdiffusion.io.units import is_pixel_unit, micrometres, unknown_unit

if TYPE_CHECKING:
    from tifffile import TiffFile

_CALIBRATED = "The file has a calibration of its grey values, which is not applied."
_SHIFT = -32768.0


def imagej_image(file: "TiffFile", path: Path) -> TiffImage:
    """Return the hyperstack of a file that ImageJ wrote.

    Raises
    ------
    UserError
        Where its header names other planes than there are.
    """
    header = file.imagej_metadata or {}
    series = file.series[0]
    names = ("channels", "slices", "frames")
    counts = [header.get(key, 1) for key in names]
    if all(isinstance(count, int) and count > 0 for count in counts):
        planes, pages = prod(counts), len(file.pages)
        page = series.keyframe
        samples, named = page.samplesperpixel, header.get("images")
        if pages == 1 and isinstance(named, int) and page.is_final:
            # All planes lie behind the one page that is described, as ImageJ writes large files.
            room = (file.filehandle.size - page.dataoffsets[0]) // max(page.nbytes, 1)
            pages = named if room >= named else pages
        if series.kind in ("uniform", "generic") and planes > len(series):
            raise UserError(cut_short(path, f"it should hold {planes} planes and has {len(series)}"))
        # A header that has lost some of its sizes names fewer planes than there are pages.
        if any(key in header for key in names) and pages > 1 and planes not in (pages, pages * samples):
            raise UserError(unfit(path.name, "ImageJ header", planes, pages))
    notes, is_signed = [], False
    if header.get("cf") is not None:
        line = [header.get(key) for key in ("c0", "c1")]
        is_signed = header["cf"] == 0 and line == [_SHIFT, 1] and series.dtype == "uint16"
        if not is_signed and line != [0, 1]:
            notes.append(_CALIBRATED)
    return TiffImage(
        series,
        imagej_metadata(header, *resolution(file)),
        series.name,
        series.axes,
        series.shape,
        is_named=any(key in header for key in names),
        is_signed=is_signed,
        notes=tuple(notes),
    )


def resolution(file: "TiffFile") -> tuple[tuple[float | None, float | None], int | None]:
    """Return the pixels per unit along (y, x), and the unit, from the tags of the first page."""
    tags = file.pages.first.tags
    y, x = (
        value[0] / value[1] if isinstance(value, tuple) and value[1] else None
        for value in (tags.valueof(283), tags.valueof(282))
    )
    unit = tags.valueof(296)
    return (y, x), None if unit is None else int(unit)


def imagej_metadata(
    header: Mapping[str, Any],
    resolution: tuple[float | None, float | None],
    resolution_unit: int | None = None,
    form: str = "ImageJ TIFF",
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
    form
        The format, for `FileMetadata.format`.
    """
    unit = str(header.get("unit", ""))
    z = positive(header.get("spacing"))
    y, x = (None if value is None else 1 / value for value in map(positive, resolution))
    notes: list[str] = []
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
        units = {axis: str(header.get(f"{axis}unit", unit)) for axis in "zyx"}
        units["x"] = unit
        lengths = [
            converted_length(value, micrometres(units[axis]))
            for axis, value in zip("zyx", (z, y, x), strict=True)
        ]
        notes += [unknown_unit(text) for text in dict.fromkeys(units.values()) if micrometres(text) is None]
        calibration = lateral_and_depth(*lengths)
        unit = "um"
    info, properties = header.get("Info"), header.get("Properties")
    items: dict[str, object] = dict(header)
    if isinstance(properties, Mapping):
        items |= properties
    if isinstance(info, str):
        items |= items_in_lines(info)
    return FileMetadata(format=form, unit=unit, notes=tuple(notes), **calibration, **own_values(items))
