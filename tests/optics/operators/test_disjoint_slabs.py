"""What makes the projection operator one: adjoint, inverse on its range, null space, orders."""

import numpy as np
import pytest
import scipy.fft
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_microdiffusion.optics import ProjectionOperator


@st.composite
def cases(draw):
    """An operator with any profile, zeros included, and a generator of numbers."""
    n = draw(st.integers(2, 12))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    weights = rng.random(n) * (rng.random(n) > draw(st.sampled_from([0.0, 0.4])))
    weights[rng.integers(n)] += 0.1
    if draw(st.booleans()):
        weights[:] = 1
    slabs = draw(st.integers(1, 3))
    return ProjectionOperator(weights / weights.sum()), rng, (slabs * n, 3, 2), (slabs, 3, 2)


@given(cases())
def test_adjoint(case):
    operator, rng, volume_shape, shape = case
    m, x = rng.normal(size=volume_shape), rng.normal(size=shape)
    assert np.vdot(operator.project(m), x) == pytest.approx(np.vdot(m, operator.adjoint(x)))


@given(cases())
def test_pseudo_inverse_reprojects_and_is_the_smallest_volume(case):
    operator, rng, volume_shape, shape = case
    x = rng.normal(size=shape)
    smallest = operator.pseudo_inverse(x)
    np.testing.assert_allclose(operator.project(smallest), x, atol=1e-12)
    other = smallest + operator.null_space(rng.normal(size=volume_shape))
    np.testing.assert_allclose(operator.project(other), x, atol=1e-12)
    assert np.linalg.norm(other) >= np.linalg.norm(smallest)


@given(cases())
def test_null_space_is_a_projection_that_no_measurement_sees(case):
    operator, rng, volume_shape, _ = case
    m = rng.normal(size=volume_shape)
    unseen = operator.null_space(m)
    np.testing.assert_allclose(operator.project(unseen), 0, atol=1e-12)
    np.testing.assert_allclose(operator.null_space(unseen), unseen, atol=1e-12)
    np.testing.assert_allclose(unseen + operator.pseudo_inverse(operator.project(m)), m, atol=1e-12)


@given(cases())
def test_orders_split_a_volume_into_what_is_measured_and_what_is_not(case):
    operator, rng, volume_shape, _ = case
    n, m = operator.step_length, rng.normal(size=volume_shape)
    np.testing.assert_allclose(operator.basis @ operator.basis.T, np.eye(n), atol=1e-12)
    orders = operator.to_orders(m)
    assert orders.shape == (n, volume_shape[0] // n, 3, 2)
    np.testing.assert_allclose(operator.from_orders(orders), m, atol=1e-12)
    np.testing.assert_allclose(orders[0] * np.sqrt(operator.squared_norm), operator.project(m), atol=1e-12)
    orders[0] = 0
    np.testing.assert_allclose(operator.from_orders(orders), operator.null_space(m), atol=1e-12)


@pytest.mark.parametrize("n", [2, 3, 6, 16])
def test_the_basis_of_the_uniform_profile_is_the_dct(n):
    operator = ProjectionOperator(np.full(n, 1 / n))
    np.testing.assert_allclose(operator.basis, scipy.fft.dct(np.eye(n), norm="ortho", axis=0), atol=1e-12)


def test_projections_are_the_weighted_sums_of_each_slab():
    operator = ProjectionOperator([0.25, 0.75])
    volume = np.arange(4, dtype=np.float32)[:, None, None] * np.ones((1, 2, 2), np.float32)
    projections = operator.project(volume)
    np.testing.assert_allclose(projections[:, 0, 0], [0.75, 2.75])
    assert projections.dtype == np.float32


@pytest.mark.parametrize(
    "method", ["project", "null_space", "to_orders", "adjoint", "pseudo_inverse", "from_orders"]
)
def test_tensors_give_what_arrays_give(method, rng):
    operator = ProjectionOperator([0.2, 0.5, 0.3])
    shape = {"adjoint": (2, 4, 5), "pseudo_inverse": (2, 4, 5), "from_orders": (3, 2, 4, 5)}.get(
        method, (6, 4, 5)
    )
    array = rng.normal(size=shape).astype(np.float32)
    tensor = getattr(operator, method)(torch.from_numpy(array))
    assert tensor.dtype == torch.float32
    np.testing.assert_allclose(tensor.numpy(), getattr(operator, method)(array), rtol=1e-5, atol=1e-6)


def test_gradients_pass_through_the_operator():
    operator = ProjectionOperator([0.2, 0.8])
    volume = torch.zeros(4, 2, 2, requires_grad=True)
    operator.project(volume).sum().backward()
    np.testing.assert_allclose(volume.grad[:, 0, 0].numpy(), [0.2, 0.8, 0.2, 0.8], rtol=1e-6)


@pytest.mark.parametrize("profile", [[0.5, 0.6], [1.5, -0.5], [[0.5, 0.5]], 1.0, [np.nan, 1]])
def test_what_is_no_profile_is_refused(profile):
    with pytest.raises(ValueError, match="axial profile"):
        ProjectionOperator(profile)


def test_a_volume_that_is_no_whole_number_of_slabs_is_refused():
    with pytest.raises(ValueError, match="7 slices"):
        ProjectionOperator([0.5, 0.5]).project(np.zeros((7, 2, 2)))
