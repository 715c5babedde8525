"""What OME-XML says of the images in a file or in a set of files, and where each of their planes lies.

The model: https://docs.openmicroscopy.org/ome-model (2016-06). Sizes, dimension order and the places of the
planes are read here and compared with the pages in `ome_tiff`; nothing is taken from a description that
contradicts itself.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from xml.etree import ElementTree

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io.axes import NAME_AXES
from napari_microdiffusion.io.metadata import (
    FileMetadata,
    converted_length,
    lateral_and_depth,
    own_values,
    positive,
)
from napari_microdiffusion.io.units import is_pixel_unit, micrometres, unknown_unit

# Of the axes that a writer may fold into z, c or t (annotations named ModuloAlong...).
_FOLDED = re.compile(r"ModuloAlong([ZCT])\b[^>]*?\bType=[\"'](\w+)")
_MALFORMED = (
    "The OME-XML of the file is malformed; its sizes and its dimension order fit the pages and are used."
)


@dataclass(frozen=True)
class PlaneRun:
    """Planes that lie one behind the other in one file.

    Attributes
    ----------
    first
        Index of the first plane along (t, z, c) as in `OmeImage.axes`; None where it lies outside the image.
    count
        How many; None for as many as the file has pages from `page` on.
    page
        Number of the first page.
    file, uuid
        Name and identifier of the file; None for the file that holds the description.
    """

    first: int | None
    count: int | None
    page: int
    file: str | None = None
    uuid: str | None = None


@dataclass(frozen=True)
class OmeImage:
    """One image of a description.

    Attributes
    ----------
    name
        As the microscope or the person called it; may be empty.
    axes, sizes
        Of the planes, from the slowest to the fastest: "TZC" in some order.
    plane
        Rows and columns.
    samples
        Channels that lie in one page.
    runs
        Where the planes lie; empty where the description does not say.
    folded
        Axes that were folded into others, with what they are: {"Z": "phase"}.
    metadata
        Scale, channels and what this package wrote.
    """

    name: str
    axes: str
    sizes: tuple[int, ...]
    plane: tuple[int, int]
    samples: int = 1
    runs: tuple[PlaneRun, ...] = ()
    folded: dict[str, str] = field(default_factory=dict)
    metadata: FileMetadata = field(default_factory=FileMetadata)

    @property
    def planes(self) -> int:
        """How many pages the image should have, where each holds all samples."""
        return math.prod(self.sizes)


@dataclass(frozen=True)
class OmeDescription:
    """The images of a description, the identifier of the file that holds it, and what is wrong with it."""

    images: tuple[OmeImage, ...]
    uuid: str | None = None
    master: str | None = None
    notes: tuple[str, ...] = ()


def looks_like_ome(text: str) -> bool:
    """Return whether a page's description is OME-XML, even without its end."""
    head = text[:4000]
    return "<OME" in head and ("openmicroscopy" in head or text.rstrip().endswith("OME>"))


def parse_ome(text: str, name: str) -> OmeDescription:
    """Read OME-XML, as much of it as can be understood.

    Parameters
    ----------
    text
        The XML.
    name
        File name for the messages.

    Raises
    ------
    UserError
        Where it defines entities, which no writer of images does, or gives sizes that are no numbers.
    """
    if "<!ENTITY" in text or "<!DOCTYPE" in text:
        raise UserError(f"{name} has OME-XML that defines entities, which is not read; export it again.")
    notes: tuple[str, ...] = ()
    root = _tree(text)
    if root is None:
        notes = (_MALFORMED,)
        root = _tree(_mended(text))
    if root is None:
        root = _without_children(text)
    binary = next((child for child in root if _local(child) == "BinaryOnly"), None)
    if binary is not None:
        return OmeDescription((), root.get("UUID"), binary.get("MetadataFile"), notes)
    own = own_values(
        {
            pair.get("K", ""): pair.text or ""
            for annotation in root.iter()
            if _local(annotation) == "MapAnnotation"
            for pair in annotation.iter()
            if _local(pair) == "M"
        }
    )
    folded = dict(_FOLDED.findall(text))
    images = []
    for image in (child for child in root.iter() if _local(child) == "Image"):
        pixels = next((child for child in image if _local(child) == "Pixels"), None)
        if pixels is not None:
            images.append(_image(image, pixels, own, folded, name))
    return OmeDescription(tuple(images), root.get("UUID"), None, notes)


def _local(element: ElementTree.Element) -> str:
    """Return an element's tag without its name space, whose year differs between writers."""
    return element.tag.rpartition("}")[2]


def _tree(text: str) -> ElementTree.Element | None:
    try:
        # As bytes, or a declared encoding that is not that of a str is an error.
        return ElementTree.fromstring(re.sub(r"^\s*<\?xml[^>]*\?>", "", text))
    except (ElementTree.ParseError, ValueError):
        return None


