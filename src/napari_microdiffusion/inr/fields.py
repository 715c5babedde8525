"""The fields: a pyramid of features aligned to the voxels, or the paper's network on coordinates.

A field holds its tensors by name and answers one question: its intensities in the plane at depth z, where z
is counted in slices and need not be whole. Fitting reads and writes the tensors itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .encodings import gaussian_frequencies
from .paper_field import PaperField
from .settings import InrSettings

Shape = tuple[int, int, int]

# Points evaluated at once when a plane is rendered; bounds the memory whatever the image size.
_POINTS = 1 << 16
_LATERAL_STRIDES = (2, 4, 16)
# Tiles of the grid field start at multiples of this, so that every level has a node there.
TILE_ALIGNMENT = max(_LATERAL_STRIDES)


class ImplicitField(Protocol):
    """What rendering, saving and fitting need of a field."""

    shape: Shape
    tensors: dict[str, Tensor]

    def plane(self, z: float) -> Tensor:
        """Intensities at depth z, shape (H, W)."""
        ...


def build_field(
    shape: Shape, n: int, settings: InrSettings, seed: int, device: str
) -> GridField | PaperField:
    """The field of the settings, with seeded initial weights.

    Parameters
    ----------
    shape : tuple of int
        Slices, rows, columns.
    n : int
        Step length in slices.
    settings : InrSettings
    seed : int
    device : str
    """
    field_type = GridField if settings.field == "grid" else PaperField
    rng = np.random.default_rng(seed)
    tensors: dict[str, Tensor] = {}
    for name, dims in field_type.tensor_shapes(shape, n, settings).items():
        spread = field_type.initial_spread(name, dims)
        draw = rng.standard_normal(dims, dtype=np.float32) * np.float32(spread) if spread else None
        tensors[name] = torch.zeros(dims) if draw is None else torch.from_numpy(draw)
    if "frequencies" in tensors:
        drawn = gaussian_frequencies(settings.frequencies, settings.bandwidth, seed)
        tensors["frequencies"] = torch.from_numpy(drawn)
    return field_type(shape, n, settings, {name: tensor.to(device) for name, tensor in tensors.items()})


def interpolate_nodes(nodes: Tensor, stride: int, axis: int, count: int) -> Tensor:
    """Linear interpolation between nodes at 0, stride, 2*stride, ... to the whole numbers 0 ... count-1."""
    if stride == 1:
        return nodes.narrow(axis, 0, count)
    pieces = nodes.shape[axis] - 1
    fraction = torch.arange(stride, device=nodes.device, dtype=nodes.dtype) / stride
    fraction = fraction.reshape(-1, *(1,) * (nodes.ndim - 1 - axis))
    lower = nodes.narrow(axis, 0, pieces).unsqueeze(axis + 1)
    upper = nodes.narrow(axis, 1, pieces).unsqueeze(axis + 1)
    return torch.lerp(lower, upper, fraction).flatten(axis, axis + 1).narrow(axis, 0, count)


class GridField:
    """Log intensity = voxel channel + network(pyramid), intensity = exp(log intensity) - offset, not below 0.

    The voxel channel has one value a voxel. The pyramid's levels have some channels each, on nodes (n/2, 2),
    (n, 4) and (3n, 16) voxels apart along z and laterally; interpolated to a point they enter a network of
    one hidden layer. Between voxel centres along z everything is interpolated linearly.
    """

    def __init__(self, shape: Shape, n: int, settings: InrSettings, tensors: Mapping[str, Tensor]) -> None:
        self.shape = shape
        self.offset = settings.offset
        self.strides = self._strides(n)
        self.tensors = dict(tensors)

    @staticmethod
    def _strides(n: int) -> tuple[tuple[int, int], ...]:
        return tuple(zip((max(n // 2, 1), n, 3 * n), _LATERAL_STRIDES, strict=True))

    @classmethod
    def tensor_shapes(cls, shape: Shape, n: int, settings: InrSettings) -> dict[str, tuple[int, ...]]:
        """Shape of every tensor by name."""
        shapes: dict[str, tuple[int, ...]] = {"voxels": shape}
        for i, (axial, lateral) in enumerate(cls._strides(n)):
            nodes = (
                -(-size // step) + 1 for size, step in zip(shape, (axial, lateral, lateral), strict=True)
            )
            shapes[f"level{i}"] = (settings.channels, *nodes)
        inputs = settings.channels * len(_LATERAL_STRIDES)
        shapes["hidden_weight"] = (settings.hidden, inputs)
        shapes["hidden_bias"] = (settings.hidden,)
        shapes["output_weight"] = (1, settings.hidden)
        return shapes

    @staticmethod
    def initial_spread(name: str, dims: tuple[int, ...]) -> float:
        """Standard deviation of a tensor's initial values; the network's output starts at zero."""
        if name.startswith("level"):
            return 0.1
        return dims[-1] ** -0.5 if name == "hidden_weight" else 0.0

    def window(self, name: str, rows: slice, columns: slice, tensor: Tensor | None = None) -> Tensor:
        """The part that a tile depends on, as a view, of a tensor or of another one of the same shape.

        Tiles start at multiples of TILE_ALIGNMENT.
        """
        tensor = self.tensors[name] if tensor is None else tensor
        if name == "voxels":
            return tensor[:, rows, columns]
        if not name.startswith("level"):
            return tensor
        step = self.strides[int(name[5:])][1]
        last = (-(-rows.stop // step) + 1, -(-columns.stop // step) + 1)
        return tensor[:, :, rows.start // step : last[0], columns.start // step : last[1]]

    def log_intensity(self, parts: Mapping[str, Tensor]) -> Tensor:
        """Log intensity of a tile from the windows of its tensors, shape (Z, rows, columns)."""
        voxels = parts["voxels"]
        depth, rows, columns = voxels.shape
        features = []
        for i, (axial, lateral) in enumerate(self.strides):
            level = interpolate_nodes(parts[f"level{i}"], lateral, 3, columns)
            level = interpolate_nodes(level, lateral, 2, rows)
            features.append(interpolate_nodes(level, axial, 1, depth))
        return voxels + self._network(torch.cat(features), parts)

    def intensity(self, log_intensity: Tensor) -> Tensor:
        """Intensity of a log intensity; below zero where that is under the offset's logarithm."""
        return log_intensity.exp() - self.offset

    def _network(self, features: Tensor, parts: Mapping[str, Tensor]) -> Tensor:
        flat = features.flatten(1)
        hidden = functional.silu(torch.addmm(parts["hidden_bias"][:, None], parts["hidden_weight"], flat))
        return (parts["output_weight"] @ hidden).reshape(features.shape[1:])

    def plane(self, z: float) -> Tensor:
        """Intensities at depth z, clamped to the first and last slice's centres, shape (H, W)."""
        depth, height, width = self.shape
        z = min(max(z, 0.0), depth - 1.0)
        plane = self.tensors["voxels"].new_empty((height, width))
        rows_at_once = max(1, _POINTS // width // TILE_ALIGNMENT) * TILE_ALIGNMENT
        with torch.no_grad():
            for top in range(0, height, rows_at_once):
                rows = slice(top, min(top + rows_at_once, height))
                plane[rows] = self._strip(z, rows)
        return plane

    def _strip(self, z: float, rows: slice) -> Tensor:
        columns = slice(0, self.shape[2])
        parts = {name: self.window(name, rows, columns) for name in self.tensors}
        features = []
        for i, (axial, lateral) in enumerate(self.strides):
            level = _between(parts[f"level{i}"], z / axial, 1)
            level = interpolate_nodes(level, lateral, 2, columns.stop)
            features.append(interpolate_nodes(level, lateral, 1, rows.stop - rows.start))
        log_intensity = _between(parts["voxels"], z, 0) + self._network(torch.cat(features), parts)
        return self.intensity(log_intensity).clamp_min_(0)


def _between(nodes: Tensor, position: float, axis: int) -> Tensor:
    """Linear interpolation at one position along an axis."""
    lower = min(int(position), nodes.shape[axis] - 1)
    if position == lower:
        return nodes.select(axis, lower)
    return torch.lerp(nodes.select(axis, lower), nodes.select(axis, lower + 1), position - lower)
