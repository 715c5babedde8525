"""Lazy arrays as a thread reads them, while the viewer reads others."""

from collections.abc import Iterator
from typing import Any

import numpy as np


class _Apart:
    """A dask array, or a part of one, that computes without anybody's callbacks."""

    def __init__(self, array: Any) -> None:
        self.dask_array = array
        self.shape, self.ndim, self.dtype, self.size = array.shape, array.ndim, array.dtype, array.size
        self.name, self.chunks = array.name, array.chunks

    def __len__(self) -> int:
        return len(self.dask_array)

    def __iter__(self) -> Iterator["_Apart"]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, part: Any) -> "_Apart":
        return _Apart(self.dask_array[part])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        values = np.asarray(self.dask_array.compute(callbacks=()))
        return np.array(values, dtype=dtype, copy=copy)


def apart(array: Any) -> Any:
    """An array that a thread may read at any time; any but dask's is as it was.

    While the viewer reads a dask array, it has dask tell a cache, which all computations of the process then
    tell as well. That cache is not made for several at once: the first that ends clears what the others have
    noted, and these fail.

    Parameters
    ----------
    array : array_like
        May be lazy.

    Returns
    -------
    array_like
        As lazy as before. A part of it is of the same kind; its values are read by `numpy.asarray`.
    """
    return _Apart(array) if hasattr(array, "dask") else array


def for_viewer(array: Any) -> Any:
    """What `apart` was given, whose computations the viewer's cache is told of."""
    return array.dask_array if isinstance(array, _Apart) else array


def is_lazy(array: Any) -> bool:
    """Whether it takes long to read a part of an array; it has the chunks that are read at once then."""
    return isinstance(array, _Apart) or hasattr(array, "dask")
