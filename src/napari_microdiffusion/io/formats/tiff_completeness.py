"""Whether all pixels of an image are there, before any of them is read.

tifffile reads on after a fault: it logs it and returns fewer planes, or zeros for the missing ones. A
reconstruction from such a stack would look plausible and be wrong.
"""

import math
from pathlib import Path
from typing import TYPE_CHECKING, cast

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io.axes import NAME_AXES
from napari_microdiffusion.io.formats.file_faults import cut_short

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage, TiffPageSeries

# No compressor of images gains more; a header that promises more is damaged or meant to exhaust the memory.
_MAX_COMPRESSION = 2000
_SMALL = 2**28


def check_complete(file: "TiffFile", series: "TiffPageSeries", path: Path) -> None:
    """Compare where the pixels should lie with where the files end.

    Raises
    ------
    UserError
        Where planes are absent or cut short, or the header promises what no such file can hold.
    """
    size = file.filehandle.size
    _check_bits(series.keyframe, path)
    stored = math.prod(series.get_shape(False))
    wanted = stored * series.dtype.itemsize
    if not series.is_multifile and wanted > _SMALL and wanted > _MAX_COMPRESSION * size:
        raise UserError(f"{path.name} is damaged: its header promises {wanted / 1e9:.1f} GB of pixels.")
    is_packed = _stored_bytes(series.keyframe) != series.keyframe.nbytes
    if series.dataoffset is not None and not series.is_multifile and not is_packed:
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
        keyframe = cast("TiffPage", page.keyframe)
        ends = [start + count for start, count in zip(page.dataoffsets, page.databytecounts, strict=True)]
        if not ends or 0 in page.dataoffsets or 0 in page.databytecounts:
            absent += 1
        elif max(ends) > page.parent.filehandle.size:
            raise UserError(cut_short(path, f"it should hold {max(ends)} bytes and has {size}"))
        elif keyframe.compression == 1 and sum(page.databytecounts) < _stored_bytes(keyframe):
            raise UserError(f"{path.name} is damaged: page {page.index} holds too few bytes for its pixels.")
    if absent:
        raise UserError(lacking(path.name, absent, planes))


def lacking(name: str, absent: int, planes: int) -> str:
    """Return the sentence for a file or set of which planes are absent."""
    return (
        f"{name} lacks {absent} of its {planes} planes; if they lie in other files of the same set, keep all "
        f"of them in one folder; if what is here is the stack, {NAME_AXES}."
    )


def _check_bits(page: "TiffPage", path: Path) -> None:
    """Refuse samples of whole bytes that are no numbers of a processor: tifffile would misread them."""
    bits = page.bitspersample
    if bits > 16 and bits % 8 == 0 and bits not in (32, 64):
        raise UserError(
            f"{path.name} has {bits} bits a pixel, which is not read; export it with 8, 16 or 32 bits."
        )


def _stored_bytes(page: "TiffPage") -> int:
    """Bytes of a page without compression: samples may be packed, but each row starts with a byte."""
    together = page.samplesperpixel if page.planarconfig == 1 else 1
    rows = page.imagelength * page.imagedepth * (page.samplesperpixel // together)
    return int(rows * -(-page.imagewidth * together * page.bitspersample // 8))
