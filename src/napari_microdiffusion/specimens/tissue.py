"""Structures without optics: each function draws one kind of tissue into an empty volume.

Sizes are in voxels, brightness about 0 to 1. Every range is wide on purpose: the prior that is trained on
these must not expect one calibre, one density or one direction.
"""

import numpy as np
from scipy.spatial import cKDTree

from .curves import slow_noise, unit_vectors, wander, winding_edges
from .stamping import stamp_balls

Shape = tuple[int, int, int]


def _around(rng: np.random.Generator, shape: Shape, count: int, margin: float = 8) -> np.ndarray:
    """Uniform random points in the volume and a margin around it, shape (count, 3)."""
    size = np.array(shape)
    return np.asarray(rng.uniform(-margin, size + margin, size=(count, 3)))


def _span(shape: Shape) -> float:
    return float(np.cbrt(np.prod(shape)))


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _draw_curves(volume: np.ndarray, curves: np.ndarray, radii: np.ndarray, values: np.ndarray) -> None:
    """Tubes along curves (T, L, 3) with a radius and brightness per point (T, L)."""
    stamp_balls(volume, curves.reshape(-1, 3), radii.reshape(-1), values.reshape(-1))


def vasculature(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """A capillary bed with loops, fed by a few wide penetrating vessels."""
    volume = np.zeros(shape, np.float32)
    spacing = _log_uniform(rng, 14, 48)
    count = int(np.clip(np.prod(np.array(shape) + 16.0) / spacing**3, 4, 900))
    nodes = _around(rng, shape, count)
    neighbours = np.asarray(cKDTree(nodes).query(nodes, k=min(4, count))[1])[:, 1:]
    links = {
        (min(a, int(b)), max(a, int(b)))
        for a, row in enumerate(neighbours)
        for b in row[: int(rng.integers(1, 4))]
    }
    edges = np.array(sorted(links))
    ends = nodes[edges]
    longest = float(np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1).max())
    samples = int(np.clip(longest * 1.6, 8, 240))
    lines = winding_edges(rng, ends, samples, rng.uniform(0.02, 0.25))
    calibre = _log_uniform(rng, 0.8, float(np.clip(spacing / 8, 1.5, 4.5)))
    radii = calibre * np.exp(
        rng.normal(0, 0.25, (len(lines), 1)) + 0.12 * slow_noise(rng, len(lines), samples, 5)
    )
    values = rng.uniform(0.5, 1, (len(lines), 1)) * np.exp(0.15 * slow_noise(rng, len(lines), samples, 6))
    _draw_curves(volume, lines, radii, np.clip(values, 0.1, 1.2))
    for _ in range(rng.poisson(1.2)):
        start = _around(rng, shape, 1)
        wide = _log_uniform(rng, 3, 12)
        trunk = wander(rng, start, unit_vectors(rng, 1, (2, 1, 1)), int(2 * _span(shape)), 1.0, 0.02)
        trunk = np.concatenate(
            [wander(rng, start, -(trunk[:, 1] - trunk[:, 0]), int(_span(shape)), 1.0, 0.02), trunk], 1
        )
        thickness = wide * np.exp(0.1 * slow_noise(rng, 1, trunk.shape[1], 5))
        _draw_curves(
            volume,
            trunk[:, ::2],
            thickness[:, ::2],
            np.full((1, len(trunk[0, ::2])), rng.uniform(0.6, 1)),
        )
        if rng.random() < 0.15:  # a stained wall instead of a filled lumen
            core = np.zeros_like(volume)
            stamp_balls(core, trunk[0, ::2], thickness[0, ::2] - 1.5)
            volume *= 1 - rng.uniform(0.5, 1) * core
    return volume


