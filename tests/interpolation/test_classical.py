import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.interpolate import CubicSpline, PchipInterpolator, interp1d

from napari_microdiffusion.errors import UsageError, UserError
from napari_microdiffusion.interpolation import (
    INTERPOLATIONS,
    cubic,
    histospline,
    histospline_slab,
    linear,
    nearest,
)


def slab_centres(count, n):
    return np.arange(count) * n + (n - 1) / 2


def clamped_slices(count, n):
    centres = slab_centres(count, n)
    return np.clip(np.arange(count * n), centres[0], centres[-1])


def slab_means(volume, n):
    return volume.astype(np.float64).reshape(-1, n, *volume.shape[1:]).mean(1)


@pytest.fixture
def signed(rng):
    """Projections of either sign, with exact zeros: every branch of the slope formulas."""

    def make(count):
        values = rng.normal(0.3, 1, (count, 21, 13))
        values[rng.random(values.shape) < 0.2] = 0
        return values

    return make


@pytest.mark.parametrize("n", [2, 6, 7])
@pytest.mark.parametrize("count", [2, 3, 9])
class TestAgainstScipy:
    def test_linear(self, signed, count, n):
        x = signed(count)
        expected = interp1d(slab_centres(count, n), x, axis=0)(clamped_slices(count, n))
        np.testing.assert_allclose(linear(x, n), expected, atol=2e-6)

    def test_cubic(self, signed, count, n):
        x = signed(count)
        expected = CubicSpline(slab_centres(count, n), x, axis=0)(clamped_slices(count, n))
        np.testing.assert_allclose(cubic(x, n), expected, atol=5e-6)

    def test_histospline(self, signed, count, n):
        x = signed(count)
        cumulative = np.concatenate([np.zeros_like(x[:1]), np.cumsum(x * n, axis=0)])
        spline = PchipInterpolator(np.arange(count + 1) * n, cumulative, axis=0)
        expected = np.diff(spline(np.arange(count * n + 1)), axis=0)
        np.testing.assert_allclose(histospline(x, n), expected, atol=5e-6)


@pytest.mark.parametrize("name", INTERPOLATIONS)
@pytest.mark.parametrize("dtype", [np.uint16, np.float32, np.float64])
def test_shape_and_type(name, dtype):
    x = np.arange(3 * 4 * 5, dtype=dtype).reshape(3, 4, 5)
    volume = INTERPOLATIONS[name](x, 4)
    assert volume.shape == (12, 4, 5)
    assert volume.dtype == np.float32


@pytest.mark.parametrize("name", INTERPOLATIONS)
def test_one_projection_is_repeated(name):
    x = np.array([[[1.0, -2.0, 0.0]]])
    np.testing.assert_allclose(INTERPOLATIONS[name](x, 5), np.repeat(x, 5, axis=0), rtol=1e-6)


@pytest.mark.parametrize("name", INTERPOLATIONS)
def test_constant_specimen_stays_constant(name):
    volume = INTERPOLATIONS[name](np.full((4, 2, 3), 7.0), 6)
    np.testing.assert_allclose(volume, 7, rtol=1e-6)


@pytest.mark.parametrize("name", INTERPOLATIONS)
def test_upside_down_specimen_gives_upside_down_volume(name, rng):
    x = rng.random((5, 3, 4))
    f = INTERPOLATIONS[name]
    np.testing.assert_allclose(f(x[::-1], 6), f(x, 6)[::-1], atol=2e-6)


@pytest.mark.parametrize("name", ["linear", "histospline"])
def test_ramp_stays_where_it_is_between_the_outer_slab_centres(name):
    n, slope = 6, 0.25
    ramp = 10 + slope * np.arange(5 * n)
    x = ramp.reshape(5, n).mean(1)[:, None, None]
    volume = INTERPOLATIONS[name](x, n)[:, 0, 0]
    # The harmonic mean bends a ramp a little; a shift would be half a slope.
    tolerance = 1e-5 if name == "linear" else 0.2 * slope
    np.testing.assert_allclose(volume[n // 2 : -n // 2], ramp[n // 2 : -n // 2], atol=tolerance)


def test_slices_beyond_the_outer_centres_are_clamped(rng):
    x = rng.random((3, 2, 2))
    for f in (linear, cubic):
        volume = f(x, 6)
        np.testing.assert_allclose(volume[:3], np.broadcast_to(x[:1], (3, 2, 2)), atol=1e-6)
        np.testing.assert_allclose(volume[-3:], np.broadcast_to(x[-1:], (3, 2, 2)), atol=1e-6)


@given(
    x=arrays(
        np.float32,
        st.tuples(st.integers(1, 6), st.just(2), st.just(3)),
        elements=st.floats(0, 65535, width=32, allow_subnormal=False),
    ),
    n=st.integers(1, 20),
)
def test_histospline_conserves_means_and_stays_nonnegative(x, n):
    volume = histospline(x, n)
    assert volume.min() >= 0
    assert np.abs(slab_means(volume, n) - x).max() <= 1e-6 * max(float(x.max()), 1e-30)


def test_histospline_conserves_means_of_either_sign(signed):
    x = signed(8)
    assert np.abs(slab_means(histospline(x, 6), 6) - x).max() <= 1e-6 * np.ptp(x)


def test_one_slab_is_that_of_the_whole_and_reads_only_its_neighbours(signed):
    x = signed(7).astype(np.float32)
    whole = histospline(x, 6)
    for i in range(7):
        blinded = np.full_like(x, np.nan)
        blinded[max(0, i - 1) : i + 2] = x[max(0, i - 1) : i + 2]
        np.testing.assert_array_equal(histospline_slab(blinded, 6, i), whole[6 * i : 6 * i + 6])


def test_rows_in_chunks_make_no_difference(rng):
    # Wider than one chunk of pixels, so that rows are worked on apart.
    x = rng.random((3, 4, 40_000), dtype=np.float32)
    for f in (cubic, histospline):
        np.testing.assert_allclose(f(x, 2)[:, 2:3], f(x[:, 2:3], 2), atol=1e-6)


def test_nothing_is_changed_in_place(rng):
    x = rng.random((4, 3, 3), dtype=np.float32)
    before = x.copy()
    for f in INTERPOLATIONS.values():
        f(x, 4)[:] = -1
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("name", INTERPOLATIONS)
@pytest.mark.parametrize("shape", [(4, 5), (2, 3, 4, 5), (0, 4, 5)])
def test_what_is_no_stack_is_refused(name, shape):
    with pytest.raises(UserError, match="stack of images"):
        INTERPOLATIONS[name](np.zeros(shape), 6)


@pytest.mark.parametrize("n", [0, -2, 2.5, True])
def test_step_length_must_be_a_whole_number(n):
    with pytest.raises(UsageError, match="step length"):
        nearest(np.zeros((2, 3, 3)), n)


@pytest.mark.parametrize("index", [-1, 3])
def test_slab_must_exist(index):
    with pytest.raises(UsageError, match="slabs 0 to 2"):
        histospline_slab(np.zeros((3, 2, 2)), 6, index)


def test_preview_is_instant(rng):
    x = rng.random((16, 512, 512), dtype=np.float32)
    histospline(x[:2], 6)
    # The best of three and three times the aim, so that only a change of method fails on a busy machine.
    seconds = []
    for _ in range(3):
        start = time.process_time()
        histospline(x, 6)
        seconds.append(time.process_time() - start)
    assert min(seconds) < 3
