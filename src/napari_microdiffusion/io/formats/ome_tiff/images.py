"""OME-TIFF: one file or a set of them, whose planes are put where the description says that they belong.

The pages are placed here, from the description itself, since a wrong file, channel or time point in the place
of a depth would go unnoticed. Where the description cannot be followed, its sizes and its dimension order
are used if the pages of the file are exactly as many; otherwise the file is refused.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io.axes import NAME_AXES
from napari_microdiffusion.io.formats.file_faults import as_user_error, unfit
from napari_microdiffusion.io.formats.ome_tiff.description import OmeDescription, OmeImage, parse_ome
from napari_microdiffusion.io.formats.ome_tiff.file_set import COMPANION_SUFFIXES, FileSet
from napari_microdiffusion.io.formats.tiff_completeness import lacking
from napari_microdiffusion.io.formats.tiff_file import open_tiff
from napari_microdiffusion.io.formats.tiff_image import TiffImage, stacked

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage

_LARGEST = 10_000_000
_BY_ORDER = (
    "The OME-XML does not say where in this file the planes lie; its sizes and its dimension order fit the "
    "pages and are used."
)


@dataclass(frozen=True)
class _Placed:
    """Where the planes of an image lie, as (file, page), None for those that were not found."""

    image: OmeImage
    places: list[tuple[Path, int] | None]
    absent: int
    contradicts: bool


def ome_images(file: "TiffFile | None", path: Path, text: str, stack: ExitStack) -> list[TiffImage]:
    """Return the images of which the file at `path` holds planes.

    Parameters
    ----------
    file
        Open; None where `path` is the XML file that describes a set.
    path
        The file that is read.
    text
        Its OME-XML.
    stack
        Closes the other files of the set.

    Raises
    ------
    UserError
        Where the description and the pages do not fit, or files of the set are missing.
    """
    described, head = parse_ome(text, path.name), path
    if described.master is not None:
        head, described = _followed(described.master, path)
    files = FileSet(path, file, head, described.uuid, stack)
    images = [image for image in described.images if image.planes]
    if not images:
        raise UserError(f"{path.name} has OME-XML without an image; {NAME_AXES}.")
    if sum(image.planes for image in images) > _LARGEST:
        raise UserError(f"{path.name} is damaged: its header promises more than {_LARGEST} planes.")
    files.find_renamed(run for image in images for run in image.runs)
    placed = [_placed(image, files) for image in images]
    if file is not None:
        # What the file that was named holds is what is wanted, wherever its description lies.
        own = [one for one in placed if any(place and place[0] == path for place in one.places)]
        if not own or any(one.absent or one.contradicts for one in own):
            placed, files.notes = _by_order(images, own, files, described), [*files.notes, _BY_ORDER]
        else:
            placed = own
            _check_rest(own, files)
    return [_tiff_image(one, files, described) for one in placed]


def _followed(name: str, path: Path) -> tuple[Path, OmeDescription]:
    """Return the file that describes the set of which `path` is one, and what it says."""
    # A name beside this file: a path that leads elsewhere is not followed.
    head = path.with_name(Path(name.replace("\\", "/")).name)
    missing = UserError(
        f"{path.name} is one file of a set that {head.name} describes; keep all of them in one folder."
    )
    if not head.is_file() or head == path:
        raise missing
    if head.suffix.lower() in COMPANION_SUFFIXES:
        described = parse_ome(companion_text(head), head.name)
    else:
        with open_tiff(head) as first, as_user_error(head):
            described = parse_ome(first.pages.first.description, head.name)
    if described.master is not None:
        raise missing
    return head, described


def companion_text(path: Path) -> str:
    """Return the text of an XML file beside a set of images."""
    with as_user_error(path, "OME-XML"):
        content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def _placed(image: OmeImage, files: FileSet) -> _Placed:
    places: list[tuple[Path, int] | None] = [None] * image.planes
    contradicts = False
    for run in image.runs:
        where = files.file_of(run)
        if where is None:
            continue
        pages = files.pages(where)
        for step in range(len(pages) - run.page if run.count is None else min(run.count, image.planes)):
            if run.first is None or run.first + step >= image.planes or run.page + step >= len(pages):
                break
            place = (where, run.page + step)
            contradicts |= places[run.first + step] not in (None, place)
            places[run.first + step] = place
    here = [place for place in places if place is not None]
    return _Placed(image, places, image.planes - len(here), contradicts or len(set(here)) < len(here))


def _check_rest(own: Sequence[_Placed], files: FileSet) -> None:
    """Refuse pages of the file that belong to no image, save where the description counts its own."""
    named = {place for one in own for place in one.places}
    rest = [
        page
        for number, page in enumerate(files.pages(files.path))
        if (files.path, number) not in named and not cast("TiffPage", page.keyframe).is_reduced
    ]
    if rest and any(run.count is None for one in own for run in one.image.runs):
        wanted = sum(one.image.planes for one in own)
        raise UserError(unfit(files.path.name, "OME-XML", wanted, wanted + len(rest)))
    if rest:
        files.notes.append(f"The OME-XML does not name {len(rest)} of the pages; they are left out.")


def _by_order(
    images: Sequence[OmeImage], own: Sequence[_Placed], files: FileSet, described: OmeDescription
) -> list[_Placed]:
    """Return the planes in the dimension order, where the pages of the one file are exactly as many."""
    path, total = files.path, sum(image.planes for image in images)
    pages = files.pages(path)
    absent = sum(one.absent for one in own)
    if files.missing or len(pages) != total:
        wanted = sum(one.image.planes for one in own) or total
        if files.missing or (own and absent and not any(one.contradicts for one in own)):
            raise UserError(lacking(path.name, absent or wanted, wanted))
        raise UserError(unfit(path.name, "OME-XML", wanted, len(pages)))
    found, start = [], 0
    for image in images:
        places: list[tuple[Path, int] | None] = [(path, start + k) for k in range(image.planes)]
        start += image.planes
        found.append(_Placed(image, places, 0, contradicts=False))
    for one in own:
        ordered = next(new for new in found if new.image is one.image)
        if any(place not in (None, new) for place, new in zip(one.places, ordered.places, strict=True)):
            raise UserError(
                f"{path.name} has OME-XML that contradicts itself on where its planes lie; {NAME_AXES}."
            )
    return found


def _tiff_image(placed: _Placed, files: FileSet, described: OmeDescription) -> TiffImage:
    image, path = placed.image, files.path
    if placed.absent:
        raise UserError(lacking(path.name, placed.absent, image.planes))
    if "Z" in image.folded and image.sizes[image.axes.index("Z")] > 1:
        raise UserError(
            f"{path.name} has {image.folded['Z']}s folded into its depth axis; save one stack of them alone."
        )
    pages = [None if place is None else files.pages(place[0])[place[1]] for place in placed.places]
    members = {place[0] for place in placed.places if place is not None}
    series = stacked(pages, image.axes, image.sizes, path.name, len(members) > 1)
    files.keep_open(members)
    notes = [*described.notes, *files.notes]
    metadata = image.metadata
    page = series.keyframe
    if (page.imagelength, page.imagewidth) != image.plane:
        # Cropped or resized by a program that kept the description: the spacing may be that of other pixels.
        notes.append(
            f"The OME-XML is that of an image of {image.plane[0]} by {image.plane[1]} pixels, the pages have "
            f"{page.imagelength} by {page.imagewidth}; the scale in it is left out."
        )
        metadata = metadata.without_scale()
    notes += [f"The {axis.lower()} axis holds {what}s." for axis, what in image.folded.items()]
    return TiffImage(
        series,
        metadata,
        image.name,
        series.axes,
        series.shape,
        is_named=True,
        notes=tuple(dict.fromkeys(notes)),
        sources=files.sources,
    )
