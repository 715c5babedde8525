"""Borders between slabs are mended without touching what was measured."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_microdiffusion.optics import Acquisition, ProjectionOperator
from napari_microdiffusion.reconstruction.borders import mend_borders


def _operator(n: int, tilt: float = 0.0) -> ProjectionOperator:
    weights = tuple(1 + tilt * np.linspace(-1, 1, n))
    return ProjectionOperator(Acquisition(step_length=n, axial_profile=weights).profile)


def _excess(volume: np.ndarray, n: int) -> np.ndarray:
    """By how much the step at each border differs from the mean of the steps beside it."""
    steps = np.diff(volume, axis=0)
    at = np.arange(n - 1, len(steps), n)
    return steps[at] - (steps[at - 1] + steps[at + 1]) / 2


@given(st.integers(2, 16), st.integers(1, 6), st.floats(-0.9, 0.9), st.integers(0, 2**31))
def test_the_volume_projects_onto_what_it_did_and_borders_step_less(n, slabs, tilt, seed):
    rng = np.random.default_rng(seed)
    operator = _operator(n, tilt)
    volume = rng.standard_normal((slabs * n, 3, 2)).astype(np.float32)
    amplitude = rng.uniform(0.03, 1, (slabs, 3, 2)).astype(np.float32)
    mended = mend_borders(volume, amplitude, operator)
    assert mended.dtype == np.float32
    np.testing.assert_allclose(operator.project(mended), operator.project(volume), atol=1e-5)
    light = (amplitude[1:] + amplitude[:-1]) / 2
    weight = light * (1 + (_excess(volume, n) / (0.3 * light)) ** 2)
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


@pytest.mark.parametrize("n", [2, 6])
def test_a_dark_slab_leaves_the_mending_to_its_neighbours(n):
    volume = 0.1 * np.random.default_rng(1).standard_normal((3 * n, 2, 2)).astype(np.float32)
    amplitude = np.ones((3, 2, 2), np.float32)
    amplitude[1] = 1e-6
    mended = mend_borders(volume, amplitude, _operator(n))
    np.testing.assert_allclose(mended[n : 2 * n], volume[n : 2 * n], atol=1e-4)
    assert np.abs(mended[:n] - volume[:n]).max() > 0.02
