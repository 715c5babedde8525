"""A volume that grows on disk block by block, at several resolutions, to be looked at meanwhile."""

from collections.abc import Iterator
from itertools import pairwise, repeat
from pathlib import Path
from typing import Any

import numpy as np

from ...io.formats.ome_zarr.pyramid import halved
from .finished_blocks import BlockVolume
from .plan import Block, BlockPlan

FACTORS = (1, 2, 4)
"""How many pixels along a row and along a column are one, at each resolution."""

FINISHED = "finished"
"""The folder of a run's blocks."""

Index = tuple[range, range, range]


class GrowingVolume:
    """What a run in blocks has finished, and between it the projections, interpolated along z.

    Blocks are added by one thread while another reads.

    Parameters
    ----------
    projections : array_like, shape (N, H, W)
        May be lazy; read once, and plane by plane where the finest resolution is looked at.
    step_length : int
        Slices n of a slab.
    folder : Path
        Coarser copies are written there; the run keeps its blocks in its folder `FINISHED`.
    plan : BlockPlan
    quantity : str
        "volume" or "uncertainty", which is zero where it is not known yet.
    holds : object
        Held for as long as somebody holds one of the levels, such as what removes the folder in the end.
    """

    def __init__(
        self,
        projections: Any,
        step_length: int,
        folder: Path,
        plan: BlockPlan,
        quantity: str = "volume",
        holds: object = None,
    ) -> None:
        whole = (len(projections) * step_length, *projections.shape[1:])
        self.blocks = BlockVolume(folder / FINISHED, quantity, whole, plan)
        previews: list[Any] = [None] * len(FACTORS)
        if quantity == "volume":
            previews = [projections]
            for finer, factor in pairwise(FACTORS):
                previews.append(_coarse_stack(previews[-1], factor // finer))
        self.levels = [
            Level(self.blocks, factor, preview, holds)
            for factor, preview in zip(FACTORS, previews, strict=True)
        ]

    def add(self, block: Block) -> None:
        """Show a block, which the run has finished."""
        data = self.blocks.block(block)
        for level in self.levels[1:]:
            level.store(block, data)
        for level in self.levels:
            level.finished = (*level.finished, block)

    def end(self) -> None:
        """Show no values (NaN) where no block is finished: the run is over."""
        for level in self.levels:
            level.is_over = True


class Part:
    """A part of a level, an array that is read when a position along one of its axes is chosen, or all of it.

    What has still all three axes is not read: viewers cut out what is on screen before they choose a slice.

    Parameters
    ----------
    level : Level
    ranges : tuple of three ranges
        Its positions along each axis.
    """

    dtype = np.dtype(np.float32)
    ndim = 3

    def __init__(self, level: "Level", ranges: Index) -> None:
        self._level, self._along = level, ranges
        self.shape = (len(ranges[0]), len(ranges[1]), len(ranges[2]))

    @property
    def size(self) -> int:
        """How many values."""
        return int(np.prod(self.shape))

    @property
    def nbytes(self) -> int:
        """How many bytes."""
        return self.size * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self._level.read(self._along), dtype)

    def __getitem__(self, index: Any) -> "Part | np.ndarray":
        ranges, keep = _ranges(index, self.shape)
        z, y, x = (
            along[part.start : part.stop : part.step] for along, part in zip(self._along, ranges, strict=True)
        )
        if all(keep):
            return Part(self._level, (z, y, x))
        found = self._level.read((z, y, x))
        return np.asarray(found[tuple(slice(None) if kept else 0 for kept in keep)])


class Level(Part):
    """One resolution, an array (slices, rows, columns).

    Parameters
    ----------
    blocks : BlockVolume
    factor : int
        Pixels of the volume that are one here, along rows and columns.
    preview : array_like or None, shape (N, rows, columns)
        Projections at this resolution; None for zero.
    holds : object
        See `GrowingVolume`.
    """

    def __init__(self, blocks: BlockVolume, factor: int, preview: Any, holds: object = None) -> None:
        depth, height, width = blocks.shape
        super().__init__(self, (range(depth), range(-(-height // factor)), range(-(-width // factor))))
        self.finished: tuple[Block, ...] = ()
        self.is_over = False
        self._blocks, self._factor, self._preview, self._holds = blocks, factor, preview, holds
        self._path = blocks.folder.with_name(f"{blocks.quantity}-coarse-{factor}.raw")
        if factor > 1:
            # Full of holes until blocks are stored in it.
            np.memmap(self._path, "<f4", "w+", shape=self.shape).flush()

    def store(self, block: Block, data: np.ndarray) -> None:
        """Store the block at this resolution."""
        rows, columns = self._place(block)
        stored = np.memmap(self._path, "<f4", "r+", shape=self.shape)
        for z, plane in enumerate(data):
            stored[z, rows.start : rows.stop, columns.start : columns.stop] = _coarse(plane, self._factor)

    def _place(self, block: Block) -> tuple[range, range]:
        keep, factor = block.keep, self._factor
        return (
            range(keep.top // factor, -(-keep.bottom // factor)),
            range(keep.left // factor, -(-keep.right // factor)),
        )

    def read(self, ranges: Index) -> np.ndarray:
        """The values at some positions along each axis."""
        zs, ys, xs = ranges
        found = np.empty(tuple(map(len, ranges)), np.float32)
        if not found.size:
            return found
        wanted: list[tuple[Block, range, range]] = []
        for block in self.finished:
            rows, columns = self._place(block)
            inner_y, inner_x = _common(ys, rows), _common(xs, columns)
            if inner_y and inner_x:
                wanted.append((block, inner_y, inner_x))
        if sum(len(inner_y) * len(inner_x) for _, inner_y, inner_x in wanted) < len(ys) * len(xs):
            self._fill(found, ranges)
        for data, (block, inner_y, inner_x) in zip(self._stored(wanted), wanted, strict=True):
            top, left = (0, 0) if self._factor > 1 else (block.keep.top, block.keep.left)
            target = np.s_[:, _within(ys, inner_y), _within(xs, inner_x)]
            found[target] = data[_slice(zs), _slice(inner_y, top), _slice(inner_x, left)]
        return found

    def _stored(self, wanted: list[tuple[Block, range, range]]) -> Iterator[np.ndarray]:
        """For each block the array that it lies in."""
        if self._factor > 1 and wanted:
            yield from repeat(np.memmap(self._path, "<f4", "r", shape=self.shape), len(wanted))
        else:
            yield from (self._blocks.block(block) for block, *_ in wanted)

    def _fill(self, found: np.ndarray, ranges: Index) -> None:
        """Put in what is shown where no block is finished."""
        if self.is_over:
            found[:] = np.nan
            return
        if self._preview is None:
            found[:] = 0
            return
        zs, ys, xs = ranges
        count, n = len(self._preview), self.shape[0] // len(self._preview)
        # Slabs are means over their slices, so that a slice is as bright as they are.
        at = np.clip((np.array(zs) + 0.5) / n - 0.5, 0, count - 1)
        below, share = at.astype(int), (at % 1).astype(np.float32)
        needed = np.unique([below, np.minimum(below + 1, count - 1)])
        slabs = {i: np.asarray(self._preview[i], np.float32)[_slice(ys), _slice(xs)] for i in needed}
        for i, (slab, part) in enumerate(zip(below, share, strict=True)):
            found[i] = slabs[slab]
            if part:
                found[i] += part * (slabs[slab + 1] - slabs[slab])


def _coarse(plane: np.ndarray, factor: int) -> np.ndarray:
    """Means over squares of pixels, those at the end over what there is of them."""
    for _ in range(factor.bit_length() - 1):
        plane = halved(plane)
    return plane


def _coarse_stack(projections: Any, factor: int) -> np.ndarray:
    return np.stack([_coarse(np.asarray(plane, np.float32), factor) for plane in projections])


def _ranges(index: Any, shape: tuple[int, ...]) -> tuple[Index, list[bool]]:
    """The index along each axis as a range, and whether the axis is kept."""
    index = index if isinstance(index, tuple) else (index,)
    if Ellipsis in index:
        at = index.index(Ellipsis)
        index = (*index[:at], *[slice(None)] * (len(shape) + 1 - len(index)), *index[at + 1 :])
    index = (*index, *[slice(None)] * (len(shape) - len(index)))
    ranges, keep = [], []
    for one, size in zip(index, shape, strict=True):
        if isinstance(one, slice):
            chosen = range(size)[one]
            if chosen.step < 0:
                raise IndexError("a volume on disk is not read backwards")
            ranges.append(chosen)
        else:
            position = range(size)[int(one)]
            ranges.append(range(position, position + 1))
        keep.append(isinstance(one, slice))
    return (ranges[0], ranges[1], ranges[2]), keep


def _slice(positions: range, origin: int = 0) -> slice:
    """The slice with a range's positions, in an array that begins at `origin`."""
    return slice(positions.start - origin, positions.stop - origin, positions.step)


def _common(positions: range, part: range) -> range:
    """Those of the positions that lie in a part, which has no gaps."""
    step = positions.step
    skipped = max(0, -(-(part.start - positions.start) // step))
    first = positions.start + skipped * step
    return range(first, min(positions.stop, part.stop), step)


def _within(positions: range, some: range) -> slice:
    """Where some of the positions stand among them."""
    start = (some.start - positions.start) // positions.step
    return slice(start, start + len(some))
