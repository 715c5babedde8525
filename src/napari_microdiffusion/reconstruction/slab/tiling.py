"""How a large stack is cut into pieces that a network evaluates at once."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ..events import Region

# Context around what is kept of an evaluation. The network's reach is longer, but its influence beyond this
# is below the weights' own error. A multiple of four keeps its two downsamplings on one grid.
LATERAL_CONTEXT = 8
SLAB_CONTEXT = 3


@dataclass(frozen=True)
class Window:
    """What one evaluation reads and what of it is kept, in slabs and pixels of the whole stack."""

    read_slabs: slice
    keep_slabs: slice
    read: Region
    keep: Region

    @property
    def key(self) -> tuple[int, ...]:
        """What tells this window from the others of its plan."""
        return self.keep_slabs.start, self.keep_slabs.stop, self.keep.top, self.keep.left

    @property
    def inner(self) -> tuple[slice, slice, slice]:
        """Where the kept part lies inside what was read: slabs, rows, columns."""
        s, r, k = self.read_slabs, self.read, self.keep
        return (
            slice(self.keep_slabs.start - s.start, self.keep_slabs.stop - s.start),
            slice(k.top - r.top, k.bottom - r.top),
            slice(k.left - r.left, k.right - r.left),
        )


@dataclass(frozen=True)
class TilePlan:
    """Windows that cover a stack of `slabs` x `height` x `width`, slab groups outermost.

    Attributes
    ----------
    slabs, height, width : int
        Size of the stack.
    slab_group : int
        Slabs kept of one evaluation.
    side : int
        Rows and columns kept of one evaluation.
    inner : Region or None
        The part of the image that is wanted; the rest is there as its context. None for all of it.
    corner : tuple of int
        Row and column of the first pixel in a larger image, whose tiles these are.
    """

    slabs: int
    height: int
    width: int
    slab_group: int
    side: int
    inner: Region | None = None
    corner: tuple[int, int] = (0, 0)

    @classmethod
    def for_budget(
        cls, shape: tuple[int, int, int], pixels: int, slab_group: int | None = None
    ) -> "TilePlan":
        """A plan whose evaluations read about `pixels` slab pixels at most.

        Parameters
        ----------
        shape : tuple of int
            Slabs, rows, columns of the stack.
        pixels : int
            Slab pixels of one evaluation.
        slab_group : int, optional
            Slabs to keep of one evaluation; by default all of a stack that fits whole, else 8.
        """
        slabs, height, width = shape
        if slab_group is None:
            slab_group = slabs if slabs * height * width <= pixels else 8
        group = min(slabs, slab_group)
        deep = min(slabs, group + 2 * SLAB_CONTEXT)
        reach = int((pixels / deep) ** 0.5)
        # Multiples of four keep the network's two downsamplings on the same grid in every tile.
        side = max(32, (reach - 2 * LATERAL_CONTEXT) // 4 * 4)
        if height * width * deep <= pixels:
            side = max(height, width)
        return cls(slabs, height, width, group, side)

    def smaller(self) -> "TilePlan | None":
        """The same stack in tiles of half the side; None when they cannot shrink further."""
        if self.side <= 32:
            return None
        return replace(self, side=max(32, self.side // 2 // 4 * 4))

    def slab_groups(self) -> Iterator[tuple[slice, slice]]:
        """(read, keep) for every group of slabs."""
        for start in range(0, self.slabs, self.slab_group):
            stop = min(start + self.slab_group, self.slabs)
            yield (
                slice(max(0, start - SLAB_CONTEXT), min(self.slabs, stop + SLAB_CONTEXT)),
                slice(start, stop),
            )

    def tiles(self) -> Iterator[tuple[Region, Region]]:
        """(read, keep) for every lateral tile."""
        inner = self.inner or Region(0, self.height, 0, self.width)
        rows = self._parts(inner.top, inner.bottom, self.corner[0])
        columns = list(self._parts(inner.left, inner.right, self.corner[1]))
        for top, bottom in rows:
            for left, right in columns:
                read = Region(
                    max(0, top - LATERAL_CONTEXT),
                    min(self.height, bottom + LATERAL_CONTEXT),
                    max(0, left - LATERAL_CONTEXT),
                    min(self.width, right + LATERAL_CONTEXT),
                )
                yield read, Region(top, bottom, left, right)

    def _parts(self, start: int, stop: int, corner: int) -> Iterator[tuple[int, int]]:
        first = start - (corner + start) % self.side
        for at in range(first, stop, self.side):
            yield max(at, start), min(at + self.side, stop)

    def windows(self) -> list[Window]:
        """All windows, those of one slab group together."""
        return [
            Window(read_slabs, keep_slabs, read, keep)
            for read_slabs, keep_slabs in self.slab_groups()
            for read, keep in self.tiles()
        ]
