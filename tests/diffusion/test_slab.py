"""The slab problem: whatever the diffusion chooses, the volume re-projects onto the measurement."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_microdiffusion.diffusion.slab import (
    CONDITION_CHANNELS,
    GLOBALS,
    LINEAR_CHANNELS,
    ORDERS,
    STATISTICS,
    compose,
    local_amplitude,
    network_inputs,
    null_orders,
)
from napari_microdiffusion.interpolation import histospline
from napari_microdiffusion.optics import Acquisition, ProjectionOperator


def posed(n: int = 6, slabs: int = 5, noise: float = 0.01, **optics):
    rng = np.random.default_rng(0)
    operator = ProjectionOperator(Acquisition(step_length=n, **optics).profile)
    projections = rng.random((slabs, 6, 7), dtype=np.float32)
    guide = histospline(projections, n)
    return network_inputs(projections, guide, operator, noise), projections, guide, operator


@given(st.integers(2, 16), st.integers(0, 10**6), st.booleans())
def test_any_orders_reproject_exactly(n, seed, is_uniform):
    rng = np.random.default_rng(seed)
    profile = np.ones(n) if is_uniform else rng.uniform(0.2, 1, n)
    operator = ProjectionOperator(profile / profile.sum())
    projections = rng.normal(size=(3, 2, 4)).astype(np.float32)
    orders = rng.normal(0, 3, size=(3, ORDERS, 2, 4)).astype(np.float32)
    volume = compose(projections, orders, operator)
    assert volume.shape == (3 * n, 2, 4)
    np.testing.assert_allclose(operator.project(volume.astype(float)), projections, atol=2e-5)
    # And what was composed is what is found again, in the orders that n has.
    found = null_orders(volume, operator)
    np.testing.assert_allclose(found[:, : n - 1], orders[:, : n - 1], atol=2e-4)
    assert not found[:, n - 1 :].any()


def test_composing_a_volumes_own_orders_gives_the_volume(rng):
    operator = ProjectionOperator(np.array([1, 3, 4, 3, 1]) / 12)
    volume = rng.random((20, 3, 3), dtype=np.float32)
    again = compose(operator.project(volume), null_orders(volume, operator), operator)
    np.testing.assert_allclose(again, volume, atol=1e-5)


def test_shapes_and_kinds():
    problem, *_ = posed()
    assert problem.condition.shape == (5, CONDITION_CHANNELS, 6, 7)
    assert problem.globals.shape == (GLOBALS,)
    assert problem.amplitude.shape == (5, 1, 6, 7)
    assert problem.guide_orders.shape == (5, ORDERS, 6, 7)
    arrays = (problem.condition, problem.globals, problem.amplitude, problem.guide_orders, problem.order_mask)
    assert {array.dtype for array in arrays} == {np.dtype(np.float32)}


def test_the_mask_leaves_the_orders_that_a_step_length_has():
    for n in (2, 6, 16):
        np.testing.assert_array_equal(posed(n)[0].order_mask, np.arange(1, 16) < n)


def test_the_condition_shows_the_neighbours_and_repeats_the_ends():
    problem, projections, guide, operator = posed()
    expected = projections[[0, 0, 1, 2, 3]]
    np.testing.assert_array_equal(problem.condition[:, 1], expected)
    np.testing.assert_array_equal(problem.condition[:, 4], projections[[2, 3, 4, 4, 4]])
    np.testing.assert_allclose(problem.condition[:, LINEAR_CHANNELS + 1], np.sqrt(expected), rtol=1e-6)
    orders = null_orders(guide, operator)
    np.testing.assert_allclose(problem.condition[:, 5 + ORDERS : 5 + 2 * ORDERS], 4 * orders, rtol=1e-6)


def test_statistics_end_the_globals_and_are_unknown_where_not_given():
    problem, projections, guide, operator = posed()
    assert np.isnan(problem.globals[-STATISTICS:]).all()
    assert np.isfinite(problem.globals[:-STATISTICS]).all()
    known = np.arange(STATISTICS, dtype=np.float32)
    told = network_inputs(projections, guide, operator, 0.0, known)
    np.testing.assert_array_equal(told.globals[-STATISTICS:], known)


def test_a_negative_projection_has_no_root_and_the_floor_for_an_amplitude():
    operator = ProjectionOperator([0.5, 0.5])
    projections = np.full((2, 4, 4), -0.2, np.float32)
    problem = network_inputs(projections, np.zeros((4, 4, 4), np.float32), operator)
    assert np.isfinite(problem.condition).all()
    np.testing.assert_allclose(problem.amplitude, 0.03, rtol=1e-6)


def test_the_amplitude_follows_the_light_and_noise_raises_its_floor():
    light = np.array([0, 1], np.float32).reshape(1, 1, 2)
    np.testing.assert_allclose(local_amplitude(light).ravel(), [0.03, 1.00045], rtol=1e-5)
    np.testing.assert_allclose(local_amplitude(light, 0.04).ravel(), [0.05, 1.00125], rtol=1e-5)


def test_the_description_of_the_beam_tells_beams_apart_and_is_of_order_one():
    # At n = 2 the symmetric beams are the same.
    told = []
    for n in (3, 6, 16):
        z = np.arange(n) - (n - 1) / 2
        bell, lopsided = np.exp(-((2 * z / n) ** 2)), np.exp(-((z / n + 0.5) ** 2))
        for profile in (None, tuple(bell), tuple(lopsided)):
            told.append(posed(n, axial_profile=profile)[0].globals[:-STATISTICS])
    assert np.abs(told).max() < 4
    assert len({tuple(np.round(t, 4)) for t in told}) == len(told)
    # The uniform beam is centred and flat.
    np.testing.assert_allclose(told[3][[2, 4]], 0, atol=1e-6)


def test_step_lengths_beyond_the_orders_are_refused(rng):
    operator = ProjectionOperator(np.full(17, 1 / 17))
    with pytest.raises(ValueError, match="up to 16, not 17"):
        null_orders(rng.random((34, 2, 2)), operator)
