"""A stack (planes, rows, columns) inside an image layer of any number of axes."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .contributions import METADATA_KEY
from .placement import Placement

if TYPE_CHECKING:
    from napari.layers import Image


@dataclass(frozen=True, eq=False)
class Stack:
    """A stack (Z, H, W) inside a layer.

    Attributes
    ----------
    layer : napari.layers.Image
    chosen : tuple of int
        Index along each axis before the last three.
    """

    layer: "Image"
    chosen: tuple[int, ...] = ()

    @property
    def data(self) -> Any:
        """The stack, as lazy as the layer's data are."""
        array = array_of(self.layer)
        return array[self.chosen] if self.chosen else array

    @property
    def shape(self) -> tuple[int, int, int]:
        """Planes, rows, columns."""
        planes, height, width = array_of(self.layer).shape[-3:]
        return int(planes), int(height), int(width)

    @property
    def name(self) -> str:
        """The layer's name with what was chosen."""
        marks = "".join(f" {index}" for index in self.chosen)
        return f"{self.layer.name}{marks}"

    @property
    def placement(self) -> Placement:
        """Where the stack lies."""
        return Placement.of_layer(self.layer)

    @property
    def known(self) -> dict[str, Any]:
        """What this plugin knows of the layer: step length, beam, path, notes, role."""
        return known_of(self.layer)


def array_of(layer: "Image") -> Any:
    """The layer's data; of several resolutions the finest."""
    return layer.data[0] if layer.multiscale else layer.data


def known_of(layer: Any) -> dict[str, Any]:
    """What this plugin noted in a layer's metadata."""
    found = layer.metadata.get(METADATA_KEY)
    return found if isinstance(found, dict) else {}


def why_no_stack(layer: Any, planes: int = 2) -> str:
    """Why a layer is no stack of at least so many grey planes; nothing where it is one."""
    from napari.layers import Image

    if not isinstance(layer, Image):
        kind = type(layer).__name__.lower()
        return f"“{layer.name}” is a {kind} layer, not an image"
    if layer.rgb:
        return f"“{layer.name}” is a colour picture; split it into channels first"
    shape = array_of(layer).shape
    if len(shape) < 3:
        return f"“{layer.name}” is a single plane, not a stack"
    if shape[-3] < planes:
        return f"“{layer.name}” has {shape[-3]} plane{'s' * (shape[-3] != 1)}; at least {planes} are needed"
    if array_of(layer).dtype.kind not in "uif":
        return f"“{layer.name}” holds no intensities ({array_of(layer).dtype})"
    return ""
