"""What a TIFF file says of its first image: axes and scale, in whichever dialect it was written."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io.axes import kept_shape, named_axes, stack_axes
from napari_microdiffusion.io.formats import scanimage
from napari_microdiffusion.io.formats.image_source import ImageSource
from napari_microdiffusion.io.formats.tiff_file import (
    as_user_error,
    first_series,
    load,
    load_planes,
    open_tiff,
)
from napari_microdiffusion.io.metadata import (
    FileMetadata,
    from_imagej,
    from_lsm,
    from_ome,
    items_in_lines,
    own_values,
)

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPageSeries

_COLOURS = (2, 6, 8)  # TIFF photometric interpretations: RGB, YCbCr, CIELab
_ASSUMED = "The file does not name its depth axis; the one without a name is taken as z."


@contextmanager
def open_tiff_image(path: Path, axes: str | None) -> Iterator[ImageSource]:
    """Open the first image of a TIFF file.

    Parameters
    ----------
    path
        The file.
    axes
        What the person calls the axes, or None to take what the file says.

    Raises
    ------
    UserError
        As `reading.read_image`.
    """
    with open_tiff(path) as file:
        series = first_series(file, path)
        with as_user_error(path):
            source = (_scanimage if file.is_scanimage else _plain)(file, series, path, axes)
        yield source


def _plain(file: "TiffFile", series: "TiffPageSeries", path: Path, axes: str | None) -> ImageSource:
    # Thumbnails, as LSM and pyramidal files have them, are no images of their own.
    images = [other for other in file.series if other is series or not other.keyframe.is_reduced]
    if len(images) > 1 and prod(series.shape) == prod(series.keyframe.shape):
        raise UserError(f"{path.name} is no stack: its {len(images)} images differ in size or type.")
    names, shape, colour = series.axes, series.shape, int(series.keyframe.photometric) in _COLOURS
    if axes is not None:
        names, shape = named_axes(axes, names, shape, path.name)
        colour = False
    letters, assumed = stack_axes(names, shape, colour, path.name)
    notes = [_ASSUMED] if assumed else []
    if len(images) > 1:
        notes.append(f"The file holds {len(images)} images; the first is used.")

    kept = kept_shape(names, shape)

    def pixels(at: Mapping[str, int]) -> npt.NDArray[Any]:
        planes = np.arange(prod(kept[:-2])).reshape(kept[:-2])[_index(letters[:-2], at)]
        some = load_planes(series, path, planes) if at and letters.endswith("yx") else None
        return load(series, path).reshape(kept)[_index(letters, at)] if some is None else some

    return ImageSource(letters, kept, pixels, _metadata(file), tuple(notes))


def _scanimage(file: "TiffFile", series: "TiffPageSeries", path: Path, axes: str | None) -> ImageSource:
    if axes is not None:
        return _plain(file, series, path, axes)
    header = scanimage.header_of(file, path.name)
    order, notes = scanimage.page_order(header, len(series), path.name)
    metadata, more = scanimage.metadata_of(header, file)
    shape = (*order.shape, *series.keyframe.shape)
    letters, _ = stack_axes("TCZYX", shape, False, path.name)

    kept = kept_shape("TCZYX", shape)

    numbers = order.arrange(np.arange(len(series))[:, None, None]).reshape(kept[:-2])

    def pixels(at: Mapping[str, int]) -> npt.NDArray[Any]:
        some = load_planes(series, path, numbers[_index(letters[:-2], at)]) if at else None
        if some is None:
            return order.arrange(load(series, path)).reshape(kept)[_index(letters, at)]
        return some

    return ImageSource(letters, kept, pixels, metadata, (*notes, *more))


def _index(letters: str, at: Mapping[str, int]) -> tuple[int | slice, ...]:
    return tuple(at.get(letter, slice(None)) for letter in letters)


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
