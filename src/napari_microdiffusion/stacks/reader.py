"""The reader that the manifest names: TIFF and OME-Zarr stacks into image layers."""

from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ..io import ImageStack, UnchosenPosition, is_stack
from ..optics.recorded_beam import KEY, beam_in
from .contrast_limits import limits_of, sampled
from .lazy import apart
from .metadata import METADATA_KEY, UNCERTAINTY_COLOURS, LayerData
from .on_disk import open_stack
from .placement import Placement, rule_record

Reader = Callable[[Any], list[LayerData]]

READABLE = (".tif", ".tiff", ".lsm", ".zarr")

# What a saved result can be; neither is offered as projections.
_RESULTS = ("volume", "uncertainty", "INR", "ground truth", "video")

# For stacks with several channels, one layer each.
_CHANNEL_COLOURS = ("green", "magenta", "cyan", "yellow", "red", "blue")


def get_reader(path: str | PathLike[str] | Sequence[str]) -> Reader | None:
    """Give the reader for a TIFF or OME-Zarr stack, or None for RGB, single images and everything else.

    Looks at the header alone.
    """
    if isinstance(path, Sequence) and not isinstance(path, str):
        if len(path) != 1:
            return None
        path = path[0]
    if Path(path).suffix.lower() not in READABLE or not is_stack(path):
        return None
    return read_layers


def read_layers(path: str | PathLike[str] | Sequence[str]) -> list[LayerData]:
    """Read a stack into image layers with scale, units and axis labels, one for each channel and position.

    A large one stays in its file, which is read as the viewer asks for it; see `on_disk.open_stack`.

    Raises
    ------
    UserError
        If the file cannot be used; see `io.read_image`.
    """
    if isinstance(path, Sequence) and not isinstance(path, str):
        path = path[0]
    try:
        return image_layers(*open_stack(path))
    except UnchosenPosition as several:
        positions = range(len(several.positions))
        return [layer for at in positions for layer in image_layers(*open_stack(path, position=at))]


def image_layers(image: ImageStack, *coarser: ImageStack) -> list[LayerData]:
    """Turn a stack into layer data; a time axis stays the first axis of its layers.

    Parameters
    ----------
    image : ImageStack
    *coarser : ImageStack
        The same at coarser resolutions, from the finest on.
    """
    placed = Placement.of_image(image)
    arguments = placed.over_time() if "t" in image.axes else placed.layer_arguments()
    placed_by_rule = rule_record(image)
    levels = [level.data for level in (image, *coarser)]
    if "c" not in image.axes:
        known = {METADATA_KEY: _known_of(image), **placed_by_rule}
        look = {**_look(levels[-1], known[METADATA_KEY]["role"]), **arguments}
        return [_layer(levels, {"name": image.name, "metadata": known, **look})]
    axis, names = image.axes.index("c"), image.metadata.get("channels") or ()
    layers: list[LayerData] = []
    for index in range(image.data.shape[axis]):
        name = names[index] if index < len(names) else f"channel {index}"
        channel, known = [np.take(level, index, axis) for level in levels], _known_of(image, index)
        look = {
            "name": f"{image.name} {name}",
            "colormap": _CHANNEL_COLOURS[index % len(_CHANNEL_COLOURS)],
            "blending": "additive",
            "metadata": {METADATA_KEY: known, **placed_by_rule},
            **_look(channel[-1], known["role"]),
        }
        layers.append(_layer(channel, {**look, **arguments}))
    return layers


def _layer(levels: list[Any], look: dict[str, Any]) -> LayerData:
    return (levels[0], look, "image") if len(levels) == 1 else (levels, look | {"multiscale": True}, "image")


def _look(data: Any, role: str) -> dict[str, Any]:
    """Contrast limits by percentiles, since single bright pixels would darken all others."""
    low, high = limits_of(sampled(apart(data)))
    if role == "uncertainty":
        return {"colormap": UNCERTAINTY_COLOURS, "contrast_limits": (0.0, max(high, 1e-30))}
    return {"contrast_limits": (low, high)} if high > low + 1e-5 * abs(low) else {}


def _known_of(image: ImageStack, channel: int = 0) -> dict[str, Any]:
    """What is noted on a layer: what the file says, and for a saved result the settings that made it."""
    description = image.metadata.get("description") or {}
    quantity = description.get("quantity", "")
    if isinstance(quantity, list):
        quantity = quantity[channel] if channel < len(quantity) else ""
    role = quantity if quantity in _RESULTS else "image" if image.step_length is None else "projections"
    known = {
        "role": role,
        "step_length": image.step_length,
        "beam": image.beam,
        KEY: beam_in(description),
        "path": None if image.path is None else str(image.path),
        "notes": list(image.metadata.get("notes", ())),
    }
    return known | ({"provenance": description} if "settings" in description else {})
