"""Images in files: the array, which axis is which, how far apart its pixels lie, and what was recorded."""

from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from napari_microdiffusion.errors import UsageError, UserError
from napari_microdiffusion.io.metadata import MAX_STEP_LENGTH, MIN_STEP_LENGTH, Scale


@dataclass(frozen=True, eq=False)
class ImageStack:
    """A stack of planes with what its file says of it.

    Attributes
    ----------
    data
        Pixels in the type of the file, axes as in `axes`; of an open file an object that reads them as it is
        indexed.
    axes
        "zyx", with "t" and "c" before it where the file has them: "czyx", "tczyx".
    scale
        Spacing (z, y, x) in `unit`, or None where the file does not give all of it. Of projections, z is the
        spacing of the slabs.
    unit
        "um", or "pixel" for a file that gives spacings without a unit of length.
    step_length
        Slices per projection, 2 to 64, where this package wrote it into the file; otherwise None.
    beam
        Name of the beam, where this package wrote it into the file; otherwise None.
    origin
        Centre of the first voxel (z, y, x) in `unit`, where this package wrote it into the file; otherwise
        None.
    path
        The file, or None.
    name
        Name for layers and messages.
    metadata
        "format", "channels" (names), "pixel_size" ((y, x) in `unit` or None), "description" (what this
        package wrote), "notes" (sentences on what was assumed), "positions" (names of the images of the
        file, empty where it holds one), "position" (index of this one), "chosen" (what `depth_stack` chose).
    sources
        All files and folders that the image is read from, or that belong to its set.
    """

    data: Any
    axes: str = "zyx"
    scale: Scale | None = None
    unit: str = "um"
    step_length: int | None = None
    beam: str | None = None
    origin: Scale | None = None
    path: Path | None = None
    name: str = "image"
    metadata: dict[str, Any] = field(default_factory=dict)
    sources: frozenset[Path] = frozenset()

    @property
    def sizes(self) -> dict[str, int]:
        """Size of each axis by its letter."""
        return dict(zip(self.axes, self.data.shape, strict=True))


class DepthView:
    """A stack (z, y, x) of an open image, read as it is indexed along z.

    Parameters
    ----------
    data
        Pixels with z, y and x as their last axes.
    key
        An index for each axis, slices for z, y and x.
    """

    ndim = 3

    def __init__(self, data: Any, key: tuple[Any, ...]) -> None:
        self._data, self._outer = data, key[:-3]
        self.shape = tuple(int(size) for size in data.shape[-3:])
        self.dtype = data.dtype

    @property
    def size(self) -> int:
        """Pixels of all."""
        return prod(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: int) -> Any:
        return self._data[(*self._outer, range(len(self))[index])]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.asarray(self._data[(*self._outer, slice(None))], dtype=dtype)


def image_name(path: Path) -> str:
    """Return the file's name without the suffix of an image."""
    stem = path.name
    for suffix in (".tiff", ".tif", ".lsm", ".zarr", ".companion.ome", ".ome"):
        if stem.lower().endswith(suffix) and len(stem) > len(suffix):
            stem = stem[: -len(suffix)]
    return stem


def depth_stack(
    image: ImageStack,
    channel: int | str | None = None,
    time: int | None = None,
    average_frames: bool = False,
    *,
    lazily: bool = False,
) -> ImageStack:
    """Choose one channel and one time point, so that a stack (z, y, x) is left.

    Parameters
    ----------
    image
        Any stack.
    channel
        Index from 0, or the name of a channel; needed where there is more than one.
    time
        Index from 0; needed where there is more than one time point.
    average_frames
        Take the mean over all time points, or over the frames recorded of each slice, instead of one.
    lazily
        Of an open file, leave the pixels there: the data are read image by image as they are indexed. Not
        with `average_frames`.

    Returns
    -------
    ImageStack
        With axes "zyx"; its data are a view, or with `average_frames` float32.

    Raises
    ------
    UserError
        Where nothing was chosen and there is a choice, or the choice does not exist; it names the choices.
    """
    if average_frames and time is not None:
        raise UsageError("choose one time point or the average of the frames, not both")
    averaged = average_frames and "t" in image.axes
    chosen: dict[str, int] = {}
    for axis, choice in (("t", time), ("c", channel)):
        if axis == "t" and averaged:
            continue
        index = _choice(image, axis, choice)
        if axis in image.axes:
            chosen[axis] = index
    key = tuple(chosen.get(axis, slice(None)) for axis in image.axes)
    data = DepthView(image.data, key) if lazily and not averaged else image.data[key]
    if averaged:
        # In 64 bits, so that the mean of whole numbers is exact.
        data = np.asarray(np.mean(data, axis=0, dtype=np.float64), np.float32)
    name = image.name
    names = image.metadata.get("channels") or ()
    if "c" in chosen:
        index = chosen["c"]
        name = f"{name} {names[index]}" if index < len(names) else f"{name} channel {index}"
    told: dict[str, Any] = {
        what: chosen[axis] for axis, what in (("c", "channel"), ("t", "time")) if axis in chosen
    }
    if averaged:
        told["averaged_frames"] = image.sizes["t"]
    return replace(image, data=data, axes="zyx", name=name, metadata=image.metadata | {"chosen": told})


