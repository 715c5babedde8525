"""The images of a TIFF file, in whichever dialect it was written, and the one of them that is read."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from math import prod
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io.axes import NAME_AXES, kept_shape, named_axes, stack_axes
from napari_microdiffusion.io.formats.file_faults import as_user_error
from napari_microdiffusion.io.formats.image_source import ImageSource
from napari_microdiffusion.io.formats.imagej import imagej_image
from napari_microdiffusion.io.formats.lsm import lsm_metadata
from napari_microdiffusion.io.formats.micromanager import micromanager_images
from napari_microdiffusion.io.formats.ome_tiff.description import looks_like_ome
from napari_microdiffusion.io.formats.ome_tiff.file_set import COMPANION_SUFFIXES
from napari_microdiffusion.io.formats.ome_tiff.images import companion_text, ome_images
from napari_microdiffusion.io.formats.positions import Position, chosen_position
from napari_microdiffusion.io.formats.scanimage import scanimage_image
from napari_microdiffusion.io.formats.tiff_completeness import check_complete
from napari_microdiffusion.io.formats.tiff_file import open_tiff
from napari_microdiffusion.io.formats.tiff_image import TiffImage, planes_of, stacked
from napari_microdiffusion.io.formats.tiff_pixels import load, load_planes
from napari_microdiffusion.io.formats.tiff_series import plain_images
from napari_microdiffusion.io.metadata import FileMetadata, items_in_lines, own_values

if TYPE_CHECKING:
    from tifffile import TiffFile

_COLOURS = (2, 5, 6, 8)  # TIFF photometric interpretations: RGB, CMYK, YCbCr, CIELab
_ASSUMED = "The file does not name its depth axis; the one without a name is taken as z."


@contextmanager
def open_tiff_image(path: Path, axes: str | None, position: int | str | None = None) -> Iterator[ImageSource]:
    """Open an image of a TIFF file, or of the set that an XML file beside it describes.

    Parameters
    ----------
    path
        The file.
    axes
        What the person calls the axes, or None to take what the file says.
    position
        Which image, by index or name, where the file holds several.

    Raises
    ------
    UserError
        As `reading.read_image`.
    """
    with ExitStack() as stack:
        if path.name.lower().endswith(COMPANION_SUFFIXES) and path.is_file():
            text = companion_text(path)
            if not looks_like_ome(text):
                raise UserError(f"{path.name} is no OME-XML; the name of an image file is needed.")
            with as_user_error(path):
                images = ome_images(None, path, text, stack)
        else:
            file = stack.enter_context(open_tiff(path))
            with as_user_error(path):
                images = _images(file, path, axes, stack)
        with as_user_error(path):
            source = _chosen(images, path, axes, position)
        yield source


def _images(file: "TiffFile", path: Path, axes: str | None, stack: ExitStack) -> list[TiffImage]:
    """Return the images of a file; where axes are given and its own words lead nowhere, its pages."""
    try:
        if axes is None or not file.is_scanimage:
            with as_user_error(path):
                return _described(file, path, stack)
    except UserError:
        if axes is None:
            raise
    pages = planes_of(file)
    metadata = FileMetadata(**own_values(items_in_lines(file.pages.first.description)))
    series = stacked(pages, "I", (len(pages),), path.name)
    return [TiffImage(series, metadata, "", series.axes, series.shape)]


def _described(file: "TiffFile", path: Path, stack: ExitStack) -> list[TiffImage]:
    if file.is_scanimage:
        return [scanimage_image(file, path)]
    if file.is_micromanager:
        found = micromanager_images(file, path)
        if found is not None:
            return found
    text = file.pages.first.description
    if looks_like_ome(text):
        return ome_images(file, path, text, stack)
    if file.is_micromanager:
        raise UserError(
            f"{path.name} was written by Micro-Manager, but does not say where its planes belong; "
            f"{NAME_AXES}."
        )
    if file.is_lsm and file.lsm_metadata:
        series = file.series[0]
        return [
            TiffImage(
                series,
                lsm_metadata(file.lsm_metadata),
                series.name,
                series.axes,
                series.shape,
                is_named=series.kind == "lsm",
            )
        ]
    if file.is_imagej and file.imagej_metadata:
        return [imagej_image(file, path)]
    return plain_images(file, path)


def _chosen(images: list[TiffImage], path: Path, axes: str | None, position: int | str | None) -> ImageSource:
    listed = [Position(image.name, image.axes, image.shape) for image in images]
    notes: list[str] = []
    stacks = [index for index, image in enumerate(images) if _planes(image) > 1]
    if position is None and len(images) > 1 and not stacks:
        raise UserError(f"{path.name} is no stack: its {len(images)} images differ in size or type.")
    if position is None and len(images) > 1 and len(stacks) == 1:
        # The others are no stacks: an overview, a label.
        index = stacks[0]
        notes.append(f"The file holds {len(images)} images; the one stack among them is read.")
    else:
        index = chosen_position(listed, position, path.name)
    image = images[index]
    check_complete(image.series.keyframe.parent, image.series, path)
    names, shape, colour = image.axes, image.shape, int(image.series.keyframe.photometric) in _COLOURS
    if axes is not None:
        names, shape = named_axes(axes, names, shape, path.name)
        colour = False
    letters, assumed = stack_axes(names, shape, colour, path.name, is_named=image.is_named)
    notes = [*([_ASSUMED] if assumed else []), *notes, *image.metadata.notes, *image.notes]
    kept = kept_shape(names, shape)

    page = tuple(size for size in image.series.keyframe.shape if size > 1)
    outer = next((k for k in range(len(kept) - 1) if tuple(s for s in kept[k:] if s > 1) == page), 0)

    one_at_a_time = Lock()  # an open file has one place at which it is read

    def pixels(at: Mapping[str, int | slice]) -> npt.NDArray[Any]:
        if not at.keys() & set(letters[:outer]):
            with one_at_a_time:
                return load(image, path).reshape(kept)[_index(letters, at)]
        # The pages that are chosen, and of them the samples that are.
        pages = np.arange(prod(kept[:outer])).reshape(kept[:outer])[_index(letters[:outer], at)]
        with one_at_a_time:
            some = load_planes(image, path, pages).reshape(*pages.shape, *kept[outer:])
        return some[(slice(None),) * pages.ndim + _index(letters[outer:], at)]

    return ImageSource(
        letters,
        kept,
        pixels,
        image.metadata,
        np.dtype(np.int16 if image.is_signed else image.series.dtype).newbyteorder("="),
        tuple(dict.fromkeys(notes)),
        image.sources | {path},
        listed if len(images) > 1 else (),
        index,
        (*(1 for _ in kept[:outer]), *kept[outer:]),
    )


def _planes(image: TiffImage) -> int:
    return prod(size for axis, size in zip(image.axes, image.shape, strict=True) if axis not in "YXSC")


def _index(letters: str, at: Mapping[str, int | slice]) -> tuple[int | slice, ...]:
    return tuple(at.get(letter, slice(None)) for letter in letters)
