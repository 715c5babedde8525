"""Image files as microscopes and other programs write them, read into one kind of object."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from os import PathLike
from pathlib import Path

import numpy as np

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io.formats.image_source import ImageSource, Pixels
from napari_microdiffusion.io.formats.ome_zarr.folders import HEADERS, is_zarr
from napari_microdiffusion.io.formats.ome_zarr.images import open_zarr_image
from napari_microdiffusion.io.formats.positions import UnchosenPosition
from napari_microdiffusion.io.images import ImageStack, image_name
from napari_microdiffusion.io.metadata import FileMetadata


def read_image(
    path: str | PathLike[str], axes: str | None = None, position: int | str | None = None
) -> ImageStack:
    """Read a stack: plain, ImageJ, OME, LSM or ScanImage TIFF, compressed or not, or an OME-Zarr folder.

    Of a file that holds several images, one is chosen with `position`; of a set of files, the image is read
    whose planes lie in the one that is named. Channels and time points stay as they are: `depth_stack`
    chooses among them. The one unnamed axis of a plain TIFF is taken as z. The frames that ScanImage took of
    each slice count as time points.

    Parameters
    ----------
    path
        The file; of a set of OME-TIFF files any of them, or the XML file that describes them; of an OME-Zarr
        folder it or a header file in it.
    axes
        Letters out of "tczyx", one for each axis in the order of the file (those of size 1 may be left out),
        where the file names them wrongly or not at all. None takes what the file says.
    position
        Index from 0, or name, of the image in a file or folder that holds several; needed where it does.

    Returns
    -------
    ImageStack
        With `data` in the type of the file and this machine's byte order.

    Raises
    ------
    UserError
        With one sentence: no such file, a folder that is no Zarr, not a TIFF, empty, cut short or damaged; a
        single 2D image, RGB, a series without depth, or axes without a name (`axes.UnnamedAxes`); several
        images of which none is chosen (`formats.positions.UnchosenPosition`).
    UsageError
        Where `axes` does not fit the file.
    """
    with open_image(path, axes, position) as image:
        return replace(image, data=np.asarray(image.data))


@contextmanager
def open_image(
    path: str | PathLike[str], axes: str | None = None, position: int | str | None = None
) -> Iterator[ImageStack]:
    """Open a stack whose `data` are read as they are indexed, while this lasts.

    Takes what `read_image` takes. `depth_stack` reads what it chooses; of a file that is compressed in pieces
    which hold several planes, and of one whose pages hold several channels, more is read than that.

    Raises
    ------
    UserError
        As `read_image`.
    UsageError
        As `read_image`.
    """
    path = _image_path(path)
    with _opened(path, axes, position) as source:
        yield _stack_of(source, path, axes)


@contextmanager
def open_resolutions(
    path: str | PathLike[str], axes: str | None = None, position: int | str | None = None
) -> Iterator[tuple[ImageStack, ...]]:
    """Open a stack as `open_image` does, and the same at coarser resolutions, where an OME-Zarr has them.

    From the finest on. Of the others the data alone are their own; what is wrong with one leaves it and all
    that follow it out.

    Raises
    ------
    UserError
        As `read_image`.
    UsageError
        As `read_image`.
    """
    path = _image_path(path)
    with _opened(path, axes, position) as source:
        finest = _stack_of(source, path, axes)
        yield finest, *(replace(finest, data=Pixels(coarse)) for coarse in source.coarser())


def _stack_of(source: ImageSource, path: Path, axes: str | None) -> ImageStack:
    metadata, pixels = source.metadata, Pixels(source)
    name = image_name(path)
    if source.positions:
        name = f"{name} {source.positions[source.position].name or source.position}"
    return ImageStack(
        data=pixels,
        axes=pixels.axes,
        scale=metadata.scale,
        unit=metadata.unit,
        step_length=metadata.step_length,
        beam=metadata.beam,
        origin=metadata.origin,
        path=path,
        name=name,
        metadata={
            "format": metadata.format,
            "channels": metadata.channels,
            "pixel_size": metadata.pixel_size,
            "description": metadata.description,
            "notes": list(source.notes),
            "positions": tuple(one.name or str(index) for index, one in enumerate(source.positions)),
            "position": source.position,
            "axes": axes,
        },
        sources=source.sources,
    )


def read_header(
    path: str | PathLike[str], axes: str | None = None, position: int | str | None = None
) -> FileMetadata:
    """Read what a file says of its image, without the pixels; takes what `read_image` takes.

    Raises
    ------
    UserError
        As `read_image`.
    """
    with _opened(_image_path(path), axes, position) as source:
        return source.metadata


def read_sizes(
    path: str | PathLike[str], axes: str | None = None, position: int | str | None = None
) -> dict[str, int]:
    """Return the size of each axis by its letter, without the pixels; takes what `read_image` takes.

    Raises
    ------
    UserError
        As `read_image`.
    """
    with _opened(_image_path(path), axes, position) as source:
        return dict(zip(source.axes, source.shape, strict=True))


def sources_of(path: str | PathLike[str]) -> frozenset[Path]:
    """Return the files and folders that reading an image would read, or that belong to its set.

    Takes any file; of one that is no image, or cannot be read as one, it alone.
    """
    place = _image_path(path)
    for position in (None, 0):
        try:
            with _opened(place, None, position) as source:
                return source.sources | {Path(path)}
        except UnchosenPosition:
            continue
        except UserError:
            break
    return frozenset({Path(path), place})


def is_stack(path: str | PathLike[str]) -> bool:
    """Return whether `read_image` would take the file, or one of its images, from its header alone."""
    try:
        read_header(path)
    except UnchosenPosition:
        return True
    except UserError:
        return False
    return True


def _image_path(path: str | PathLike[str]) -> Path:
    """Return the folder for a header file in it, since some dialogs choose files alone."""
    path = Path(path)
    return path.parent if path.name in HEADERS else path


@contextmanager
def _opened(path: Path, axes: str | None, position: int | str | None) -> Iterator[ImageSource]:
    if is_zarr(path):
        yield open_zarr_image(path, axes, position)
    else:
        # The kinds of TIFF are many modules, which a dock that is opened does not need yet.
        from napari_microdiffusion.io.formats.tiff_images import open_tiff_image

        with open_tiff_image(path, axes, position) as source:
            yield source
