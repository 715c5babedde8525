"""An image in an open file: what its header says, and the pixels once they are asked for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from napari_microdiffusion.io.metadata import FileMetadata


@dataclass(frozen=True)
class ImageSource:
    """What a format's own module finds in a file.

    Attributes
    ----------
    axes
        Letters out of "tczyx" in the order of the file, those of size 1 left out save y and x.
    shape
        Size of each of them.
    load
        Reads the pixels, with `axes` and in this machine's byte order; to be called while the file is open.
    metadata
        Scale, channels, and what this package wrote.
    notes
        Sentences on what was assumed.
    """

    axes: str
    shape: tuple[int, ...]
    load: Callable[[], npt.NDArray[Any]]
    metadata: FileMetadata
    notes: tuple[str, ...] = ()
