import numpy as np
import pytest
import torch

from napari_microdiffusion.inr.coherence import FLOOR, MARGIN, coherence_energy, gradient_metric


def matrices(metric: np.ndarray) -> np.ndarray:
    zz, yy, xx, zy, zx, yx = metric.astype(np.float64)
    return np.stack([np.stack(row, -1) for row in ((zz, zy, zx), (zy, yy, yx), (zx, yx, xx))], -2)


def test_a_flat_region_is_measured_alike_in_all_directions():
    metric = gradient_metric(np.full((8, 9, 10), -2.0, np.float32))
    np.testing.assert_allclose(matrices(metric), np.broadcast_to(np.eye(3), (8, 9, 10, 3, 3)), atol=1e-3)


def test_a_slope_counts_little_along_itself_and_fully_across():
    y = np.arange(20, dtype=np.float32)
    metric = gradient_metric(np.broadcast_to(0.1 * y[None, :, None], (20, 20, 20)))
    middle = matrices(metric)[10, 10, 10]
    np.testing.assert_allclose(np.diag(middle), [1, FLOOR / (0.01 + FLOOR), 1], rtol=2e-2)


def test_along_an_oblique_fibre_the_metric_is_largest():
    z, y, x = np.ogrid[:24, :24, :24]
    direction = np.array([1.0, 1.0, 0.0]) / 2**0.5
    log_intensity = np.maximum(-(((y - z) ** 2 / 2) + (x - 12) ** 2) / 6, -3).astype(np.float32)
    values, vectors = np.linalg.eigh(matrices(gradient_metric(log_intensity))[12, 12, 12])
    assert abs(vectors[:, -1] @ direction) > 0.99
    assert values[-1] > 0.9 > 20 * values[-2]


def test_the_margin_is_all_that_a_block_depends_on(rng):
    volume = rng.normal(size=(6, 40, 40)).astype(np.float32)
    whole = gradient_metric(volume)
    part = gradient_metric(volume[:, 16 - MARGIN : 32 + MARGIN, 16 - MARGIN :])
    np.testing.assert_allclose(
        part[:, :, MARGIN:-MARGIN, MARGIN:].astype(np.float32),
        whole[:, :, 16:32, 16:].astype(np.float32),
        atol=1e-3,
    )


def test_the_energy_of_a_slope_is_its_square_in_the_metric():
    slope = torch.tensor([0.1, -0.2, 0.3])
    grid = torch.stack(torch.meshgrid(*[torch.arange(5.0)] * 3, indexing="ij"), -1)
    entries = torch.tensor([0.5, 0.25, 1.0, 0.125, -0.25, 0.0])
    metric = entries[:, None, None, None].expand(6, 5, 5, 5)
    full = torch.from_numpy(matrices(entries.numpy()))
    expected = 27 * slope.double() @ full @ slope.double() / FLOOR
    energy = coherence_energy(grid @ slope, metric)
    assert float(energy) == pytest.approx(float(expected), rel=1e-4)


def test_a_single_slice_has_a_metric_and_no_energy():
    metric = gradient_metric(np.zeros((1, 8, 8), np.float32))
    assert np.isfinite(metric).all()
    assert float(coherence_energy(torch.zeros(1, 8, 8), torch.from_numpy(metric))) == 0
