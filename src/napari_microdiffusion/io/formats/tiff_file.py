"""Opening a TIFF, and telling a whole one from one that is cut short, damaged or no TIFF at all.

tifffile reads on after a fault: it logs it and returns fewer planes, or zeros for the missing ones. A
reconstruction from such a stack would look plausible and be wrong, so completeness is checked here, on the
offsets in the file, before any pixel is read.
"""

import logging
import math
import os
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import numpy.typing as npt

from napari_microdiffusion.errors import UserError

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPageSeries

_SILENCE = logging.NullHandler()
_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# No compressor of images gains more; a header that promises more is damaged or meant to exhaust the memory.
_MAX_COMPRESSION = 2000
_SMALL = 2**28
# Bytes of one value by its type in a directory; one where nothing is said here.
_VALUE_SIZES = {
    **dict.fromkeys((3, 8), 2),
    **dict.fromkeys((4, 9, 11, 13), 4),
    **dict.fromkeys((5, 10, 12, 16, 17, 18), 8),
}
_FIRST_PRIVATE = 32768
_IMAGEJ_TAGS = (50838, 50839)


@contextmanager
def open_tiff(path: Path) -> Iterator["TiffFile"]:
    """Open a TIFF file that is known to be whole as far as its directories go.

    Raises
    ------
    UserError
        No such file, a folder, not readable, empty, not a TIFF, or cut short.
    """
    _check_file(path)
    import tifffile

    # Whatever tifffile would print is checked for here and raised as one sentence.
    logging.getLogger("tifffile").addHandler(_SILENCE)
    with as_user_error(path):
        file = tifffile.TiffFile(path)
    with file:
        master = _master(file, path)
        if master is None:
            yield file
    if master is None:
        return
    if master.suffix.lower() in (".tif", ".tiff"):
        _check_file(master)
        with as_user_error(master):
            file = tifffile.TiffFile(master)
    else:
        with as_user_error(path):
            file = tifffile.TiffFile(path, omexml=master.read_text(encoding="utf-8"))
    with file:
        yield file


def _master(file: "TiffFile", path: Path) -> Path | None:
    """Return the file that describes the set which this one belongs to, where it does not do so itself.

    Only the first file of some sets, or an XML file beside them, holds the description; the others name it
    (OME-XML, element BinaryOnly).
    """
    text = file.pages.first.description if file.is_ome else ""
    found = re.search(r'<BinaryOnly\b[^>]*\bMetadataFile="([^"]+)"', text)
    if found is None:
        return None
    # A name beside this file: a path that leads elsewhere is not followed.
    master = path.with_name(Path(found[1].replace("\\", "/")).name)
    if not master.is_file() or master == path:
        raise UserError(
            f"{path.name} is one file of a set that {master.name} describes; keep all of them in one folder."
        )
    return master


def first_series(file: "TiffFile", path: Path) -> "TiffPageSeries":
    """Return the first image of the file after checking that all of its pixels are there."""
    import tifffile

    with as_user_error(path):
        if file.is_scanimage:
            # Its pages one by one; tifffile's own order leaves out those of an unfinished slice.
            pages = list(file.pages)
            shape = (len(pages), *pages[0].shape)
            series = tifffile.TiffPageSeries(pages, shape, pages[0].dtype, "I" + pages[0].axes)
        elif not file.series:
            raise UserError(f"{path.name} holds no image.")
        else:
            series = file.series[0]
        _check_complete(file, series, path)
    return series


def load(series: "TiffPageSeries", path: Path) -> npt.NDArray[np.generic]:
    """Read all pixels of the series, in their own type and in this machine's byte order."""
    with as_user_error(path):
        data = series.asarray()
    if data.shape != series.shape:
        raise UserError(
            f"{path.name} is damaged: its header promises the shape {series.shape}, its pixels have "
            f"{data.shape}."
        )
    return data.astype(data.dtype.newbyteorder("="), copy=False)


def load_planes(
    series: "TiffPageSeries", path: Path, planes: npt.NDArray[np.integer]
) -> npt.NDArray[np.generic] | None:
    """Read some planes of the series, in their own type and in this machine's byte order.

    Parameters
    ----------
    series, path
        The image and its file.
    planes
        Numbers of planes in the order of the file, in an array of any shape.

    Returns
    -------
    ndarray or None
        Of the shape of `planes` and of a plane; None where a page of the file is no plane, so that it takes
        `load`.
    """
    height, width = series.shape[-2:]
    kind = series.dtype.newbyteorder("=")
    if series.axes[-2:] != "YX" or series.keyframe.shape != (height, width):
        return None
    file = series.keyframe.parent
    with as_user_error(path):
        if series.dataoffset is not None and not series.is_multifile:
            stored = np.dtype(series.dtype).newbyteorder(file.byteorder)
            shape = (math.prod(series.shape[:-2]), height, width)
            whole = file.filehandle.memmap_array(stored, shape, series.dataoffset)
            return np.asarray(whole[planes], kind)
        data = file.asarray([int(plane) for plane in planes.ravel()], series=series)
    return data.astype(kind, copy=False).reshape(*planes.shape, height, width)


