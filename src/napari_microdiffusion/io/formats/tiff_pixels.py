"""The pixels of a TIFF image, all or some planes of them, in their own type and this machine's byte order."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io.formats.file_faults import as_user_error
from napari_microdiffusion.io.formats.tiff_image import Page, TiffImage

_SIGN = np.uint16(0x8000)


def load(image: TiffImage, path: Path) -> npt.NDArray[Any]:
    """Read all pixels, with the axes of the file."""
    series = image.series
    with as_user_error(path):
        data = _of_several_files(list(series)) if series.is_multifile else series.asarray()
        if data.size != math.prod(image.shape):
            raise UserError(
                f"{path.name} is damaged: its header promises the shape {image.shape}, its pixels have "
                f"{data.shape}."
            )
        return _in_own_type(data, image).reshape(image.shape)


def load_planes(image: TiffImage, path: Path, planes: npt.NDArray[np.integer]) -> npt.NDArray[Any]:
    """Read some pages, each a plane or the samples of one.

    Parameters
    ----------
    image, path
        The image and its file.
    planes
        Numbers of pages in the order of the file, in an array of any shape.

    Returns
    -------
    ndarray
        Of the shape of `planes` and of a page.
    """
    series = image.series
    page = series.keyframe.shape
    file = series.keyframe.parent
    with as_user_error(path):
        if series.dataoffset is not None and not series.is_multifile:
            stored = np.dtype(series.dtype).newbyteorder(file.byteorder)
            shape = (math.prod(image.shape) // math.prod(page), *page)
            whole = file.filehandle.memmap_array(stored, shape, series.dataoffset)
            return _in_own_type(np.asarray(whole[planes]), image)
        numbers = [int(plane) for plane in planes.ravel()]
        if series.is_multifile:
            data = _of_several_files([series[number] for number in numbers])
        else:
            data = file.asarray(numbers, series=series)
    return _in_own_type(data, image).reshape(*planes.shape, *page)


def _of_several_files(pages: Sequence[Page | None]) -> npt.NDArray[Any]:
    """Read pages one by one, each from its own file: a set may have thousands, and few may be open."""
    planes = []
    for page in pages:
        assert page is not None, "absent pages are refused before any is read"
        handle = page.parent.filehandle
        is_closed = handle.closed
        if is_closed:
            handle.open()
        try:
            planes.append(page.asarray())
        finally:
            if is_closed:
                handle.close()
    return np.stack(planes)


def _in_own_type(data: npt.NDArray[Any], image: TiffImage) -> npt.NDArray[Any]:
    native = data.astype(data.dtype.newbyteorder("="), copy=False)
    return (native ^ _SIGN).view(np.int16) if image.is_signed else native
