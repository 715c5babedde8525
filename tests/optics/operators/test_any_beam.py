"""The operator of any beam: exact adjoint, physics by hand, and the systems that it makes."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_microdiffusion.optics import Acquisition, BeamOperator
from napari_microdiffusion.optics.operators.banded import factor_banded

BEAMS = [
    {"beam": "bessel"},
    {"width": 9.3},
    {"axial_profile": (1, 0, 2, 3, 5, 1)},
    {"beam": "airy", "bend": 0.15, "apex": -3, "direction": 30},
    {"beam": "airy", "bend": -0.2, "apex": 5, "views": 2},
    {"tilt": 0.7, "direction": 90, "views": 2},
]


def operator_of(shape=(4, 7, 8), step_length=4, **beam) -> BeamOperator:
    acquisition = Acquisition(step_length=step_length, **beam)
    return BeamOperator(acquisition.beams, step_length, shape)


@given(st.sampled_from(BEAMS), st.sampled_from([2, 4, 6]), st.integers(1, 5), st.integers(0, 2**32))
@settings(deadline=None)
def test_the_adjoint_is_exact(beam, n, slabs, seed):
    operator, rng = operator_of((slabs, 5, 6), n, **beam), np.random.default_rng(seed)
    m = rng.normal(size=operator.extended_shape)
    x = rng.normal(size=(operator.views * slabs, 5, 6))
    assert np.vdot(operator.project(m), x) == pytest.approx(
        np.vdot(m, operator.adjoint(x)), rel=1e-9, abs=1e-9
    )


@pytest.mark.parametrize(
    ("beam", "least", "most"),
    [
        ({"beam": "bessel"}, 1.0, 1.0),
        ({"beam": "airy", "bend": 0.1, "apex": -3}, 0.2, 0.6),
        # Six slices of a uniform beam, half a pixel apart, are a box that leaves out a wave of three pixels.
        ({"tilt": 0.5}, 0.0, 0.05),
        ({"tilt": 0.5, "direction": 90}, 0.0, 0.05),
    ],
)
def test_it_is_known_what_is_left_of_the_detail_that_is_blurred_most(beam, least, most):
    assert least - 1e-9 <= operator_of((4, 40, 40), 6, **beam).faintest_detail <= most + 1e-9


@pytest.mark.parametrize("beam", BEAMS)
@pytest.mark.parametrize("n", [2, 4, 6])
def test_a_uniform_specimen_is_seen_uniform(beam, n):
    operator = operator_of(step_length=n, **beam)
    np.testing.assert_allclose(operator.project(np.full(operator.extended_shape, 3.0)), 3.0)
    assert operator.crop(np.zeros(operator.extended_shape)).shape == (4 * n, 7, 8)


def test_a_point_appears_where_the_beam_displaces_it_to_and_as_bright_as_its_slice_counts():
    operator = operator_of((3, 9, 9), 4, axial_profile=(1, 2, 3, 2), tilt=1.0, direction=90)
    volume = np.zeros((12, 9, 9))
    # Slice 3 of slab 1 lies 1.5 slices from the centre: between one pixel and two further along y.
    volume[7, 4, 2] = 8
    extended = np.zeros(operator.extended_shape)
    extended[operator.inside] = volume
    projections = operator.project(extended)
    expected = np.zeros((3, 9, 9))
    expected[1, 5:7, 2] = 8 * 2 / 8 / 2
    np.testing.assert_allclose(projections, expected, atol=1e-12)


def test_the_second_view_sees_the_mirrored_displacement():
    operator = operator_of((2, 6, 11), 4, bend=0.5, apex=-1.5, views=2)
    volume = np.zeros((8, 6, 11))
    volume[3, 2, 5] = 1
    extended = np.zeros(operator.extended_shape)
    extended[operator.inside] = volume
    first, second = operator.project(extended).reshape(2, 2, 6, 11)
    np.testing.assert_allclose(second[0, 2], first[0, 2, ::-1])
    # (3 slices from the apex)^2 * 0.5, which is half a pixel beyond the fourth.
    assert first[0, 2, 9] == pytest.approx(1 / 8)


@pytest.mark.parametrize("beam", BEAMS[:3])
def test_the_coupling_of_a_straight_beam_is_what_operator_and_adjoint_make(beam, rng):
    operator = operator_of((5, 2, 2), 4, **beam)
    x = rng.normal(size=(5, 2, 2))
    again = operator.project(operator.adjoint(x)).reshape(5, -1)
    np.testing.assert_allclose(operator.factor(0.0).solve(again), x.reshape(5, -1), atol=1e-7)
    gram = np.array(
        [
            operator.project(operator.adjoint(e))[:, 0, 0]
            for e in np.eye(5)[:, :, None, None] * np.ones((2, 2))
        ]
    )
    values = np.linalg.eigvalsh(gram)
    assert operator.condition == pytest.approx(values[-1] / values[0], rel=1e-6)


def test_a_window_of_a_tensor_is_projected_like_the_same_part_of_an_array(rng):
    operator = operator_of((3, 10, 12), 4, beam="airy", bend=0.2, views=2, direction=45)
    extended = rng.random(operator.extended_shape)
    (rows, columns), part = operator.margin, (slice(2, 2 + 9), slice(1, 1 + 11))
    window = torch.from_numpy(extended[:, *part]).requires_grad_()
    seen = operator.project_window(window)
    expected = operator.project(extended)[:, 2 : 2 + 9 - 2 * rows, 1 : 1 + 11 - 2 * columns]
    np.testing.assert_allclose(seen.detach().numpy(), expected)
    seen.sum().backward()
    assert window.grad is not None and float(window.grad.abs().sum()) > 0


@given(st.integers(1, 4), st.integers(1, 9), st.integers(0, 2**32))
@settings(deadline=None)
def test_banded_systems_are_solved_like_dense_ones(bands, size, seed):
    rng = np.random.default_rng(seed)
    entries = rng.normal(size=(bands, size, 3))
    entries[0] = 2 * bands + rng.random((size, 3))
    right = rng.normal(size=(size, 3))
    solution = factor_banded(entries).solve(right)
    for p in range(3):
        dense = np.zeros((size, size))
        for d in range(bands):
            for i in range(size - d):
                dense[i, i + d] = dense[i + d, i] = entries[d, i, p]
        np.testing.assert_allclose(dense @ solution[:, p], right[:, p], atol=1e-9)
