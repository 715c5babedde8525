"""Statistics of a stack: finite, and right where the answer is known."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays
from scipy.ndimage import gaussian_filter

from napari_microdiffusion.diffusion.statistics import RELATIONS, STATISTICS, relations, statistics

COUNT = len(STATISTICS)


def named(x: np.ndarray, n: int = 4) -> dict[str, float]:
    return dict(zip(RELATIONS, relations(x, n), strict=True))


def isotropic(seed: int = 0, side: int = 64, blur: float = 6.0) -> np.ndarray:
    """Smooth noise that is alike along all axes, 0 to 1."""
    field = gaussian_filter(np.random.default_rng(seed).standard_normal((side,) * 3), blur, mode="wrap")
    return ((field - field.min()) / np.ptp(field)).astype(np.float32)


@given(
    arrays(
        np.float32,
        st.tuples(st.integers(2, 7), st.integers(8, 20), st.integers(8, 20)),
        elements=st.floats(-1, 3, width=32),
        fill=st.floats(-1, 3, width=32),
    ),
    st.integers(2, 24),
)
def test_they_are_finite_for_any_stack(x, n):
    values = statistics(x, n)
    assert values.shape == (COUNT,)
    assert values.dtype == np.float32
    assert np.isfinite(values).all()


@pytest.mark.parametrize("shape", [(1, 20, 20), (4, 7, 20), (4, 20, 3)])
def test_too_little_to_tell_is_said(shape):
    assert np.isnan(statistics(np.ones(shape, np.float32), 4)).all()


def test_of_a_large_stack_the_middle_counts():
    x = np.zeros((4, 500, 400), np.float32)
    x[:, 58:442, 8:392] = np.random.default_rng(0).random((4, 384, 384))
    np.testing.assert_array_equal(statistics(x, 4), statistics(x[:, 58:442, 8:392], 4))


def test_a_ramp_is_as_neighbours_let_expect():
    ramp = np.linspace(0.2, 0.8, 12, dtype=np.float32)[:, None, None] * np.ones((12, 16, 16), np.float32)
    found = named(ramp)
    # Both ends, where the neighbour repeats, have half the slope that is there.
    assert found["pairs of slabs: slope"] == pytest.approx(1.0, abs=0.3)
    assert found["pairs of slabs: slope, likeness"] > 0.9
    assert found["bend along z"] < -8


def test_slabs_without_relation_foretell_nothing(rng):
    found = named(rng.random((24, 40, 40)).astype(np.float32))
    for name in ("pairs of slabs: slope", "pairs of slabs: slope, likeness", "across the image: next window"):
        assert abs(found[name]) < 0.1, name


def test_what_is_alike_along_all_axes_is_told_alike_by_halves_and_windows():
    """Pairs of slices are slabs of two; windows of two pixels lie across them."""
    found = named(isotropic(), 2)
    assert found["pairs of slabs: slope, likeness"] == pytest.approx(
        found["across the image: slope, likeness"], abs=0.05
    )


def test_structures_that_are_long_along_z_are_told_apart():
    compact, long = isotropic(1), gaussian_filter(isotropic(1), (8, 0, 0), mode="wrap")
    assert named(long)["bend along z"] < named(compact)["bend along z"] - 1


def test_windows_do_not_mind_which_way_the_image_lies():
    x = isotropic(2)[:8]
    turned = relations(np.ascontiguousarray(x.transpose(0, 2, 1)), 4)
    np.testing.assert_allclose(turned, relations(x, 4), rtol=1e-3, atol=1e-4)
