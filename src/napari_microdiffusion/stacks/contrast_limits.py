"""Contrast limits that show a stack well, whatever single voxels hold."""

from typing import Any

import numpy as np

_SAMPLED_VOXELS = 1_000_000
# Of data that lie in a file, about so many planes: each is read whole.
_SAMPLED_PLANES = 16


def sampled(volume: Any) -> np.ndarray:
    """Some voxels of a large volume (..., H, W), from everywhere in it."""
    if not isinstance(volume, np.ndarray):
        *before, _, _ = volume.shape
        along_each = round(_SAMPLED_PLANES ** (1 / max(1, sum(size > 1 for size in before))))
        volume = volume[tuple(slice(None, None, -(-size // along_each)) for size in before)]
    step = max(1, round((volume.size / _SAMPLED_VOXELS) ** 0.5))
    return np.asarray(volume[..., ::step, ::step])


def limits_of(values: np.ndarray) -> tuple[float, float]:
    """Contrast limits that show values well, robust to single bright ones."""
    finite = values[np.isfinite(values)]
    low, high = np.percentile(finite, (0.5, 99.9)).tolist() if finite.size else (0.0, 1.0)
    return low, max(high, low + 1e-30 + 1e-6 * abs(low))
