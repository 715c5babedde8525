"""Which page of a ScanImage file is which frame: by the frames' own numbers, never by counting pages.

The order of recording, from the slowest to the fastest: volume, slice, frame of the slice, channel. A volume
scanned with a fast z drive may end with flyback frames, recorded while the drive returns. A file may begin
within a volume, since a new file is begun after so many frames, and frames may be dropped; each page carries
the number of its frame.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io.axes import NAME_AXES

_NUMBER = re.compile(
    r"^\s*(frameNumbers?|frameNumberAcquisition|acquisitionNumbers?)\s*=\s*(\d+)", re.MULTILINE
)
_LARGEST = 10_000_000


@dataclass(frozen=True)
class Recording:
    """How many there are of each in a whole volume.

    Attributes
    ----------
    slices, frames, channels
        Counts; frames are those of one slice, recorded one after the other at the same depth.
    flyback
        Frames at the end of each volume that belong to no slice.
    averaged
        Frames of which the mean was saved as one.
    is_fast
        Whether volumes follow each other, rather than a single stack.
    """

    slices: int
    frames: int
    channels: int
    flyback: int = 0
    averaged: int = 1
    is_fast: bool = False

    @property
    def cycle(self) -> int:
        """Frames from one volume to the next."""
        return self.slices * self.frames + self.flyback


def frame_numbers(descriptions: Sequence[str], recording: Recording) -> tuple[list[int], list[int]] | None:
    """Return the acquisition and the number of the frame, from 0, of each page.

    Parameters
    ----------
    descriptions
        Of all pages.
    recording
        What the header says.

    Returns
    -------
    tuple or None
        None where the pages do not carry numbers that rise.
    """
    found = [dict(_NUMBER.findall(text)) for text in descriptions]
    whole = [one.get("frameNumbers", one.get("frameNumber")) for one in found]
    within = [one.get("frameNumberAcquisition") for one in found]
    runs = [one.get("acquisitionNumbers", one.get("acquisitionNumber")) for one in found]
    if None in whole and None in within:
        return None
    numbers = [int(text or 0) for text in (whole if None not in whole else within)]
    acquisition = [0] * len(numbers)
    if None not in within:
        inner = [int(text or 0) for text in within]
        starts = [
            k
            for k in range(1, len(inner))
            if inner[k] < inner[k - 1] or (inner[k] == inner[k - 1] and runs[k] != runs[k - 1])
        ]
        if not starts or recording.is_fast:
            # Each acquisition begins a volume of its own; a slow stack may count every slice as one.
            numbers = inner
            for start in starts:
                acquisition[start:] = [value + 1 for value in acquisition[start:]]
    pairs = list(zip(acquisition, numbers, strict=True))
    if pairs != sorted(pairs) or (len(pairs) > recording.channels and len(set(pairs)) == 1):
        return None
    steps = np.diff(sorted(set(numbers)))
    if recording.averaged > 1 and len(steps) and not (steps % recording.averaged).any():
        numbers = [-(-number // recording.averaged) for number in numbers]
    if min(numbers) < 1:
        return None
    return acquisition, [number - 1 for number in numbers]


def pages_in_order(
    pages: int, numbers: tuple[list[int], list[int]] | None, recording: Recording, name: str
) -> tuple[npt.NDArray[np.int64], list[str]]:
    """Put pages at their places.

    Parameters
    ----------
    pages
        How many the file has.
    numbers
        As `frame_numbers` returns them; None takes the pages as they follow each other.
    recording
        What the header says.
    name
        File name for the messages.

    Returns
    -------
    pages : ndarray of int, shape (time points, channels, slices)
        Numbers of pages; the frames of a slice count as time points.
    notes : list of str
        What was left out.

    Raises
    ------
    UserError
        Where no volume is whole.
    """
    channels = recording.channels
    each: list[tuple[int, int]]
    each = [(0, k // channels) for k in range(pages)] if numbers is None else [*zip(*numbers, strict=True)]
    begun = len({(run, number // recording.cycle) for run, number in each})
    if begun * recording.cycle * channels > _LARGEST:
        raise UserError(f"{name} is damaged: its header promises volumes of {recording.cycle} frames.")
    frames: dict[tuple[int, int], list[int]] = {}
    for page, key in enumerate(each):
        frames.setdefault(key, []).append(page)
    if any(len(found) > channels for found in frames.values()):
        raise UserError(
            f"{name} holds more than {channels} pages of one frame, which does not fit the channels that its "
            f"header names; {NAME_AXES}."
        )
    used = recording.slices * recording.frames
    volumes: dict[tuple[int, int], npt.NDArray[np.int64]] = {}
    for (run, number), found in frames.items():
        volume, place = divmod(number, recording.cycle)
        if place < used:
            if (run, volume) not in volumes:
                volumes[run, volume] = np.full((used, channels), -1, dtype=np.int64)
            if len(found) == channels:
                volumes[run, volume][place] = found
    whole = [filled for filled in volumes.values() if (filled >= 0).all()]
    notes = _left_out(list(volumes.values()), recording)
    slices = recording.slices
    if not whole:
        whole, slices = _begun(list(volumes.values()), recording, name, pages)
        notes = [f"The recording ends after {slices} of {recording.slices} slices."]
    stack = np.stack(whole).reshape(len(whole), slices, recording.frames, channels)
    if recording.frames > 1 and slices > 1:
        notes.append(
            f"Each slice was recorded {recording.frames} times: average the frames, or choose one as the "
            "time point."
        )
    return stack.transpose(0, 2, 3, 1).reshape(-1, channels, slices), notes


def _left_out(volumes: list[npt.NDArray[np.int64]], recording: Recording) -> list[str]:
    """Say which volumes are not whole, and why."""
    notes = []
    for index, filled in enumerate(volumes):
        there = np.asarray((filled >= 0).all(axis=1))
        if there.all():
            continue
        if index == 0 and not there[0] and there[-1]:
            notes.append("The file begins within a volume, which is left out.")
        elif index == len(volumes) - 1 and there[0] and (np.diff(there.astype(int)) <= 0).all():
            notes.append("The last volume is not whole and is left out.")
        else:
            lost = int(np.count_nonzero(~there))
            notes.append(f"Volume {index + 1} lacks {lost} of its {len(there)} frames and is left out.")
    return notes


def _begun(
    volumes: list[npt.NDArray[np.int64]], recording: Recording, name: str, pages: int
) -> tuple[list[npt.NDArray[np.int64]], int]:
    """Return the first slices of a stack that was stopped before its end, each of them whole."""
    each = recording.frames
    if len(volumes) == 1:
        there = np.asarray((volumes[0] >= 0).all(axis=1))
        count = int(np.argmin(there)) // each
        # Nothing behind the first gap: what follows a dropped frame belongs to no whole stack.
        if count and not there[np.argmin(there) :].any():
            return [volumes[0][: count * each]], count
    raise UserError(
        f"{name} holds no whole volume: {pages} pages, of which {recording.slices * each} frames with "
        f"{recording.channels} channel(s) each make one, and frames are missing at its start or within; "
        f"record or copy it again, or {NAME_AXES}."
    )
