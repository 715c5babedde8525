"""One image of a TIFF file or of a set of them: its pages in order, and what is known of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Union, cast

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io.formats.tiff_file import check_tiff
from napari_microdiffusion.io.metadata import FileMetadata

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffFrame, TiffPage, TiffPageSeries

Page = Union["TiffPage", "TiffFrame"]


@dataclass(frozen=True)
class TiffImage:
    """An image as a format's own module finds it.

    Attributes
    ----------
    series
        Its pages, with the axes and shape of the file; absent pages are None.
    metadata
        Scale, channels, and what this package wrote.
    name
        As the file calls it; may be empty.
    axes, shape
        As the file has them, one letter an axis as tifffile gives them.
    is_named
        The file names its axes, so that one without a name is none that may be taken as z.
    is_signed
        Whole numbers of 16 bits that were stored 32768 too high, as ImageJ does.
    notes
        Sentences on what was assumed.
    sources
        The files of the set, where there are more than the one that is read.
    """

    series: "TiffPageSeries"
    metadata: FileMetadata
    name: str
    axes: str
    shape: tuple[int, ...]
    is_named: bool = False
    is_signed: bool = False
    notes: tuple[str, ...] = ()
    sources: frozenset[Path] = field(default_factory=frozenset)


def all_pages(file: "TiffFile") -> list["TiffPage"]:
    """Return the pages of a file with all that each says of itself."""
    file.pages.useframes = False
    return [cast("TiffPage", page) for page in file.pages]


def placed_pages(file: "TiffFile") -> list[Page]:
    """Return the pages of a file, each with its own size and type.

    tifffile itself looks at a few pages only, and takes the others for ones like the first.
    """
    if check_tiff(Path(file.filehandle.path)):
        # Several times as fast to read, and some files have ten thousand.
        file.pages.useframes = True
        file.pages.set_keyframe(0)
        return list(file.pages)
    return [*all_pages(file)]


def planes_of(file: "TiffFile") -> list[Page]:
    """Return the pages of a file as `placed_pages`, without thumbnails."""
    return [page for page in placed_pages(file) if not cast("TiffPage", page.keyframe).is_reduced]


def stacked(
    pages: Sequence[Page | None], axes: str, sizes: Sequence[int], name: str, several_files: bool = False
) -> "TiffPageSeries":
    """Return pages as one series.

    Parameters
    ----------
    pages
        In order; None for one that is absent.
    axes, sizes
        Of the pages: a letter and a size each, whose product is their number.
    name
        File name for the messages.
    several_files
        Whether the pages lie in more than one file.

    Raises
    ------
    UserError
        Where the pages differ in size or type.
    """
    import tifffile

    here = [page for page in pages if page is not None]
    if not here:
        raise UserError(f"{name} lacks all planes of an image; keep the files of a set in one folder.")
    first = cast("TiffPage", here[0].keyframe)
    if any(page.shape != first.shape or page.dtype != first.dtype for page in here):
        raise UserError(f"{name} is no stack: its {len(here)} planes differ in size or type.")
    return tifffile.TiffPageSeries(
        list(pages),
        (*sizes, *first.shape),
        first.dtype,
        axes + first.axes,
        multifile=several_files,
        squeeze=False,
    )