def _mended(text: str) -> str:
    """Undo the commonest faults: a bare ampersand, control characters, and what follows the end."""
    text = re.sub(r"&(?!(?:\w+|#\d+|#x[0-9a-fA-F]+);)", "&amp;", text)
    text = re.sub(r"[\0-\x08\x0b\x0c\x0e-\x1f]", "", text)
    ends = [found.end() for found in re.finditer(r"</(?:\w+:)?OME>", text)]
    return text[: ends[-1]] if ends else text


def _without_children(text: str) -> ElementTree.Element:
    """Return the images with the attributes of their pixels alone, from XML that cannot be parsed."""
    root = ElementTree.Element("OME")
    for found in re.finditer(r"<(?:\w+:)?Pixels\b([^<>]*)", text):
        image = ElementTree.SubElement(root, "Image")
        ElementTree.SubElement(image, "Pixels", dict(re.findall(r"(\w+)\s*=\s*[\"']([^\"']*)", found[1])))
    return root


def _image(
    image: ElementTree.Element,
    pixels: ElementTree.Element,
    own: dict[str, Any],
    folded: dict[str, str],
    name: str,
) -> OmeImage:
    axes = pixels.get("DimensionOrder", "").upper()[::-1]
    if sorted(axes) != sorted("TZCYX") or not axes.endswith("YX"):
        raise UserError(f"{name} has OME-XML without a dimension order; {NAME_AXES}.")
    sizes = {axis: _whole(pixels.get(f"Size{axis}"), f"Size{axis}", name) for axis in axes}
    channels = [child for child in pixels if _local(child) == "Channel"]
    samples = {_whole(child.get("SamplesPerPixel") or "1", "SamplesPerPixel", name) for child in channels}
    if len(samples) > 1:
        raise UserError(
            f"{name} has channels of different kinds in one image ({image.get('Name', '')!r}: some of one, "
            "some of several samples a pixel), which is not read; export one of them alone."
        )
    each = samples.pop() if samples else 1
    if each > 1 and sizes["C"] % each == 0:
        sizes["C"] //= each
    outer = axes[:-2]
    shape = tuple(sizes[axis] for axis in outer)
    runs = tuple(_runs(pixels, outer, shape, name))
    names = [child.get("Name", "") for child in channels]
    metadata = _metadata(pixels, names if len(names) == sizes["C"] else [], own)
    return OmeImage(
        image.get("Name", ""), outer, shape, (sizes["Y"], sizes["X"]), each, runs, folded, metadata
    )


def _whole(text: str | None, what: str, name: str) -> int:
    if text is None or not re.fullmatch(r"\s*\d{1,9}\s*", text) or int(text) == 0:
        raise UserError(f"{name} has OME-XML whose {what} is {text!r}; a whole number above zero is needed.")
    return int(text)


def _runs(pixels: ElementTree.Element, axes: str, sizes: tuple[int, ...], name: str) -> Iterator[PlaneRun]:
    for data in (child for child in pixels if _local(child) == "TiffData"):
        numbers = {}
        for key in (*(f"First{axis}" for axis in axes), "IFD", "NumPlanes", "PlaneCount"):
            text = data.get(key)
            if text is not None and not re.fullmatch(r"\s*\d{1,9}\s*", text):
                raise UserError(f"{name} has OME-XML whose {key} is {text!r}; {NAME_AXES}.")
            numbers[key] = None if text is None else int(text)
        index = [numbers[f"First{axis}"] or 0 for axis in axes]
        first: int | None = 0
        for at, size in zip(index, sizes, strict=True):
            first = None if first is None or at >= size else first * size + at
        count = numbers["PlaneCount"] or numbers["NumPlanes"]
        if count is None and numbers["IFD"] is not None:
            count = 1
        uuid = next((child for child in data if _local(child) == "UUID"), None)
        file = None if uuid is None else uuid.get("FileName")
        identity = None if uuid is None or not uuid.text else uuid.text.strip()
        yield PlaneRun(first, count, numbers["IFD"] or 0, file, identity)


def _metadata(pixels: ElementTree.Element, names: list[str], own: dict[str, Any]) -> FileMetadata:
    sizes = [positive(pixels.get(f"PhysicalSize{axis}")) for axis in "ZYX"]
    units = [pixels.get(f"PhysicalSize{axis}Unit", "µm") for axis in "ZYX"]
    notes: list[str] = []
    if all(is_pixel_unit(unit) for unit in units) and all(size is not None for size in sizes):
        unit, lengths = "pixel", sizes
    else:
        unit = "um"
        lengths = []
        for size, text in zip(sizes, units, strict=True):
            factor = micrometres(text)
            lengths.append(converted_length(size, factor))
            if size is not None and factor is None and unknown_unit(text) not in notes:
                notes.append(unknown_unit(text))
    channels = tuple(name or str(index) for index, name in enumerate(names)) if len(names) > 1 else ()
    metadata = FileMetadata(
        format="OME-TIFF",
        unit=unit,
        channels=channels,
        notes=tuple(notes),
        **lateral_and_depth(*lengths),
    )
    return replace(metadata, **own)
