"""From projections taken with a non-diffracting beam to a volume.

The functions here are those of `napari_microdiffusion.api`; they are imported when first asked for, so that
importing the package costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api import (
        ReferenceStack,
        compare,
        fit_inr,
        load_inr,
        read,
        reconstruct,
        reconstruct_events,
        reconstruct_video,
        simulate,
        specimen,
        video_events,
    )

    __version__: str

__all__ = [
    "ReferenceStack",
    "__version__",
    "compare",
    "fit_inr",
    "load_inr",
    "read",
    "reconstruct",
    "reconstruct_events",
    "reconstruct_video",
    "simulate",
    "specimen",
    "video_events",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("napari-microdiffusion")
        except PackageNotFoundError:
            return "unknown"
    if name in __all__:
        return getattr(import_module(".api", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
