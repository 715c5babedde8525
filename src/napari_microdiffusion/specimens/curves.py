"""Random smooth curves: the centre lines of vessels, dendrites and axons."""

import numpy as np


def unit_vectors(
    rng: np.random.Generator, count: int, stretch: tuple[float, float, float] = (1, 1, 1)
) -> np.ndarray:
    """Random directions, shape (count, 3); `stretch` favours axes."""
    vectors = rng.normal(size=(count, 3)) * stretch
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9))


def wander(
    rng: np.random.Generator,
    starts: np.ndarray,
    directions: np.ndarray,
    steps: int,
    stride: float,
    tortuosity: float,
    memory: float = 0.9,
) -> np.ndarray:
    """Persistent random walks whose bending is an Ornstein-Uhlenbeck process.

    Parameters
    ----------
    rng : numpy.random.Generator
    starts, directions : ndarray, shape (T, 3)
        In voxels; directions of unit length.
    steps : int
        Points per curve, L.
    stride : float
        Distance between points, in voxels.
    tortuosity : float
        Standard deviation of the bending, in radians per voxel.
    memory : float
        How much of its bending a curve keeps from one point to the next.

    Returns
    -------
    ndarray, shape (T, L, 3)
    """
    points = np.empty((len(starts), steps, 3))
    position, heading = starts.astype(float), directions.astype(float)
    bend = rng.normal(size=starts.shape) * tortuosity
    fresh = np.sqrt(1 - memory**2) * tortuosity
    for step in range(steps):
        points[:, step] = position
        bend = memory * bend + fresh * rng.normal(size=bend.shape)
        heading = heading + stride * bend
        heading /= np.maximum(np.linalg.norm(heading, axis=1, keepdims=True), 1e-9)
        position = position + stride * heading
    return points


def winding_edges(
    rng: np.random.Generator, ends: np.ndarray, points_per_edge: int, tortuosity: float
) -> np.ndarray:
    """Curves between given end points: straight lines bent by a few sine modes that vanish at the ends.

    Parameters
    ----------
    ends : ndarray, shape (E, 2, 3)
    points_per_edge : int
        S.
    tortuosity : float
        Standard deviation of the bending relative to an edge's length.

    Returns
    -------
    ndarray, shape (E, S, 3)
    """
    t = np.linspace(0, 1, points_per_edge)[:, None]
    lines = ends[:, :1] + (ends[:, 1:] - ends[:, :1]) * t
    lengths = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1)[:, None, None]
    for mode in (1, 2, 3):
        amplitude = rng.normal(size=(len(ends), 1, 3)) * tortuosity / mode
        lines = lines + amplitude * lengths * np.sin(np.pi * mode * t)
    return np.asarray(lines)


def slow_noise(rng: np.random.Generator, curves: int, points: int, knots: int) -> np.ndarray:
    """Smooth unit-variance noise along curves, shape (curves, points)."""
    values = rng.normal(size=(curves, max(knots, 2)))
    at = np.linspace(0, values.shape[1] - 1, points)
    low = np.minimum(at.astype(int), values.shape[1] - 2)
    blend = (1 - np.cos(np.pi * (at - low))) / 2
    return np.asarray(values[:, low] * (1 - blend) + values[:, low + 1] * blend)
