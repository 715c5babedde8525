"""The functions of `import napari_microdiffusion as md`: arrays in, arrays out, no file or viewer needed."""

from ..registration.reference_stack import ReferenceStack
from .inr import fit_inr, load_inr
from .reconstruction import reconstruct, reconstruct_events
from .video import reconstruct_video, video_events
from .volumes import compare, read, simulate, specimen

__all__ = [
    "ReferenceStack",
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
