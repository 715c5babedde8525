"""Encodings of coordinates for the paper's field: what lets a small network draw fine structure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch


def voxel_coordinates(positions: NDArray[np.floating], count: int) -> NDArray[np.float32]:
    """Coordinates in [-1, 1] of positions along an axis of `count` voxels.

    The interval spans the voxels' outer edges, so that voxel centres lie at -1 + (2k + 1)/count.

    Parameters
    ----------
    positions : ndarray
        In voxels; whole numbers are voxel centres.
    count : int
        Voxels along the axis.
    """
    return ((2 * np.asarray(positions, np.float64) + 1) / count - 1).astype(np.float32)


def gaussian_frequencies(frequencies: int, bandwidth: float, seed: int) -> NDArray[np.float32]:
    """The matrix B of `gaussian_encoding`, shape (frequencies, 3), drawn from N(0, bandwidth^2)."""
    rng = np.random.default_rng(seed)
    return rng.normal(0, bandwidth, (frequencies, 3)).astype(np.float32)


def gaussian_encoding(coordinates: torch.Tensor, matrix: torch.Tensor) -> torch.Tensor:
    """Gaussian Fourier features [sin(2 pi B p), cos(2 pi B p)].

    M. Tancik et al., Fourier features let networks learn high frequency functions in low dimensional domains,
    NeurIPS 2020, equation 5 with equal amplitudes; the paper's p, with B ~ N(0, 4^2).

    Parameters
    ----------
    coordinates : Tensor, shape (..., 3)
        In [-1, 1].
    matrix : Tensor, shape (frequencies, 3)

    Returns
    -------
    Tensor, shape (..., 2 * frequencies)
    """
    import torch

    angle = 2 * math.pi * (coordinates @ matrix.T)
    return torch.cat([angle.sin(), angle.cos()], -1)


def sine_cosine_encoding(coordinates: torch.Tensor, octaves: int) -> torch.Tensor:
    """Octaves of sine and cosine along each axis: sin(2^k pi p), cos(2^k pi p) for k = 0 ... octaves-1.

    B. Mildenhall et al., NeRF: representing scenes as neural radiance fields for view synthesis, ECCV 2020,
    equation 4.

    Parameters
    ----------
    coordinates : Tensor, shape (..., 3)
        In [-1, 1].
    octaves : int

    Returns
    -------
    Tensor, shape (..., 6 * octaves)
        Sines of all axes and octaves, then cosines.
    """
    import torch

    scale = math.pi * 2.0 ** torch.arange(octaves, device=coordinates.device)
    angle = (coordinates[..., None] * scale).flatten(-2)
    return torch.cat([angle.sin(), angle.cos()], -1)
