"""Stacks as ScanImage writes them: one page a frame, with channels, repeats and volumes interleaved.

The order of the pages, from the slowest to the fastest: volume, slice, frame of the slice, channel. A volume
scanned with a fast z drive may end with flyback frames, recorded while the drive returns, which are dropped.
The names are those of ScanImage's own header (the Software tag of each page).
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io.metadata import FileMetadata, items_in_lines, lateral_and_depth, own_values

if TYPE_CHECKING:
    from tifffile import TiffFile

Header = Mapping[str, Any]


@dataclass(frozen=True)
class PageOrder:
    """How many there are of each, and how many pages are used.

    Attributes
    ----------
    volumes, slices, frames, channels
        Counts; frames are those of one slice, recorded one after the other at the same depth.
    flyback
        Frames at the end of each volume that belong to no slice.
    """

    volumes: int
    slices: int
    frames: int
    channels: int
    flyback: int = 0

    @property
    def shape(self) -> tuple[int, int, int]:
        """Sizes of t, c and z; the frames of a slice count as time points."""
        return self.volumes * self.frames, self.channels, self.slices

    def arrange(self, pages: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return pages (pages, y, x) as (t, c, z, y, x)."""
        height, width = pages.shape[-2:]
        frames = self.slices * self.frames
        used = pages[: self.volumes * (frames + self.flyback) * self.channels]
        if self.flyback:
            used = used.reshape(self.volumes, -1, self.channels, height, width)[:, :frames]
        sizes = (self.volumes, self.slices, self.frames, self.channels, height, width)
        ordered = used.reshape(sizes).transpose(0, 2, 3, 1, 4, 5)
        return ordered.reshape(*self.shape, height, width)


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


def page_order(header: Header, pages: int, name: str) -> tuple[PageOrder, list[str]]:
    """Return how `pages` pages are ordered, with notes on what was left out.

    Raises
    ------
    UserError
        Where the pages do not fill a single volume with what the header says.
    """
    channels = len(_values(header["SI.hChannels.channelSave"])) or 1
    fast = _flag(header, "SI.hFastZ.enable")
    slices = _count(header, "SI.hStackManager.actualNumSlices", "SI.hStackManager.numSlices") or 1
    if header.get("SI.hStackManager.enable") is False and not fast:
        slices = 1
    frames, flyback = _frames(header, slices, pages // channels, fast)
    notes = []
    whole, rest = divmod(pages, channels * (slices * frames + flyback))
    if whole == 0 and pages >= channels * frames:
        # Stopped before the end: fewer slices, each of them whole.
        recorded = pages // (channels * frames)
        notes.append(f"The recording ends after {recorded} of {slices} slices.")
        return _with_note(PageOrder(1, recorded, frames, channels), notes)
    if whole == 0:
        raise UserError(
            f"{name} holds {pages} pages, fewer than the {channels * frames} of one slice with {channels} "
            f"channels and {frames} frames; record or copy it again."
        )
    if rest:
        notes.append("The last volume is not whole and is left out.")
    return _with_note(PageOrder(whole, slices, frames, channels, flyback), notes)


def _with_note(order: PageOrder, notes: list[str]) -> tuple[PageOrder, list[str]]:
    if order.frames > 1 and order.slices > 1:
        notes.append(
            f"Each slice was recorded {order.frames} times: average the frames, or choose one as the time "
            "point."
        )
    return order, notes


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


def metadata_of(header: Header, file: "TiffFile") -> tuple[FileMetadata, list[str]]:
    """Read the field of view, the step of the z drive and the names of the saved channels."""
    page = file.pages.first
    width, height = _field_of_view(header)
    notes = []
    if _regions(page.tags.valueof(315)) > 1:
        width = height = None
        notes.append("Several regions lie one above the other in each image; their scale is not read.")
    step = None
    for key in ("actualStackZStepSize", "stackZStepSize"):
        step = step or _number(header.get(f"SI.hStackManager.{key}"))
    names = _values(header.get("SI.hChannels.channelName"))
    saved = [int(k) for k in _values(header["SI.hChannels.channelSave"])]
    channels = tuple(str(names[k - 1]) if 0 < k <= len(names) else f"channel {k}" for k in saved)
    calibration = lateral_and_depth(
        None if step is None else abs(step),
        None if height is None else height / page.imagelength,
        None if width is None else width / page.imagewidth,
    )
    own = own_values(items_in_lines(page.description))
    channels = channels if len(channels) > 1 else ()
    return FileMetadata(format="ScanImage TIFF", channels=channels, **calibration, **own), notes


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