class Frames:
    """The stacks (z, y, x) of one channel of an image with a time axis, read one by one as they are indexed.

    Attributes
    ----------
    shape : tuple of int
        Frames, slices, rows, columns.
    dtype : numpy.dtype
    """

    def __init__(self, image: ImageStack, channel: int | None) -> None:
        self._image, self._channel = image, channel
        self.shape = tuple(image.sizes[letter] for letter in "tzyx")
        self.dtype = image.data.dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, time: int) -> np.ndarray:
        """One frame, (z, y, x)."""
        index = {"t": time, "c": self._channel}
        return np.asarray(self._image.data[tuple(index.get(axis, slice(None)) for axis in self._image.axes)])


def time_series(image: ImageStack, channel: int | str | None = None) -> ImageStack:
    """Choose one channel of an image with a time axis, so that frames (t, z, y, x) are left, read as indexed.

    Raises
    ------
    UserError
        Where there is no time axis, or no channel was chosen and there are several, or it does not exist.
    """
    if "t" not in image.axes:
        label = image.path.name if image.path else image.name
        raise UserError(f"{label} has no time axis; a video needs one, (t, z, y, x).")
    index = _choice(image, "c", channel) if "c" in image.axes else None
    told = {} if index is None else {"channel": index}
    return replace(image, data=Frames(image, index), axes="tzyx", metadata=image.metadata | {"chosen": told})


def suggest_step_length(image: ImageStack) -> tuple[int, str] | None:
    """Return a step length to offer, and how it is known.

    Returns
    -------
    tuple[int, str] | None
        (n, "from file") where this package wrote it; (round(dz / dx), "assumed: isotropic voxels") where that
        is 2 to 64; otherwise None.
    """
    if image.step_length is not None:
        return image.step_length, "from file"
    if image.scale is None:
        return None
    ratio = round(image.scale[0] / image.scale[2])
    return (ratio, "assumed: isotropic voxels") if MIN_STEP_LENGTH <= ratio <= MAX_STEP_LENGTH else None


def _choice(image: ImageStack, axis: str, choice: int | str | None) -> int:
    """Return the index along a channel or time axis; 0 for an axis that is not there."""
    count = image.sizes.get(axis, 1)
    what, setting = ("channel", "channel") if axis == "c" else ("time point", "time")
    names = tuple(image.metadata.get("channels") or ()) if axis == "c" else ()
    named = len(names) == count
    listing = f"0 to {count - 1}"
    if named:
        listing = ", ".join(f"{i} ({name})" if name != str(i) else name for i, name in enumerate(names))
    label = image.path.name if image.path else image.name
    if choice is None:
        if count == 1:
            return 0
        or_all = ", or average them with the setting average frames" if axis == "t" else ""
        raise UserError(
            f"{label} has {count} {what}s; choose one with the setting {setting}: {listing}{or_all}."
        )
    if isinstance(choice, str) and named and names.count(choice) == 1:
        return names.index(choice)
    index = int(choice) if isinstance(choice, int) or (isinstance(choice, str) and choice.isdecimal()) else -1
    if 0 <= index < count:
        return index
    if count == 1:
        raise UserError(f"{label} has one {what} only; {setting} {choice} does not exist.")
    raise UserError(f"{label} has no {what} {choice}; there are {listing}.")
