"""Where networks run, the errors of that place, and going on after them."""

import ctypes
import gc
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from ..errors import UsageError
from .events import Event

if TYPE_CHECKING:
    import torch

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


def choose_device(name: str) -> "torch.device":
    """The torch device for a setting.

    Raises
    ------
    UsageError
        If the device is asked for by name and is not there.
    """
    import torch

    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if name == "auto":
        name = "cuda" if cuda else "mps" if mps else "cpu"
    elif (name == "cuda" and not cuda) or (name == "mps" and not mps):
        raise UsageError(
            f"device is {name!r}, but this machine's torch finds no such device; choose auto or cpu, "
            "or install a torch build for your GPU"
        )
    return torch.device(name)


def limit_threads(count: int | None) -> None:
    """Let torch use so many processor threads; None leaves the choice to torch."""
    if count is not None:
        import torch

        torch.set_num_threads(count)


def torch_is_loaded() -> bool:
    """Whether torch can be used without waiting for its import, also for one that another thread is at."""
    torch = sys.modules.get("torch")
    # Private, and what the import system itself asks to know a module that is still being loaded.
    return torch is not None and not getattr(torch.__spec__, "_initializing", False)


def describe_device(name: str) -> str:
    """A device in words, without importing torch unless it was imported before."""
    if not torch_is_loaded():
        return "this CPU" if name == "cpu" else "the best device found"
    device = choose_device(name)
    return {"cpu": "this CPU", "cuda": "the GPU", "mps": "the Apple GPU"}.get(device.type, device.type)


def free_memory(device: "torch.device") -> None:
    """Give cached memory back, so that a failed attempt does not keep it."""
    import torch

    return_memory()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def return_memory() -> None:
    """Give the system back what is free, where the C library can (glibc); it would keep some of it.

    Done between the blocks of a stack, it keeps a run's memory from growing with their number.
    """
    gc.collect()
    if sys.platform.startswith("linux"):
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


class DeviceError(Exception):
    """A device cannot go on with this; smaller tiles or another device may."""


class DeviceFull(DeviceError):
    """Its memory is full."""


class DeviceLost(DeviceError):
    """It answers no more: unplugged, reset by its driver, or broken by an earlier error."""


class NotFinite(DeviceError):
    """It answered with values that are no numbers, as memory that fails can."""


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
