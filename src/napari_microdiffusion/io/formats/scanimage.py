"""Stacks as ScanImage writes them: one page a frame, with channels, repeats and volumes interleaved.

The names are those of ScanImage's own header (the Software tag of each page).
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io.axes import NAME_AXES
from napari_microdiffusion.io.formats.scanimage_frames import Recording, frame_numbers, pages_in_order
from napari_microdiffusion.io.formats.tiff_image import TiffImage, all_pages, stacked
from napari_microdiffusion.io.metadata import FileMetadata, items_in_lines, lateral_and_depth, own_values

if TYPE_CHECKING:
    from tifffile import TiffFile

Header = Mapping[str, Any]

# Steps are even where they differ by no more than this share of their mean, as a drive positions.
_EVEN = 0.02
_UNNUMBERED = "The frames carry no numbers of their own; the pages are taken as they follow each other."


def header_of(file: "TiffFile", name: str) -> Header:
    """Return ScanImage's settings as they were when the file was recorded.

    Raises
    ------
    UserError
        For a version that does not write them, so that channels and slices could not be told apart.
    """
    from tifffile import matlabstr2py

    found = (file.scanimage_metadata or {}).get("FrameData") or {}
    if not found:
        found = matlabstr2py(file.pages.first.software)
    if not isinstance(found, Mapping) or "SI.hChannels.channelSave" not in found:
        raise UserError(
            f"{name} was written by a version of ScanImage that does not say how channels and slices are "
            "ordered; save it as an ImageJ hyperstack or as OME-TIFF."
        )
    return found


def scanimage_image(file: "TiffFile", path: Path) -> TiffImage:
    """Return the stack of a ScanImage file, its pages in the order (t, c, z).

    Raises
    ------
    UserError
        Where the header does not say how the pages are ordered, or no volume is whole.
    """
    header = header_of(file, path.name)
    pages = all_pages(file)
    recording = recording_of(header, len(pages))
    numbers = frame_numbers([page.description for page in pages], recording)
    order, notes = pages_in_order(len(pages), numbers, recording, path.name)
    if numbers is None and len(pages) > recording.channels:
        notes.append(_UNNUMBERED)
    series = stacked([pages[k] for k in order.ravel()], "TCZ", order.shape, path.name)
    metadata, more = metadata_of(header, file, order.shape[2])
    return TiffImage(
        series, metadata, "", series.axes, series.shape, is_named=True, notes=tuple([*notes, *more])
    )


def recording_of(header: Header, pages: int) -> Recording:
    """Return what the header says of slices, frames and channels; `pages` counts where it says nothing."""
    channels = len(_values(header["SI.hChannels.channelSave"])) or 1
    fast = _flag(header, "SI.hFastZ.enable")
    slices = _count(header, "SI.hStackManager.actualNumSlices", "SI.hStackManager.numSlices") or 1
    if header.get("SI.hStackManager.enable") is False and not fast:
        slices = 1
    frames, flyback = _frames(header, slices, pages // channels, fast)
    averaged = _count(header, "SI.hScan2D.logAverageFactor") or 1
    return Recording(slices, frames, channels, flyback, averaged, fast)


def _frames(header: Header, slices: int, frames: int, fast: bool) -> tuple[int, int]:
    """Return the saved frames of each slice, and the flyback frames of each volume."""
    per_slice = header.get("SI.hStackManager.framesPerSlice", 1)
    averaged = _count(header, "SI.hScan2D.logAverageFactor") or 1
    if not fast:
        # Without an end ("inf") the one plane was recorded until it was stopped.
        endless = not isinstance(per_slice, int | float) or not math.isfinite(per_slice)
        return (max(frames // slices, 1) if endless else max(int(per_slice) // averaged, 1)), 0
    each = _count(header, "SI.hStackManager.numFramesPerVolume")
    with_flyback = _count(header, "SI.hStackManager.numFramesPerVolumeWithFlyback")
    if each is None or with_flyback is None:
        # Versions before these two were written take one frame of each slice.
        return 1, _count(header, "SI.hFastZ.numDiscardFlybackFrames") or 0
    return max(each // slices // averaged, 1), max(with_flyback - each, 0)


def metadata_of(header: Header, file: "TiffFile", slices: int) -> tuple[FileMetadata, list[str]]:
    """Read the field of view, the depths of the slices and the names of the saved channels."""
    page = file.pages.first
    width, height = _field_of_view(header)
    notes = []
    if _regions(page.tags.valueof(315)) > 1:
        width = height = None
        notes.append("Several regions lie one above the other in each image; their scale is not read.")
    step, more = _step(header, slices, file.filename)
    names = _values(header.get("SI.hChannels.channelName"))
    saved = [int(k) for k in _values(header["SI.hChannels.channelSave"])]
    channels = tuple(str(names[k - 1]) if 0 < k <= len(names) else f"channel {k}" for k in saved)
    calibration = lateral_and_depth(
        step,
        None if height is None else height / page.imagelength,
        None if width is None else width / page.imagewidth,
    )
    own = own_values(items_in_lines(page.description))
    channels = channels if len(channels) > 1 else ()
    metadata = FileMetadata(format="ScanImage TIFF", channels=channels, **calibration, **own)
    return metadata, [*notes, *more]


def _step(header: Header, slices: int, name: str) -> tuple[float | None, list[str]]:
    """Return the spacing of the slices: by their depths, since the step may be left over from another stack.

    Raises
    ------
    UserError
        Where the slices do not follow each other in depth.
    """
    recorded = _count(header, "SI.hStackManager.actualNumSlices", "SI.hStackManager.numSlices") or slices
    for key in ("SI.hStackManager.zs", "SI.hStackManager.arbitraryZs", "SI.hFastZ.userZs"):
        depths = [float(z) for z in _values(header.get(key)) if _number(z) is not None or z == 0]
        if key.endswith("arbitraryZs") and header.get("SI.hStackManager.stackDefinition") != "arbitrary":
            continue
        if len(depths) < 2:
            continue
        if len(depths) != recorded:
            return None, [f"The header names {len(depths)} depths for {recorded} slices; no scale along z."]
        steps = np.diff(depths[: max(slices, 2)])
        mean = float(np.mean(steps))
        if np.abs(steps - mean).max() <= _EVEN * abs(mean):
            return float(f"{abs(mean):.9g}"), []
        if (steps > 0).all() or (steps < 0).all():
            return None, ["The slices lie at uneven depths; the file has no scale along z."]
        raise UserError(
            f"The slices of {name} do not follow each other in depth, so that they are no stack: export them "
            f"in the order of depth, or {NAME_AXES}."
        )
    if header.get("SI.hStackManager.stackDefinition") == "arbitrary":
        return None, ["The slices lie at depths that the file does not tell; it has no scale along z."]
    step = None
    for key in ("actualStackZStepSize", "stackZStepSize"):
        step = step or _number(header.get(f"SI.hStackManager.{key}"))
    return None if step is None else abs(step), []


def _field_of_view(header: Header) -> tuple[float | None, float | None]:
    """Width and height of the image in micrometres, from its corners."""
    corners = header.get("SI.hRoiManager.imagingFovUm")
    try:
        points = np.asarray(corners, dtype=float).reshape(-1, 2)
    except (TypeError, ValueError):
        return None, None
    spans = [_number(value) for value in np.ptp(points, axis=0)] if len(points) >= 2 else [None, None]
    return spans[0], spans[1]


def _regions(artist: Any) -> int:
    """Count the regions of interest that a page holds."""
    try:
        rois = json.loads(artist)["RoiGroups"]["imagingRoiGroup"]["rois"]
    except (TypeError, ValueError, KeyError):
        return 1
    return len(rois) if isinstance(rois, list) else 1


def _values(value: Any) -> list[Any]:
    """Return the parts of a row or column of MATLAB, or the one value there is, as a list."""
    if value is None:
        return []
    if not isinstance(value, list | tuple):
        return [value]
    return [part for inner in value for part in _values(inner)]


def _flag(header: Header, key: str) -> bool:
    return header.get(key) in (True, 1)


def _count(header: Header, *keys: str) -> int | None:
    """Return the first of the values that is a whole number above zero."""
    for key in keys:
        value = _number(header.get(key))
        if value is not None and value >= 1:
            return int(value)
    return None


def _number(value: Any) -> float | None:
    """Return a finite number other than zero, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) and value else None
