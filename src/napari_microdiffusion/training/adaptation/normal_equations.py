"""Normal equations of the last linear layers of a slab network, and their solution.

Each of the pixels of a block of 2 x 2 has its own; all share the features around the block, and each has the
condition of its own pixel beside them.
"""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from ...diffusion.slab import LINEAR_CHANNELS, ORDERS

OUTPUTS = ORDERS - 1
# Ridge on features of mean square one, for those that hardly vary.
_RIDGE = 1e-3
# Rows of a matrix of products that are computed at once.
_STRIP = 128


class NormalEquations:
    """Weighted sums over pixels; sums of two are those of both.

    Parameters
    ----------
    around : int
        A, the number of features around a block.
    """

    def __init__(self, around: int) -> None:
        self.around = around
        size = around + 4 * LINEAR_CHANNELS
        self.normal = torch.zeros(size, size, dtype=torch.float64)
        self.right = torch.zeros(size, 4 * OUTPUTS, dtype=torch.float64)
        # What each order is missing, its square summed over all pixels.
        self.energy = torch.zeros(OUTPUTS, dtype=torch.float64)

    def add(self, parts: Iterable[Tensor], conditions: Tensor, orders: Tensor) -> None:
        """Take blocks, each times the root of its weight.

        Parameters
        ----------
        parts : iterable of Tensor, shape (P, A + 4 l + 4 o)
            Features around a block, conditions of its pixels, pixel by pixel, and what is missing, order by
            order.
        conditions, orders : Tensor, shape (l,), (o,)
            Which of all are given; the others are zero.
        """
        pixels = torch.arange(4)
        own = self.around + (LINEAR_CHANNELS * pixels[:, None] + conditions).flatten()
        known, open_ = torch.cat([torch.arange(self.around), own]), (4 * orders[:, None] + pixels).flatten()
        count = len(known)
        products, energy = torch.zeros(count, count + len(open_)), torch.zeros(len(open_))
        for columns in parts:
            # Symmetric: what lies below the diagonal need not be computed.
            for first in range(0, count, _STRIP):
                rows = slice(first, min(first + _STRIP, count))
                products[rows, first:].addmm_(columns[:, rows].T, columns[:, first:])
            energy += columns[:, count:].square().sum(0)
        normal = products[:, :count].triu().double()
        self.normal[known[:, None], known] += normal + normal.triu(1).T
        self.right[known[:, None], open_] += products[:, count:].double()
        self.energy[orders] += _of_orders(energy.double())

    def __add__(self, other: "NormalEquations") -> "NormalEquations":
        total = NormalEquations(self.around)
        total.normal, total.right = self.normal + other.normal, self.right + other.right
        total.energy = self.energy + other.energy
        return total

    def scaled(self, factor: float) -> "NormalEquations":
        """With all weights so many times as large."""
        total = NormalEquations(self.around)
        total.normal, total.right, total.energy = (
            factor * part for part in (self.normal, self.right, self.energy)
        )
        return total

    def _features_of(self, pixel: int) -> Tensor:
        first = self.around + pixel * LINEAR_CHANNELS
        return torch.cat([torch.arange(self.around), torch.arange(first, first + LINEAR_CHANNELS)])

    def _of_pixel(self, pixel: int) -> tuple[Tensor, Tensor]:
        index = self._features_of(pixel)
        return self.normal[index][:, index], self.right[index, pixel::4]

    def solve(self, usual: "NormalEquations", strengths: Sequence[float]) -> list[Tensor]:
        """The solutions that change little on usual tissue.

        Minimises |features x - missing|^2 here + strength * |features x|^2 there, where what is there counts
        as if its features were as large as those here.

        Parameters
        ----------
        usual : NormalEquations
            Of what the network was trained on.
        strengths : sequence of float

        Returns
        -------
        list of Tensor, shape (4, A + L, O)
            One for each strength.
        """
        # (pixels, strengths)
        found = [self._solved(pixel, usual, strengths) for pixel in range(4)]
        return [torch.stack(own) for own in zip(*found, strict=True)]

    def _solved(self, pixel: int, usual: "NormalEquations", strengths: Sequence[float]) -> list[Tensor]:
        normal, right = self._of_pixel(pixel)
        other = usual._of_pixel(pixel)[0]
        other *= normal.trace() / other.trace().clamp_min(1e-30)
        size = (normal + other).diagonal()
        unit = size.clamp_min(1e-12 * float(size.max())).rsqrt()
        normal, other = (unit[:, None] * part * unit for part in (normal, other))
        normal.diagonal().add_(_RIDGE)
        right = unit[:, None] * right
        factors = [torch.linalg.cholesky(normal + strength * other) for strength in strengths]
        return [unit[:, None] * torch.cholesky_solve(right, factor) for factor in factors]

    def explained(self, solution: Tensor, shares: Sequence[float] = (1.0,)) -> list[Tensor]:
        """By how much so large shares of a solution lower what each order is missing, shape (O,) each."""
        whole = self._whole(solution)
        along = _of_orders((whole * self.right).sum(0))
        across = self._squares(whole)
        return [2 * share * along - share**2 * across for share in shares]

    def changed(self, solution: Tensor) -> Tensor:
        """The squares of what a solution changes of each order, shape (O,)."""
        return self._squares(self._whole(solution))

    def _squares(self, whole: Tensor) -> Tensor:
        return _of_orders((whole * (self.normal @ whole)).sum(0))

    def _whole(self, solution: Tensor) -> Tensor:
        whole = torch.zeros_like(self.right)
        for pixel, own in enumerate(solution):
            whole[self._features_of(pixel), pixel::4] = own
        return whole


def _of_orders(columns: Tensor) -> Tensor:
    """Sums over the pixels of a block."""
    return columns.unflatten(0, (-1, 4)).sum(1)
