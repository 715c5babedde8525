"""Normal equations of the last linear layers of a slab network, and their solution.

Each of the pixels of a block of 2 x 2 has its own; all share the features around the block, and each has the
condition of its own pixel beside them.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ..diffusion.slab import LINEAR_CHANNELS, ORDERS

OUTPUTS = ORDERS - 1
# Ridge on features of mean square one, for those that hardly vary.
_RIDGE = 1e-3


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

    def add(self, around: Tensor, own: Tensor, missing: Tensor, weight: Tensor) -> None:
        """Take blocks: features (P, A), conditions (P, 4, L), what is missing (P, O, 4), weights (P,)."""
        root = weight.sqrt()[:, None]
        around, rest = around * root, missing.flatten(1) * root
        own = own * root[:, :, None]
        each = own.flatten(1)
        # Symmetric, and pixels never meet the condition of others: two thirds of all products are enough.
        end, half = self.around, self.around // 2
        top, bottom = np.s_[:half], np.s_[half:end]
        for rows, columns in ((top, top), (top, bottom), (bottom, bottom)):
            block = (around[:, rows].T @ around[:, columns]).double()
            self.normal[rows, columns] += block
            if rows != columns:
                self.normal[columns, rows] += block.T
        crossed = (around.T @ each).double()
        self.normal[:end, end:] += crossed
        self.normal[end:, :end] += crossed.T
        for pixel in range(4):
            mine = slice(end + pixel * LINEAR_CHANNELS, end + (pixel + 1) * LINEAR_CHANNELS)
            self.normal[mine, mine] += (own[:, pixel].T @ own[:, pixel]).double()
        self.right[:end] += (around.T @ rest).double()
        self.right[end:] += (each.T @ rest).double()
        self.energy += rest.square().sum(0).double().unflatten(0, (-1, 4)).sum(1)

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

    def solve(self, usual: "NormalEquations", strength: float) -> Tensor:
        """The solution that changes little on usual tissue.

        Minimises |features x - missing|^2 here + strength * |features x|^2 there, where what is there counts
        as if its features were as large as those here.

        Parameters
        ----------
        usual : NormalEquations
            Of what the network was trained on.
        strength : float

        Returns
        -------
        Tensor, shape (4, A + L, O)
        """
        solutions = []
        for pixel in range(4):
            normal, right = self._of_pixel(pixel)
            other = usual._of_pixel(pixel)[0]
            other = other * (normal.trace() / other.trace().clamp_min(1e-30))
            size = (normal + other).diagonal()
            unit = size.clamp_min(1e-12 * float(size.max())).rsqrt()
            scaled = unit[:, None] * (normal + strength * other) * unit
            scaled += _RIDGE * torch.eye(len(scaled), dtype=torch.float64)
            factor = torch.linalg.cholesky(scaled)
            solutions.append(unit[:, None] * torch.cholesky_solve(unit[:, None] * right, factor))
        return torch.stack(solutions)

    def explained(self, solution: Tensor, shares: Sequence[float] = (1.0,)) -> list[Tensor]:
        """By how much so large shares of a solution lower what each order is missing, shape (O,) each."""
        whole = torch.zeros_like(self.right)
        for pixel, own in enumerate(solution):
            whole[self._features_of(pixel), pixel::4] = own
        along = (whole * self.right).sum(0).unflatten(0, (-1, 4)).sum(1)
        across = (whole * (self.normal @ whole)).sum(0).unflatten(0, (-1, 4)).sum(1)
        return [2 * share * along - share**2 * across for share in shares]
