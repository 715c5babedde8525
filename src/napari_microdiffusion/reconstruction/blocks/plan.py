"""How a stack that is too large for memory is cut into blocks: all slabs of a part of the image."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from ...optics import Acquisition
from ...settings.method import ReconstructionConfig
from ..cost.estimate import BYTES_TO_START
from ..events import Region
from ..slab.evaluations import BYTES_PER_PIXEL, STREAMED_SLABS, block_pixels
from ..slab.tiling import LATERAL_CONTEXT, TilePlan

LARGE = 80_000_000
"""Voxels from which a stack is reconstructed in blocks, on every machine alike."""

DEFAULT_GB = 2.5
"""Working memory where none is asked for."""

# How far the denoising of a pixel looks, in its two passes: what lies beyond the context changes nothing.
_DENOISING = 10
CONTEXT = LATERAL_CONTEXT + _DENOISING + 2
# Working memory, measured with benchmarks/scale.py: volumes and projections; the states of samples.
_BYTES_PER_VOXEL = 18
_BYTES_PER_SAMPLED_PIXEL = 420


@dataclass(frozen=True)
class Block:
    """A part of the image: what is read of it, and what is kept, in pixels of the whole image."""

    read: Region
    keep: Region

    @property
    def name(self) -> str:
        """What its files are called by."""
        return f"{self.keep.top:05d}-{self.keep.left:05d}"

    @property
    def inner(self) -> Region:
        """Where the kept part lies in what was read."""
        keep, top, left = self.keep, self.read.top, self.read.left
        return Region(keep.top - top, keep.bottom - top, keep.left - left, keep.right - left)


@dataclass(frozen=True)
class BlockPlan:
    """Blocks of one size that cover an image of `height` x `width`.

    Attributes
    ----------
    height, width : int
        Rows and columns of the image.
    rows, columns : int
        Those kept of a block: whole tiles of the network, so that every tile is what it would be without
        blocks.
    """

    height: int
    width: int
    rows: int
    columns: int

    @classmethod
    def of(
        cls, shape: tuple[int, int, int], acquisition: Acquisition, config: ReconstructionConfig
    ) -> "BlockPlan":
        """The blocks that fit into memory of which least is read twice.

        Parameters
        ----------
        shape : tuple of int
            Slabs, rows and columns of the projections.
        acquisition : Acquisition
        config : ReconstructionConfig
        """
        memory = 1e9 * (config.memory_gb or DEFAULT_GB)
        tile = _tile_side(shape, config)
        free = memory - BYTES_TO_START - block_pixels(config) * BYTES_PER_PIXEL
        per_pixel = shape[0] * acquisition.step_length * _BYTES_PER_VOXEL
        if config.samples and config.diffusion != "off":
            per_pixel += shape[0] * _BYTES_PER_SAMPLED_PIXEL
        sides = range(tile, max(shape[1:]) + tile, tile)
        plans = [cls(shape[1], shape[2], rows, columns) for rows in sides for columns in sides]
        fitting = [plan for plan in plans if plan.largest_read * per_pixel <= free]

        def preference(plan: "BlockPlan") -> tuple[int, int, int]:
            # Of equal ones the squarest.
            return plan.pixels_read, abs(plan.rows - plan.columns), plan.rows

        return min(fitting or plans[:1], key=preference)

    @classmethod
    def of_tiles(cls, shape: tuple[int, int, int], config: ReconstructionConfig) -> "BlockPlan":
        """The smallest blocks, for a stack as in `of`: a window shows what it is asked for first."""
        side = _tile_side(shape, config)
        return cls(shape[1], shape[2], side, side)

    @property
    def largest_read(self) -> int:
        """Pixels of an image that are read for the largest block."""
        return _read(self.height, self.rows)[0] * _read(self.width, self.columns)[0]

    @property
    def pixels_read(self) -> int:
        """Pixels of an image that are read for all blocks together, those of contexts each time again."""
        return _read(self.height, self.rows)[1] * _read(self.width, self.columns)[1]

    def blocks(self) -> Iterator[Block]:
        """All of them, row by row."""
        for read_rows, rows in _parts(self.height, self.rows):
            for read_columns, columns in _parts(self.width, self.columns):
                yield Block(Region(*read_rows, *read_columns), Region(*rows, *columns))


def _parts(length: int, size: int) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Begin and end, in one direction, of what is read and of the so many pixels that are kept of it."""
    for start in range(0, length, size):
        stop = min(start + size, length)
        yield (max(0, start - CONTEXT), min(length, stop + CONTEXT)), (start, stop)


@cache
def _read(length: int, size: int) -> tuple[int, int]:
    """Pixels that are read in one direction: for the largest part, and for all of them."""
    counts = [stop - start for (start, stop), _ in _parts(length, size)]
    return max(counts), sum(counts)


def _tile_side(shape: tuple[int, int, int], config: ReconstructionConfig) -> int:
    """Rows and columns that the network finishes at once."""
    return TilePlan.for_budget(shape, block_pixels(config), STREAMED_SLABS).side


def needs_blocks(shape: tuple[int, ...], acquisition: Acquisition, config: ReconstructionConfig) -> bool:
    """Whether a stack is reconstructed in blocks: a large one, by a method that looks around it no further.

    An INR is fitted to whole stacks, as the paper's diffusion is trained on them; through beams that leave
    their slab only whole volumes can be consistent.
    """
    is_local = acquisition.is_disjoint and config.guide not in ("inr", "reference")
    voxels = shape[0] * shape[1] * shape[2] * acquisition.step_length
    return is_local and config.diffusion != "paper" and not config.keep_samples and voxels >= LARGE


def blocks_gb(shape: tuple[int, ...], acquisition: Acquisition, config: ReconstructionConfig) -> float | None:
    """The memory that a reconstruction in blocks keeps to, GB; None for a stack that needs none."""
    return (config.memory_gb or DEFAULT_GB) if needs_blocks(shape, acquisition, config) else None
