"""Stacks whose planes a reader mixed up: channels, time points or frames taken for slices."""

from collections.abc import Mapping

from ..errors import UserError
from . import read_sizes


def mixed_up(planes: int, path: str) -> str:
    """What another reader mixed up, in a sentence; nothing where it did not or ours cannot tell.

    Parameters
    ----------
    planes : int
        Of the stack in the layer.
    path : str
        The layer's file.
    """
    if not path:
        return ""
    try:
        sizes = read_sizes(path)
    except UserError:
        return ""
    if sizes.get("z", planes) == planes or len(sizes) < 4:
        return ""
    return (
        f"This layer is a stack of {planes} planes, but its file has {_counted(sizes)}: the reader that "
        "opened it mixed them up."
    )


def _counted(sizes: Mapping[str, int]) -> str:
    words = {"z": "slices", "c": "channels", "t": "time points or frames"}
    parts = [f"{sizes[axis]} {word}" for axis, word in words.items() if axis in sizes]
    return " and ".join([", ".join(parts[:-1]), parts[-1]])