def dendrites(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Branching, tapering dendrites with spines."""
    volume = np.zeros(shape, np.float32)
    trees = int(np.clip(rng.poisson(np.prod(shape) / _log_uniform(rng, 60, 260) / 1000), 1, 24))
    length = int(1.6 * _span(shape))
    stretch = (_log_uniform(rng, 0.3, 2), 1.0, 1.0)
    for _ in range(trees):
        starts, headings = _around(rng, shape, 1), unit_vectors(rng, 1, stretch)
        radius, bright = _log_uniform(rng, 1.0, 3.2), rng.uniform(0.4, 1)
        for _ in range(int(rng.integers(1, 4))):
            curves = wander(rng, starts, headings, length, 0.8, rng.uniform(0.01, 0.06))
            taper = np.linspace(1, rng.uniform(0.5, 1), length) * np.exp(
                0.12 * slow_noise(rng, len(curves), length, 8)
            )
            radii = np.maximum(radius * taper, 0.5)
            _draw_curves(volume, curves, radii, np.full(radii.shape, bright))
            _spines(volume, rng, curves, radii, bright)
            forks = rng.integers(0, length // 2, size=len(curves) + 1)
            rows = rng.integers(0, len(curves), size=len(forks))
            starts = curves[rows, forks]
            along = curves[rows, forks + 1] - starts
            headings = along / np.linalg.norm(along, axis=1, keepdims=True) + 0.7 * unit_vectors(
                rng, len(forks)
            )
            headings /= np.linalg.norm(headings, axis=1, keepdims=True)
            radius *= rng.uniform(0.6, 0.9)
    return volume


def _spines(
    volume: np.ndarray, rng: np.random.Generator, curves: np.ndarray, radii: np.ndarray, bright: float
) -> None:
    """Heads on short necks, beside curves (T, L, 3) of the given radii."""
    points, thick = curves.reshape(-1, 3), radii.reshape(-1)
    per_point = rng.choice([0.0, rng.uniform(0.02, 0.25)])
    chosen = np.flatnonzero(rng.random(len(points)) < per_point)
    if not len(chosen):
        return
    outwards = unit_vectors(rng, len(chosen))
    neck = thick[chosen] + rng.uniform(0.8, 3.5, len(chosen))
    head = rng.uniform(0.6, 1.5, len(chosen))
    glow = bright * rng.uniform(0.4, 1, len(chosen))
    stamp_balls(volume, points[chosen] + outwards * neck[:, None], head, glow)
    for part in (0.35, 0.7):
        between = thick[chosen] + part * (neck - thick[chosen])
        stamp_balls(
            volume, points[chosen] + outwards * between[:, None], np.full(len(chosen), 0.5), 0.7 * glow
        )


def neurons(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Somata with neurites, and axons with boutons; from one cell to a dense felt of axons."""
    volume = np.zeros(shape, np.float32)
    if rng.random() < 0.7:
        for centre in _around(rng, shape, int(rng.integers(1, 5)), 4):
            _cell(volume, rng, centre)
    axons = int(rng.choice([0, _log_uniform(rng, 3, 120)], p=[0.2, 0.8]))
    if axons:
        length = int(1.8 * _span(shape))
        stretch = tuple(np.exp(rng.normal(0, 0.6, 3)))
        starts, headings = _around(rng, shape, axons), unit_vectors(rng, axons, stretch)
        curves = wander(rng, starts, headings, length, 0.8, _log_uniform(rng, 0.01, 0.12))
        radii = _log_uniform(rng, 0.4, 1.6) * np.exp(rng.normal(0, 0.2, (axons, 1)) + np.zeros(length))
        values = rng.uniform(0.2, 1, (axons, 1)) * np.exp(0.25 * slow_noise(rng, axons, length, 12))
        boutons = rng.random(radii.shape) < rng.choice([0, 0.03])
        radii = np.where(boutons, radii * rng.uniform(1.4, 2.2), radii)
        values = np.where(boutons, values * 1.4, values)
        _draw_curves(volume, curves, radii, values)
    return volume if volume.any() else dendrites(rng, shape)


def _cell(volume: np.ndarray, rng: np.random.Generator, centre: np.ndarray) -> None:
    """A soma, several overlapping balls, and its neurites."""
    size = _log_uniform(rng, 3, 11)
    lobes = centre + rng.normal(0, 0.3 * size, (6, 3))
    stamp_balls(volume, lobes, size * rng.uniform(0.6, 1, 6), rng.uniform(0.6, 1))
    count, length = int(rng.integers(3, 9)), int(1.4 * _span(volume.shape))
    headings = unit_vectors(rng, count)
    curves = wander(
        rng, np.repeat(centre[None], count, 0), headings, length, 0.8, _log_uniform(rng, 0.01, 0.08)
    )
    distance = np.arange(length) * 0.8
    radii = np.maximum(
        0.35 * size * np.exp(-distance / rng.uniform(8, 30)), rng.uniform(0.4, 1.2, (count, 1))
    )
    _draw_curves(volume, curves, radii, rng.uniform(0.3, 1, (count, 1)) * np.ones(length))


def nuclei(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Ellipsoidal nuclei with chromatin texture, sparse to packed."""
    volume = np.zeros(shape, np.float32)
    radius = _log_uniform(rng, 1.8, 9)
    wanted = int(
        np.clip(np.prod(np.array(shape) + 2 * radius) / (_log_uniform(rng, 2.2, 8) * radius) ** 3, 2, 2500)
    )
    centres = _around(rng, shape, 2 * wanted, radius)
    tree = cKDTree(centres)
    taken = np.ones(len(centres), bool)
    for a, b in sorted(tree.query_pairs(rng.uniform(1.2, 2.0) * radius)):
        if taken[a]:
            taken[b] = False
    centres = centres[taken][:wanted]
    sizes = radius * np.exp(rng.normal(0, rng.uniform(0.05, 0.3), len(centres)))
    glow = rng.uniform(rng.uniform(0.15, 0.9), 1, len(centres))
    elongation = rng.uniform(0, 0.6)
    for part in (-1.0, 0.0, 1.0):
        axis = unit_vectors(np.random.default_rng(len(centres)), len(centres))
        stamp_balls(volume, centres + part * elongation * sizes[:, None] * axis, sizes, glow)
    if radius > 3 and rng.random() < 0.6:
        specks = (
            np.repeat(centres, 6, 0)
            + rng.normal(0, 0.5, (6 * len(centres), 3)) * np.repeat(sizes, 6)[:, None]
        )
        spots = np.zeros_like(volume)
        stamp_balls(spots, specks, np.repeat(sizes, 6) * rng.uniform(0.15, 0.4), 1.0)
        volume *= 1 + rng.uniform(-0.5, 0.6) * spots
    return volume


def vesicles(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Compact bright objects of a few voxels, alone or in clusters: puncta, small somata seen coarsely."""
    volume = np.zeros(shape, np.float32)
    count = int(np.clip(np.prod(shape) / _log_uniform(rng, 9, 45) ** 3, 6, 2500))
    centres = _around(rng, shape, count)
    if rng.random() < 0.4:
        seeds = _around(rng, shape, max(count // 12, 1))
        near = rng.integers(0, len(seeds), count)
        centres = seeds[near] + rng.normal(0, _log_uniform(rng, 4, 16), (count, 3))
    radii = _log_uniform(rng, 0.6, 3) * np.exp(rng.normal(0, rng.uniform(0, 0.4), count))
    stamp_balls(volume, centres, radii, np.clip(np.exp(rng.normal(-0.7, 0.5, count)), 0.05, 1.5))
    return volume


def mixed(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Two kinds in one volume at different brightness."""
    first, second = rng.choice(4, size=2, replace=False)
    makers = (vasculature, dendrites, neurons, nuclei)
    return np.asarray(np.maximum(makers[first](rng, shape), rng.uniform(0.2, 1) * makers[second](rng, shape)))


TISSUES = {
    "vasculature": vasculature,
    "dendrites": dendrites,
    "neurons": neurons,
    "nuclei": nuclei,
    "mixed": mixed,
    # Sorted last on purpose: a kind's place in the sorted list is part of every specimen's seed.
    "vesicles": vesicles,
}
