"""Where somebody looks: what a run does next."""

from collections.abc import Sequence

from ...reconstruction.blocks.plan import Block
from ...reconstruction.events import Region


class Focus:
    """A point of the image, in pixels; the window moves it while the run asks.

    Parameters
    ----------
    point : tuple of float
        Row and column.
    """

    def __init__(self, point: tuple[float, float]) -> None:
        self.point = point

    def nearest(self, blocks: Sequence[Block]) -> Block:
        """The block that holds the point, or else the nearest."""
        row, column = self.point

        def distance(block: Block) -> float:
            keep: Region = block.keep
            away = max(keep.top - row, row - keep.bottom, 0), max(keep.left - column, column - keep.right, 0)
            return away[0] ** 2 + away[1] ** 2

        return min(blocks, key=distance)
