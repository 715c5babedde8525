"""Errors of a device, its memory full or itself gone, and going on after them."""

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import TypeVar

from .events import Event

T = TypeVar("T")

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


class DeviceError(Exception):
    """A device cannot go on with this; smaller tiles or another device may."""


class DeviceFull(DeviceError):
    """Its memory is full."""


class DeviceLost(DeviceError):
    """It answers no more: unplugged, reset by its driver, or broken by an earlier error."""


@contextmanager
def device_errors() -> Iterator[None]:
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


def until_done(
    attempt: Callable[[], Generator[Event, None, T]], recover: Callable[[DeviceError], Event]
) -> Generator[Event, None, T]:
    """Make an attempt, and another one after each error of the device.

    Parameters
    ----------
    attempt : callable
        Begins the work, or goes on with it.
    recover : callable
        Changes what the next attempt uses and says so, or raises where nothing is left to change.
    """
    while True:
        try:
            return (yield from attempt())
        except DeviceError as error:
            yield recover(error)
