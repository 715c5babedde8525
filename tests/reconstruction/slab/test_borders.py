"""Borders between slabs are mended without touching what was measured."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_microdiffusion.optics import Acquisition, ProjectionOperator
from napari_microdiffusion.reconstruction.slab.borders import SMOOTH, TEXTURED, mend_borders


def _operator(n: int, tilt: float = 0.0) -> ProjectionOperator:
    weights = tuple(1 + tilt * np.linspace(-1, 1, n))
    return ProjectionOperator(Acquisition(step_length=n, axial_profile=weights).profile)


def _excess(volume: np.ndarray, n: int) -> np.ndarray:
    """By how much the step at each border differs from the mean of the steps beside it, a third of a slab."""
    steps, far = np.diff(volume, axis=0), max(1, round(n / 3))
    at = range(n - 1, len(steps), n)
    beside = [np.concatenate([steps[i - far : i], steps[i + 1 : i + 1 + far]]).mean(0) for i in at]
    excess = [steps[i] - mean for i, mean in zip(at, beside, strict=True)]
    return np.array(excess).reshape(-1, *volume.shape[1:])


@given(st.integers(2, 16), st.integers(1, 6), st.floats(-0.9, 0.9), st.floats(0, 1), st.integers(0, 2**31))
def test_the_volume_projects_onto_what_it_did_and_borders_step_less(n, slabs, tilt, noise, seed):
    rng = np.random.default_rng(seed)
    operator = _operator(n, tilt)
    volume = rng.standard_normal((slabs * n, 3, 2)).astype(np.float32)
    amplitude = rng.uniform(0.03, 1, (slabs, 3, 2)).astype(np.float32)
    mended = mend_borders(volume, amplitude, operator, noise)
    assert mended.dtype == np.float32
    np.testing.assert_allclose(operator.project(mended), operator.project(volume), atol=1e-5)
    light = (amplitude[1:] + amplitude[:-1]) / 2
    weight = light * (1 + (_excess(volume, n) / (SMOOTH.edge * light)) ** 4)
    # What is minimised cannot grow.
    assert (_excess(mended, n) ** 2 / weight).sum() <= (_excess(volume, n) ** 2 / weight).sum() + 1e-5


def test_a_straight_slope_stays_as_it_is():
    slope = np.broadcast_to(np.linspace(0, 1, 24, dtype=np.float32)[:, None, None], (24, 2, 2))
    mended = mend_borders(slope, np.ones((4, 2, 2), np.float32), _operator(6))
    np.testing.assert_allclose(mended, slope, atol=1e-6)


def test_a_single_slab_has_no_border():
    slab = np.random.default_rng(2).standard_normal((6, 2, 2)).astype(np.float32)
    np.testing.assert_array_equal(mend_borders(slab, np.ones((1, 2, 2), np.float32), _operator(6)), slab)


def test_an_edge_at_a_border_is_left_alone():
    edge = np.zeros((12, 1, 1), np.float32)
    edge[6:] = 1
    small = np.float32(0.05) * edge
    moved = [
        np.abs(mend_borders(v, np.full((2, 1, 1), 0.5, np.float32), _operator(6)) - v).max()
        for v in (edge, small)
    ]
    assert moved[0] < 0.2
    assert moved[0] < 6 * moved[1]


def test_noise_is_hardly_spread_over_slices():
    volume = 0.1 * np.random.default_rng(3).standard_normal((24, 4, 4)).astype(np.float32)
    moved = [
        np.abs(mend_borders(volume, np.ones((4, 4, 4), np.float32), _operator(6), noise) - volume).mean()
        for noise in (0.0, 0.01, 0.03, 0.5)
    ]
    assert moved[0] > moved[1] > moved[2] == moved[3] > 0


def test_a_sample_keeps_more_of_the_steps_of_its_texture_than_a_mean():
    volume = 0.1 * np.random.default_rng(4).standard_normal((48, 8, 8)).astype(np.float32)
    light, operator = np.ones((8, 8, 8), np.float32), _operator(6)
    ratios = []
    for mending in (SMOOTH, TEXTURED):
        steps = np.abs(np.diff(mend_borders(volume, light, operator, mending=mending), axis=0))
        ratios.append(steps[5::6].mean() / np.delete(steps, np.s_[5::6], axis=0).mean())
    assert ratios[0] < 0.6 * ratios[1]
    assert ratios[1] > 0.4


@pytest.mark.parametrize("n", [2, 6])
def test_a_dark_slab_leaves_the_mending_to_its_neighbours(n):
    volume = 0.1 * np.random.default_rng(1).standard_normal((3 * n, 2, 2)).astype(np.float32)
    amplitude = np.ones((3, 2, 2), np.float32)
    amplitude[1] = 1e-6
    mended = mend_borders(volume, amplitude, _operator(n))
    np.testing.assert_allclose(mended[n : 2 * n], volume[n : 2 * n], atol=1e-4)
    assert np.abs(mended[:n] - volume[:n]).max() > 0.02
