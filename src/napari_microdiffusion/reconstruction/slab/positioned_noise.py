"""Noise that is the same at each place of a stack, whatever block it is made for."""

import numpy as np

# Rows and columns that are made together.
_CELL = 64


def noise_at(seed: int, shape: tuple[int, ...], corner: tuple[int, int]) -> np.ndarray:
    """Normal noise of a part of a stack, standard deviation 1.

    Parameters
    ----------
    seed : int
    shape : tuple of int
        Slabs, orders, rows, columns of the part.
    corner : tuple of int
        Its first row and column in the stack.

    Returns
    -------
    ndarray, of that shape, float32
    """
    slabs, orders, height, width = shape
    top, left = corner
    noise = np.empty(shape, np.float32)
    for y in range(top // _CELL, -(-(top + height) // _CELL)):
        for x in range(left // _CELL, -(-(left + width) // _CELL)):
            rng = np.random.default_rng([seed, y, x])
            cell = rng.standard_normal((slabs, orders, _CELL, _CELL), np.float32)
            rows, columns = (
                slice(max(0, _CELL * k - first), min(size, _CELL * (k + 1) - first))
                for k, first, size in ((y, top, height), (x, left, width))
            )
            own_rows, own_columns = (
                slice(part.start + first - _CELL * k, part.stop + first - _CELL * k)
                for k, first, part in ((y, top, rows), (x, left, columns))
            )
            noise[:, :, rows, columns] = cell[:, :, own_rows, own_columns]
    return noise
