"""The field of the paper: a network on encoded coordinates."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .encodings import gaussian_encoding, sine_cosine_encoding, voxel_coordinates
from .settings import InrSettings

Shape = tuple[int, int, int]

# Points evaluated at once when a plane is rendered; bounds the memory whatever the image size.
_POINTS = 1 << 16


class PaperField:
    """The paper's field: encoded coordinates through a ReLU network with one skip (paper, Sec. 4.1).

    The layer in the middle sees the encoding again beside its input. The output is the intensity itself and
    may be negative.
    """

    def __init__(self, shape: Shape, n: int, settings: InrSettings, tensors: Mapping[str, Tensor]) -> None:
        self.shape = shape
        self.layers = settings.layers
        self.octaves = settings.octaves
        self.tensors = dict(tensors)

    @classmethod
    def tensor_shapes(cls, shape: Shape, n: int, settings: InrSettings) -> dict[str, tuple[int, ...]]:
        """Shape of every tensor by name."""
        gaussian = settings.encoding == "gaussian"
        encoded = 2 * settings.frequencies if gaussian else 6 * settings.octaves
        shapes: dict[str, tuple[int, ...]] = {"frequencies": (settings.frequencies, 3)} if gaussian else {}
        for i in range(settings.layers):
            inputs = encoded if i == 0 else settings.width + (encoded if i == settings.layers // 2 else 0)
            shapes[f"weight{i}"] = (settings.width, inputs)
            shapes[f"bias{i}"] = (settings.width,)
        shapes["output_weight"] = (1, settings.width)
        shapes["output_bias"] = (1,)
        return shapes

    @staticmethod
    def initial_spread(name: str, dims: tuple[int, ...]) -> float:
        """Standard deviation of a tensor's initial values (He et al., ICCV 2015)."""
        return (2 / dims[-1]) ** 0.5 if "weight" in name else 0.0

    def at(self, coordinates: Tensor) -> Tensor:
        """Intensities at points, coordinates (..., 3) in [-1, 1] along z, y, x."""
        if "frequencies" in self.tensors:
            encoded = gaussian_encoding(coordinates, self.tensors["frequencies"])
        else:
            encoded = sine_cosine_encoding(coordinates, self.octaves)
        hidden = encoded
        for i in range(self.layers):
            if i and i == self.layers // 2:
                hidden = torch.cat([hidden, encoded], -1)
            weight, bias = self.tensors[f"weight{i}"], self.tensors[f"bias{i}"]
            hidden = functional.relu(functional.linear(hidden, weight, bias))
        return functional.linear(hidden, self.tensors["output_weight"], self.tensors["output_bias"])[..., 0]

    def coordinates(self, z: np.ndarray, pixels: np.ndarray) -> Tensor:
        """Coordinates of points at depths z and flat pixel indices, arrays that broadcast together."""
        depth, height, width = self.shape
        axes = np.broadcast_arrays(
            voxel_coordinates(z, depth),
            voxel_coordinates(pixels // width, height),
            voxel_coordinates(pixels % width, width),
        )
        return torch.from_numpy(np.stack(axes, -1)).to(self.tensors["output_weight"].device)

    def plane(self, z: float) -> Tensor:
        """Intensities at depth z, clamped to the first and last slice's centres, shape (H, W)."""
        depth, height, width = self.shape
        z = min(max(z, 0.0), depth - 1.0)
        plane = self.tensors["output_weight"].new_empty(height * width)
        with torch.no_grad():
            for start in range(0, height * width, _POINTS // 4):
                pixels = np.arange(start, min(start + _POINTS // 4, height * width))
                plane[pixels[0] : pixels[-1] + 1] = self.at(self.coordinates(np.full(1, z), pixels))
        return plane.reshape(height, width)
