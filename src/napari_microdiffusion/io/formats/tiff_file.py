"""Opening a TIFF whose directories are whole, rather than one that is cut short or no TIFF at all."""

import logging
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io.formats.file_faults import as_user_error, cut_short

if TYPE_CHECKING:
    from tifffile import TiffFile

_SILENCE = logging.NullHandler()
_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# Bytes of one value by its type in a directory; one where nothing is said here.
_VALUE_SIZES = {
    **dict.fromkeys((3, 8), 2),
    **dict.fromkeys((4, 9, 11, 13), 4),
    **dict.fromkeys((5, 10, 12, 16, 17, 18), 8),
}
# What a page must have in common with another to be a plane of the same stack: size, type, how it is stored.
_FORM_TAGS = frozenset({254, 256, 257, 258, 259, 262, 266, 277, 278, 284, 317, 322, 323, 338, 339})
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
    check_tiff(path)
    import tifffile

    # Whatever tifffile would print is checked for here and raised as one sentence.
    logging.getLogger("tifffile").addHandler(_SILENCE)
    with as_user_error(path):
        file = tifffile.TiffFile(path)
    with file:
        yield file


def check_tiff(path: Path) -> bool:
    """Return whether all pages are of one form: size, type and the way they are stored.

    Raises
    ------
    UserError
        For what is no TIFF file, or one that lacks a part of its directories.
    """
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
            return _check_directories(handle, magic, path)
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file.") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}.") from error


def _check_directories(handle: BinaryIO, magic: bytes, path: Path) -> bool:
    """Follow the chain of page directories to its end, which a file cut short does not hold; compare them.

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
    forms: set[tuple[tuple[int, bytes], ...]] = set()

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
        form: list[tuple[int, bytes]] = []
        for code, kind, count, value in struct.iter_unpack(
            tag_form, tags[: len(tags) // tag_size * tag_size]
        ):
            if code in _FORM_TAGS:
                form.append((code, value))
            length = count * _VALUE_SIZES.get(kind, 1)
            # Private tags of some cameras are wrong in sound files; a lost description would be a lost scale.
            if length > inline and (code < _FIRST_PRIVATE or code in _IMAGEJ_TAGS):
                (start,) = struct.unpack(offset_form, value)
                if start + length > size:
                    raise UserError(cut_short(path))
        forms.add(tuple(form))
        offset = number(offset_form)
    if not seen:
        raise UserError(f"{path.name} holds no image.")
    return len(forms) == 1