@contextmanager
def as_user_error(path: Path, kind: str = "TIFF") -> Iterator[None]:
    """Turn whatever tifffile, zarr and the codecs raise on a bad file into one sentence.

    They raise nearly every built-in error on damaged files, so the net is wide; it is spread only where a
    file's header and pixels are parsed, and the cause stays attached.
    """
    try:
        yield
    except UserError:
        raise
    except MemoryError as error:
        raise UserError(f"{path.name} does not fit into this machine's memory.") from error
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(
            f"{path.name} is damaged or of a kind of {kind} that cannot be read ({reason[:200]})."
        ) from error


def _check_file(path: Path) -> None:
    try:
        if path.is_dir():
            raise UserError(f"{path} is a folder; the name of a TIFF file is needed.")
        with path.open("rb") as handle:
            magic = handle.read(4)
            if not magic:
                raise UserError(f"{path.name} is an empty file.")
            if magic not in _MAGIC:
                raise UserError(
                    f"{path.name} is not a TIFF image; other formats can be opened in napari with their own "
                    "reader and handed over as a layer, or exported as TIFF."
                )
            _check_directories(handle, magic, path)
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file.") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}.") from error


def _check_directories(handle: BinaryIO, magic: bytes, path: Path) -> None:
    """Follow the chain of page directories to its end, which a file cut short does not hold.

    Layout: Adobe, TIFF revision 6.0 (1992), section 2, and for 64-bit offsets the BigTIFF design.
    """
    order = "<" if magic[:1] == b"I" else ">"
    big = b"+" in magic
    offset_form, count_form, tag_form = (
        order + form for form in (("Q", "Q", "HHQ8s") if big else ["I", "H", "HHI4s"])
    )
    tag_size, inline = struct.calcsize(tag_form), struct.calcsize(offset_form)
    size = os.fstat(handle.fileno()).st_size
    handle.seek(8 if big else 4)
    seen: set[int] = set()

    def number(form: str) -> int:
        raw = handle.read(struct.calcsize(form))
        if len(raw) < struct.calcsize(form):
            raise UserError(cut_short(path))
        return int(struct.unpack(form, raw)[0])

    offset = number(offset_form)
    while offset:
        if offset in seen:
            raise UserError(f"{path.name} is damaged: its pages lead back to themselves.")
        seen.add(offset)
        handle.seek(min(offset, size))
        tags = handle.read(min(number(count_form) * tag_size, size))
        for code, kind, count, value in struct.iter_unpack(
            tag_form, tags[: len(tags) // tag_size * tag_size]
        ):
            length = count * _VALUE_SIZES.get(kind, 1)
            # Private tags of some cameras are wrong in sound files; a lost description would be a lost scale.
            if length > inline and (code < _FIRST_PRIVATE or code in _IMAGEJ_TAGS):
                (start,) = struct.unpack(offset_form, value)
                if start + length > size:
                    raise UserError(cut_short(path))
        offset = number(offset_form)
    if not seen:
        raise UserError(f"{path.name} holds no image.")


def cut_short(path: Path, missing: str = "a part of it is missing") -> str:
    """Return the sentence for a file that lacks its end."""
    return f"{path.name} is cut short: {missing}; copy or export it again."


def _check_complete(file: "TiffFile", series: "TiffPageSeries", path: Path) -> None:
    """Compare where the pixels should lie with where the files end."""
    size = file.filehandle.size
    stored = math.prod(series.get_shape(False))
    wanted = stored * series.dtype.itemsize
    if not series.is_multifile and wanted > _SMALL and wanted > _MAX_COMPRESSION * size:
        raise UserError(f"{path.name} is damaged: its header promises {wanted / 1e9:.1f} GB of pixels.")
    _check_imagej_count(file, series, path)
    if series.dataoffset is not None and not series.is_multifile:
        if series.dataoffset + wanted > size:
            raise UserError(
                cut_short(path, f"it should hold {series.dataoffset + wanted} bytes and has {size}")
            )
        return
    planes = stored // max(math.prod(series.keyframe.shape), 1)
    if planes != len(series):
        raise UserError(
            f"{path.name} is damaged: its header promises {planes} planes, it holds {len(series)}."
        )
    absent = 0
    for page in series:
        if page is None:
            absent += 1
            continue
        ends = [start + count for start, count in zip(page.dataoffsets, page.databytecounts, strict=True)]
        if not ends or 0 in page.dataoffsets or 0 in page.databytecounts:
            absent += 1
        elif max(ends) > page.parent.filehandle.size:
            raise UserError(cut_short(path, f"it should hold {max(ends)} bytes and has {size}"))
        elif series.keyframe.compression == 1 and sum(page.databytecounts) < page.nbytes:
            raise UserError(f"{path.name} is damaged: page {page.index} holds too few bytes for its pixels.")
    if absent:
        raise UserError(
            f"{path.name} lacks {absent} of its {planes} planes; if they lie in other files of the same set, "
            "keep all of them in one folder."
        )


def _check_imagej_count(file: "TiffFile", series: "TiffPageSeries", path: Path) -> None:
    """Catch an ImageJ stack that is cut short: tifffile then falls back on the first page alone."""
    header = file.imagej_metadata
    if header is None or series.kind not in ("uniform", "generic"):
        return
    axes = [header.get(key, 1) for key in ("channels", "slices", "frames")]
    if not all(isinstance(count, int) for count in axes):
        return
    planes = math.prod(axes)
    if planes > len(series):
        raise UserError(cut_short(path, f"it should hold {planes} planes and has {len(series)}"))
