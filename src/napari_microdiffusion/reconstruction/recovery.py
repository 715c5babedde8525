"""What stops a network for a reason outside its settings: a full memory, a graphics card that is gone."""

from collections.abc import Iterator
from contextlib import contextmanager

# How torch words an error of the card itself, where it has no class of its own for it.
_LOST = (
    "cuda error",
    "cuda driver",
    "hip error",
    "cudnn_status",
    "cublas_status",
    "device-side assert",
    "device lost",
    "device is lost",
    "mps backend failed",
)
# On the CPU torch reports a full memory as a plain RuntimeError; on Apple's GPU by these words.
_FULL = ("allocate memory", "out of memory")


class Trouble(Exception):
    """A place to compute that cannot go on as it is; another tile size or another device may."""


class DeviceFull(Trouble):
    """Its memory is full."""


class DeviceLost(Trouble):
    """It answers no more: unplugged, reset by its driver, or broken by an earlier error."""


@contextmanager
def named_troubles() -> Iterator[None]:
    """Raise what torch reports in several ways as `DeviceFull` or `DeviceLost`; other errors pass."""
    import torch

    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise DeviceFull(str(error)) from error
    except RuntimeError as error:
        words = str(error).lower()
        if any(mark in words for mark in _FULL):
            raise DeviceFull(str(error)) from error
        if any(mark in words for mark in _LOST):
            raise DeviceLost(str(error)) from error
        raise
