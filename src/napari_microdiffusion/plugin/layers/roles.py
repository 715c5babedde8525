"""Which layers may be projections, volumes or references, and why others may not."""

from typing import Any

from .metadata import known_of
from .stack import Stack, array_of

_OURS = {"volume", "uncertainty", "INR", "ground truth", "error", "mixed", "beam"}
_NO_VOLUMES = {"uncertainty", "error", "mixed", "beam"}
_MADE_HERE = {"volume", "INR", "projections"}
# The smallest that a training stack can be cut from; `training.recipe` refuses smaller ones as well.
_SLICES, _PIXELS = 8, 16


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


def why_no_projections(layer: Any) -> str:
    """Why a layer cannot be projections; nothing where it can."""
    if reason := why_no_stack(layer):
        return reason
    role = known_of(layer).get("role")
    return f"“{layer.name}” is a {role}, no projections" if role in _OURS else ""


def why_no_volume(layer: Any) -> str:
    """Why a layer is no volume of intensities; nothing where it is one."""
    if reason := why_no_stack(layer):
        return reason
    role = known_of(layer).get("role")
    return f"“{layer.name}” is a map of {role}, no volume" if role in _NO_VOLUMES else ""


def why_no_reference(layer: Any) -> str:
    """Why nothing can be learned from a layer; nothing where it can."""
    if reason := why_no_volume(layer):
        return reason
    role = known_of(layer).get("role")
    if role in _MADE_HERE:
        return f"“{layer.name}” is {role}, no point-scanned volume"
    slices, height, width = Stack(layer).shape
    if slices < _SLICES or min(height, width) < _PIXELS:
        return (
            f"“{layer.name}” has {slices} slices of {height} × {width}; at least {_SLICES} of "
            f"{_PIXELS} × {_PIXELS} are needed"
        )
    return ""
