"""Two volumes in one picture: a checkerboard or a curtain, made plane by plane as the viewer asks for it."""

from typing import Any, Literal

import numpy as np

Pattern = Literal["checkerboard", "curtain"]

# Squares along the shorter side of a plane.
_SQUARES = 8


class Mixed:
    """An array that shows one volume here and the other there.

    Holds no voxels of its own, so that it costs nothing and follows both volumes.

    Parameters
    ----------
    first, second : array_like, shape (at least Z, H, W)
        Volumes on the same grid; `first` is left of the curtain.
    pattern : {"checkerboard", "curtain"}
    """

    ndim = 3
    dtype = np.dtype(np.float32)

    def __init__(self, first: Any, second: Any, pattern: Pattern) -> None:
        self.first, self.second, self.pattern = first, second, pattern
        self.shape = (min(first.shape[0], second.shape[0]), *first.shape[1:])
        self.position = 0.5
        """Where the curtain hangs, 0 at the left to 1 at the right."""

    @property
    def size(self) -> int:
        """Voxels."""
        return int(np.prod(self.shape))

    def __len__(self) -> int:
        """Planes."""
        return int(self.shape[0])

    def __getitem__(self, key: Any) -> np.ndarray:
        """The voxels of a part, as NumPy would index them."""
        parts = list(key) if isinstance(key, tuple) else [key]
        if any(part is Ellipsis for part in parts):
            at = next(i for i, part in enumerate(parts) if part is Ellipsis)
            parts[at : at + 1] = [slice(None)] * (4 - len(parts))
        parts += [slice(None)] * (3 - len(parts))
        planes, rows, columns = parts
        if isinstance(planes, slice):
            planes = slice(*planes.indices(self.shape[0]))
        window = (planes, rows, columns)
        first, second = (np.asarray(v[window], dtype=np.float32) for v in (self.first, self.second))
        return np.where(self._mask()[rows, columns], first, second)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """All of it."""
        return np.asarray(self[:], dtype=dtype)

    def _mask(self) -> np.ndarray:
        """Where the first volume shows, shape (H, W)."""
        height, width = self.shape[1:]
        y, x = np.ogrid[:height, :width]
        if self.pattern == "curtain":
            return np.broadcast_to(x < round(self.position * width), (height, width))
        side = max(1, min(height, width) // _SQUARES)
        return np.asarray((y // side + x // side) % 2 == 0)
