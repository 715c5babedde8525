"""Where networks run, and what to do when that place is full."""

from typing import TYPE_CHECKING

from ..errors import UsageError

if TYPE_CHECKING:
    import torch


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


def describe_device(name: str) -> str:
    """A device in words, without importing torch unless it was imported before."""
    import sys

    if "torch" not in sys.modules:
        return "this CPU" if name == "cpu" else "the best device found"
    device = choose_device(name)
    return {"cpu": "this CPU", "cuda": "the GPU", "mps": "the Apple GPU"}.get(device.type, device.type)


def free_memory(device: "torch.device") -> None:
    """Give cached memory back, so that a failed attempt does not keep it."""
    import gc

    import torch

    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()
