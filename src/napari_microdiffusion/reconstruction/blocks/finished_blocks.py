"""Finished blocks on disk: what an interrupted run goes on from, and what its result is made of."""

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import UserError
from ...io import whole_file, write_json
from .plan import Block, BlockPlan

_JOURNAL = "run.json"


@dataclass(frozen=True, eq=False)
class BlockVolume:
    """A volume that lies on disk in blocks; it is read plane by plane.

    Attributes
    ----------
    folder : Path
    quantity : str
        "volume" or "uncertainty".
    shape : tuple of int
        Slices, rows and columns.
    plan : BlockPlan
    """

    folder: Path
    quantity: str
    shape: tuple[int, int, int]
    plan: BlockPlan

    dtype = np.dtype(np.float32)
    ndim = 3

    @property
    def nbytes(self) -> int:
        """Of the pixels."""
        return int(np.prod(self.shape)) * 4

    def planes(self) -> Iterator[np.ndarray]:
        """Every slice, float32, from the first to the last; NaN where no block is finished."""
        blocks = list(self.plan.blocks())
        for z in range(self.shape[0]):
            plane = np.empty(self.shape[1:], np.float32)
            for block in blocks:
                rows, columns = block.keep.index
                path = self.folder / f"{self.quantity}-{block.name}.raw"
                if not path.exists():
                    plane[rows, columns] = np.nan
                    continue
                size = block.keep.height * block.keep.width
                part = np.fromfile(path, "<f4", size, offset=4 * z * size)
                plane[rows, columns] = part.reshape(block.keep.height, -1)
            yield plane

    def block(self, block: Block) -> np.ndarray:
        """A finished block, shape (slices, rows, columns), float32; read as it is indexed."""
        shape = (self.shape[0], block.keep.height, block.keep.width)
        return np.memmap(self.folder / f"{self.quantity}-{block.name}.raw", "<f4", "r", shape=shape)


class FinishedBlocks:
    """A folder of finished blocks of one run.

    A block counts once its record is there, which is written after its pixels; every file is whole or absent.

    Parameters
    ----------
    folder : Path
        Made where it is missing. Blocks of another run in it are removed.
    run : mapping
        What makes a run the same, JSON: its input, settings, version and plan.
    """

    def __init__(self, folder: Path, run: Mapping[str, Any]) -> None:
        self.folder, self.run = folder, run
        journal = folder / _JOURNAL
        if not self.are_of(folder, run):
            shutil.rmtree(folder, ignore_errors=True)
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise UserError(f"{folder} cannot be made: {error.strerror or error}.") from error
        if not journal.exists():
            write_json(journal, run)

    @staticmethod
    def are_of(folder: Path, run: Mapping[str, Any]) -> bool:
        """Whether a folder holds blocks of this run."""
        return _read(folder / _JOURNAL) == json.loads(json.dumps(run))

    def record(self, block: Block) -> dict[str, Any] | None:
        """What was recorded of a finished block; None of one that is not."""
        return _read(self.folder / f"block-{block.name}.json")

    def write(self, block: Block, record: Mapping[str, Any], **pixels: np.ndarray | None) -> None:
        """Write the pixels of a block, shape (slices, rows, columns) each, then its record."""
        for quantity, data in pixels.items():
            if data is not None:
                target = self.folder / f"{quantity}-{block.name}.raw"
                with whole_file(target) as temporary, temporary.open("wb") as file:
                    for plane in data:  # one at a time: a copy of all would be as large as the block
                        np.ascontiguousarray(plane, "<f4").tofile(file)
        write_json(self.folder / f"block-{block.name}.json", record)

    def remove(self) -> None:
        """Remove them all, once the result is written."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None
