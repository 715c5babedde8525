"""Sections along z of volumes that lie in a file."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...reconstruction.events import CancelToken


@dataclass(frozen=True, eq=False)
class SectionsRead:
    """The planes xz and yz of volume number `number`."""

    number: int
    xz: np.ndarray
    yz: np.ndarray


@dataclass(frozen=True, eq=False)
class ReadSections:
    """Reads the planes xz and yz of volumes.

    Attributes
    ----------
    sections : mapping of int to two array_like
        xz and yz of each volume, lazy, by its number.
    """

    sections: Mapping[int, tuple[Any, Any]]

    def __call__(self, cancel: CancelToken) -> Iterator[SectionsRead]:
        """A `SectionsRead` for each volume."""
        for number, (xz, yz) in self.sections.items():
            cancel.check()
            yield SectionsRead(number, np.asarray(xz), np.asarray(yz))
