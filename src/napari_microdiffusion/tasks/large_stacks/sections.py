"""Sections along z of volumes that lie in a file."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...reconstruction.events import CancelToken
from ...stacks.stack import planes_of


@dataclass(frozen=True, eq=False)
class SectionsRead:
    """The planes xz and yz of volume number `number`."""

    number: int
    xz: np.ndarray
    yz: np.ndarray


@dataclass(frozen=True, eq=False)
class ReadSections:
    """Reads the planes xz and yz of volumes, each in one pass through its file.

    Attributes
    ----------
    volumes : mapping of int to (array_like, int, int)
        By their numbers: a volume (Z, H, W), a row and a column.
    """

    volumes: Mapping[int, tuple[Any, int, int]]

    def __call__(self, cancel: CancelToken) -> Iterator[SectionsRead]:
        """A `SectionsRead` for each volume."""
        for number, (volume, row, column) in self.volumes.items():
            xz, yz = [], []
            for plane in planes_of(volume):
                cancel.check()
                xz.append(plane[row].copy())
                yz.append(plane[:, column].copy())
            yield SectionsRead(number, np.stack(xz), np.stack(yz))
