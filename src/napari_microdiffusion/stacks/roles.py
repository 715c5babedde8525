"""Which layers may be projections, volumes or references, and why others may not."""

from typing import Any

from .metadata import known_of
from .series import CHANNEL_LABELS
from .stack import Stack, array_of

_OURS = {"volume", "uncertainty", "INR", "ground truth", "error", "mixed", "beam", "video"}
_NO_VOLUMES = {"uncertainty", "error", "mixed", "beam"}
_MADE_HERE = {"volume", "INR", "projections"}
# The smallest that a training stack can be cut from; `training.recipe` refuses smaller ones as well.
_SLICES, _PIXELS = 8, 16


def why_no_stack(layer: Any, planes: int = 2) -> str:
    """Why a layer is no stack of at least so many grey planes; nothing where it is one."""
    if not hasattr(layer, "rgb"):  # of all kinds of layers only images have it
        kind = layer.__class__.__name__.lower()
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


def why_no_video(layer: Any) -> str:
    """Why a layer cannot be projections with a time axis; nothing where it can."""
    if reason := why_no_projections(layer):
        return reason
    axes = layer.axis_labels
    if layer.ndim != 4:
        more = "has no time axis" if layer.ndim == 3 else "has more axes than (t, z, y, x): split it first"
        return f"“{layer.name}” {more}"
    if array_of(layer).shape[0] < 2 or str(axes[0]).lower() in CHANNEL_LABELS:
        return f"“{layer.name}” holds no frames one after the other"
    return ""


def why_no_regions(layer: Any, shape: tuple[int, ...]) -> str:
    """Why a layer is no regions of a volume of a shape; nothing where it is."""
    if not hasattr(layer, "selected_label"):  # of all kinds of layers only labels have it
        return f"“{layer.name}” is no labels layer"
    found = tuple(int(size) for size in array_of(layer).shape)
    if found != shape:
        return f"“{layer.name}” is of shape {found}, but the volumes are of {shape}"
    return ""


def likely_projections(layers: list[Any], active: Any, kept: Any) -> Any:
    """Which of the layers that can be projections are taken unasked: the selected, a known one, the top one.

    One that was taken before stays, unless there are known ones and it is none.
    """
    known = [layer for layer in layers if known_of(layer).get("role") == "projections"]
    if kept is not None and (kept in known or not known):
        return kept
    if active in layers and (kept is None or active in known):
        return active
    return (known or layers)[-1]


def projections_and_truth(opened: list[Any], chosen: Any) -> tuple[Any, Any]:
    """Which of the layers that were just opened are projections, and which their truth; None for none.

    What files record goes before sizes. Of the same height and width, the stack of at least twice as many
    planes is the truth of the other, be that opened too or chosen before.

    Parameters
    ----------
    opened : list of layers
    chosen : layer or None
        The projections so far.
    """
    able = [layer for layer in opened if not why_no_projections(layer)]
    known = [layer for layer in able if known_of(layer).get("role") == "projections"]
    found = known[0] if known else None
    if found is None and able:
        fewest = min(able, key=lambda layer: Stack(layer).shape[0])
        is_truth = chosen is not None and _is_truth(fewest, chosen)
        found = None if is_truth else fewest
    slabs = chosen if found is None else found
    truths = [layer for layer in opened if layer != found and slabs is not None and _is_truth(layer, slabs)]
    return found, truths[0] if truths else None


def _is_truth(layer: Any, projections: Any) -> bool:
    if why_no_volume(layer) or known_of(layer).get("role") in _MADE_HERE:
        return False
    own, theirs = Stack(layer).shape, Stack(projections).shape
    return own[1:] == theirs[1:] and own[0] >= 2 * theirs[0]


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


def record_of(layer: Any) -> dict[str, Any]:
    """What a layer tells of its run, the same for its volume and its uncertainty."""
    record = known_of(layer).get("provenance") or {}
    return {key: value for key, value in record.items() if key != "quantity"}


def is_result(layer: Any) -> bool:
    """Whether a layer is a finished volume, or an INR's."""
    known = known_of(layer)
    return known.get("role") == "INR" or (known.get("role") == "volume" and bool(known.get("provenance")))
