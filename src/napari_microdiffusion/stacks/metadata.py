"""What this plugin notes in a layer's metadata, and reads there again."""

from typing import Any

from ..optics import Acquisition
from ..optics.recorded_beam import KEY, recorded_beam

LayerData = tuple[Any, dict[str, Any], str]

METADATA_KEY = "microdiffusion"
"""Key of a layer's metadata under which lies what this plugin knows of it."""

UNCERTAINTY_COLOURS = "inferno"
"""Name of the colour map of an uncertainty, shown or opened again."""


def known_of(layer: Any) -> dict[str, Any]:
    """What this plugin noted in a layer's metadata."""
    found = layer.metadata.get(METADATA_KEY)
    return found if isinstance(found, dict) else {}


def known_beam(acquisition: Acquisition) -> dict[str, Any]:
    """What is noted on a layer of the step length and the beam."""
    beam = {"step_length": acquisition.step_length, "beam": acquisition.beam}
    return beam | {KEY: recorded_beam(acquisition)}
