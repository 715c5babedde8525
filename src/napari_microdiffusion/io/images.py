"""Images in files: the array, which axis is which, how far apart its pixels lie, and what was recorded."""

from dataclasses import dataclass, field, replace
from math import prod
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io.axes import CANONICAL, stack_axes
from napari_microdiffusion.io.metadata import (
    MAX_STEP_LENGTH,
    MIN_STEP_LENGTH,
    FileMetadata,
    Scale,
    from_imagej,
    from_lsm,
    from_ome,
    items_in_lines,
    own_values,
)
from napari_microdiffusion.io.tiff import as_user_error, first_series, load, open_tiff

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPageSeries

_COLOURS = (2, 6, 8)  # TIFF photometric interpretations: RGB, YCbCr, CIELab


@dataclass(frozen=True, eq=False)
class ImageStack:
    """A stack of planes with what its file says of it.

    Attributes
    ----------
    data
        Pixels in the type of the file, axes as in `axes`.
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
    path
        The file, or None.
    name
        Name for layers and messages.
    metadata
        "format", "channels" (names), "pixel_size" ((y, x) in `unit` or None), "description" (what this
        package wrote), "notes" (sentences on what was assumed).
    """

    data: npt.NDArray[Any]
    axes: str = "zyx"
    scale: Scale | None = None
    unit: str = "um"
    step_length: int | None = None
    beam: str | None = None
    path: Path | None = None
    name: str = "image"
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def sizes(self) -> dict[str, int]:
        """Size of each axis by its letter."""
        return dict(zip(self.axes, self.data.shape, strict=True))


def read_image(path: str | PathLike[str]) -> ImageStack:
    """Read a stack from a TIFF file: plain, ImageJ, OME or LSM, compressed or not.

    Of a file that holds several images, the first is read, and a note says so. Channels and time points stay
    as they are: `depth_stack` chooses among them. The one unnamed axis of a plain TIFF is taken as z.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    ImageStack
        With `data` in the type of the file and this machine's byte order.

    Raises
    ------
    UserError
        With one sentence: no such file, a folder, not a TIFF, empty, cut short or damaged; a single 2D image,
        RGB, a series without depth, or axes without a name.
    """
    path = Path(path)
    with open_tiff(path) as file:
        series = first_series(file, path)
        with as_user_error(path):
            axes, metadata, notes = _header(file, series, path)
        data = load(series, path)
    data = data.reshape(
        [size for size, axis in zip(series.shape, series.axes, strict=True) if _kept(size, axis)]
    )
    order = sorted(range(len(axes)), key=lambda index: CANONICAL.index(axes[index]))
    return ImageStack(
        data=data.transpose(order),
        axes="".join(axes[index] for index in order),
        scale=metadata.scale,
        unit=metadata.unit,
        step_length=metadata.step_length,
        beam=metadata.beam,
        path=path,
        name=image_name(path),
        metadata={
            "format": metadata.format,
            "channels": metadata.channels,
            "pixel_size": metadata.pixel_size,
            "description": metadata.description,
            "notes": notes,
        },
    )


def is_stack(path: str | PathLike[str]) -> bool:
    """Return whether `read_image` would take the file, from its header alone."""
    path = Path(path)
    try:
        with open_tiff(path) as file:
            series = first_series(file, path)
            with as_user_error(path):
                _header(file, series, path)
    except UserError:
        return False
    return True


def image_name(path: Path) -> str:
    """Return the file's name without the suffix of an image."""
    stem = path.name
    for suffix in (".tiff", ".tif", ".lsm", ".ome"):
        if stem.lower().endswith(suffix) and len(stem) > len(suffix):
            stem = stem[: -len(suffix)]
    return stem


def depth_stack(image: ImageStack, channel: int | str | None = None, time: int | None = None) -> ImageStack:
    """Choose one channel and one time point, so that a stack (z, y, x) is left.

    Parameters
    ----------
    image
        Any stack.
    channel
        Index from 0, or the name of a channel; needed where there is more than one.
    time
        Index from 0; needed where there is more than one time point.

    Returns
    -------
    ImageStack
        With axes "zyx"; its data are a view.

    Raises
    ------
    UserError
        Where nothing was chosen and there is a choice, or the choice does not exist; it names the choices.
    """
    chosen: dict[str, int] = {}
    for axis, choice in (("t", time), ("c", channel)):
        index = _choice(image, axis, choice)
        if axis in image.axes:
            chosen[axis] = index
    data = image.data[tuple(chosen.get(axis, slice(None)) for axis in image.axes)]
    name = image.name
    names = image.metadata.get("channels") or ()
    if "c" in chosen:
        index = chosen["c"]
        name = f"{name} {names[index]}" if index < len(names) else f"{name} channel {index}"
    return replace(image, data=data, axes="zyx", name=name)


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
        raise UserError(f"{label} has {count} {what}s; choose one with the setting {setting}: {listing}.")
    if isinstance(choice, str) and named and names.count(choice) == 1:
        return names.index(choice)
    index = int(choice) if isinstance(choice, int) or (isinstance(choice, str) and choice.isdecimal()) else -1
    if 0 <= index < count:
        return index
    if count == 1:
        raise UserError(f"{label} has one {what} only; {setting} {choice} does not exist.")
    raise UserError(f"{label} has no {what} {choice}; there are {listing}.")


def _kept(size: int, axis: str) -> bool:
    return size > 1 or axis in "YX"


def _header(file: "TiffFile", series: "TiffPageSeries", path: Path) -> tuple[str, FileMetadata, list[str]]:
    """Return the axes in the order of the file, the metadata, and notes on what was assumed."""
    # Thumbnails, as LSM and pyramidal files have them, are no images of their own.
    images = [other for other in file.series if other is series or not other.keyframe.is_reduced]
    if len(images) > 1 and prod(series.shape) == prod(series.keyframe.shape):
        raise UserError(f"{path.name} is no stack: its {len(images)} images differ in size or type.")
    colour = int(series.keyframe.photometric) in _COLOURS
    axes, assumed = stack_axes(series.axes, series.shape, colour, path.name)
    notes = []
    if assumed:
        notes.append("The file does not name its depth axis; the one without a name is taken as z.")
    if len(images) > 1:
        notes.append(f"The file holds {len(images)} images; the first is used.")
    return axes, _metadata(file), notes


def _metadata(file: "TiffFile") -> FileMetadata:
    page = file.pages.first
    if file.is_ome and file.ome_metadata:
        return from_ome(file.ome_metadata)
    if file.is_lsm and file.lsm_metadata:
        return from_lsm(file.lsm_metadata)
    if file.is_imagej and file.imagej_metadata:
        resolution = [page.tags.valueof(code) for code in (283, 282)]  # pixels per unit along y and x
        y, x = (
            value[0] / value[1] if isinstance(value, tuple) and value[1] else None for value in resolution
        )
        unit = page.tags.valueof(296)
        return from_imagej(file.imagej_metadata, (y, x), None if unit is None else int(unit))
    return FileMetadata(**own_values(items_in_lines(page.description)))
