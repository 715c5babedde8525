"""The four consistencies: what each promises, and that each is the nearest volume that keeps the promise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from napari_microdiffusion.optics import CONSISTENCIES, ProjectionOperator, make_consistent


def profile_of(rng: np.random.Generator, n: int, zeros: bool) -> np.ndarray:
    weights = rng.random(n) + 0.05
    if zeros:
        weights[rng.integers(1, n)] = 0
    return weights / weights.sum()


@st.composite
def cases(draw):
    """Operator, volume, projections with negative pixels, and a dark level."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    n, slabs = draw(st.integers(2, 9)), 2
    operator = ProjectionOperator(profile_of(rng, n, draw(st.booleans())))
    volume = rng.normal(0.5, 1, size=(slabs * n, 4, 5)).astype(np.float32)
    projections = rng.normal(0.4, 0.5, size=(slabs, 4, 5)).astype(np.float32)
    return operator, volume, projections, draw(st.sampled_from([0.0, -0.3, 0.2]))


@given(cases())
def test_exact_reprojects_and_leaves_the_null_space_alone(case):
    operator, volume, projections, _ = case
    result = make_consistent(volume, projections, operator, "exact")
    np.testing.assert_allclose(operator.project(result), projections, atol=2e-6)
    np.testing.assert_allclose(operator.null_space(result), operator.null_space(volume), atol=2e-6)
    assert result.dtype == np.float32


@given(cases())
def test_nonnegative_reprojects_and_stays_above_its_bound(case):
    operator, volume, projections, dark = case
    result = make_consistent(volume, projections, operator, "nonnegative", dark_level=dark)
    # In double precision before rounding; the result itself is float32.
    np.testing.assert_allclose(operator.project(result.astype(float)), projections, atol=2e-6)
    bound = np.repeat(np.minimum(projections, dark), operator.step_length, axis=0)
    assert (result >= bound - 1e-6).all()
    again = make_consistent(result, projections, operator, "nonnegative", dark_level=dark)
    np.testing.assert_allclose(again, result, atol=2e-6)


@pytest.mark.parametrize("seed", range(12))
def test_nonnegative_is_the_nearest_such_volume(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 7))
    w = profile_of(rng, n, zeros=seed % 3 == 0)
    m, dark = rng.normal(0.2, 1, n), float(rng.choice([0, -0.2, 0.1]))
    x = float(rng.normal(0.5, 0.4)) if seed else -0.3
    found = make_consistent(
        m.reshape(n, 1, 1).astype(np.float32),
        np.full((1, 1, 1), x, np.float32),
        ProjectionOperator(w),
        "nonnegative",
        dark_level=dark,
    ).ravel()
    bound = min(x, dark)
    best = minimize(
        lambda v: ((v - m) ** 2).sum(),
        np.full(n, max(x, bound)),
        jac=lambda v: 2 * (v - m),
        method="SLSQP",
        bounds=[(bound, None)] * n,
        constraints={"type": "eq", "fun": lambda v: w @ v - x, "jac": lambda v: w},
        options={"ftol": 1e-14, "maxiter": 500},
    )
    assert best.success
    np.testing.assert_allclose(found, best.x, atol=2e-4)
    # The solver is near the best; the closed form must not be farther from the volume than it is.
    assert ((found - m) ** 2).sum() <= best.fun + 1e-5


def test_a_negative_projection_makes_a_flat_slab():
    operator = ProjectionOperator([0.3, 0.3, 0.4])
    volume = np.array([1, 5, -2], np.float32).reshape(3, 1, 1)
    result = make_consistent(volume, np.full((1, 1, 1), -0.7, np.float32), operator, "nonnegative")
    np.testing.assert_allclose(result, -0.7, atol=1e-6)


def test_where_nothing_would_be_negative_nonnegative_is_exact(rng):
    operator = ProjectionOperator(np.full(4, 0.25))
    volume = rng.uniform(5, 6, size=(8, 3, 3)).astype(np.float32)
    projections = rng.uniform(5, 6, size=(2, 3, 3)).astype(np.float32)
    both = [make_consistent(volume, projections, operator, mode) for mode in ("exact", "nonnegative")]
    np.testing.assert_allclose(*both, atol=1e-6)


def test_slices_that_the_beam_does_not_reach_keep_what_was_guessed():
    operator = ProjectionOperator([0.5, 0.5, 0])
    volume = np.array([1, 1, 7], np.float32).reshape(3, 1, 1)
    for mode in ("exact", "nonnegative"):
        result = make_consistent(volume, np.full((1, 1, 1), 3, np.float32), operator, mode)
        np.testing.assert_allclose(result.ravel(), [3, 3, 7])


@pytest.mark.parametrize("as_array", [False, True])
def test_noise_damps_the_correction_by_the_gain_of_the_method(rng, as_array):
    w = np.array([0.2, 0.5, 0.3])
    operator = ProjectionOperator(w)
    volume = rng.uniform(2, 3, size=(6, 2, 2)).astype(np.float32)
    projections = rng.uniform(2, 3, size=(2, 2, 2)).astype(np.float32)
    variance, spread = rng.uniform(0.1, 1, size=(2, 2, 2)), rng.uniform(0.1, 1, size=(2, 2, 2))
    r = spread if as_array else np.full(spread.shape, 0.4)
    result = make_consistent(
        volume,
        projections,
        operator,
        "noise",
        noise_variance=variance,
        prior_spread=spread if as_array else 0.4,
    )
    missing = projections - operator.project(volume)
    for k in range(3):
        gain = r**2 * w[k] / (r**2 * (w @ w) + variance)
        np.testing.assert_allclose(result[k::3], volume[k::3] + gain * missing, rtol=1e-5)


def test_noise_of_zero_is_exact_and_endless_noise_is_none(rng):
    operator = ProjectionOperator(np.full(3, 1 / 3))
    volume = rng.uniform(1, 2, size=(6, 2, 2)).astype(np.float32)
    projections = rng.uniform(1, 2, size=(2, 2, 2)).astype(np.float32)

    def with_noise(variance: float) -> np.ndarray:
        return make_consistent(
            volume,
            projections,
            operator,
            "noise",
            noise_variance=np.full(projections.shape, variance),
            prior_spread=0.5,
        )

    np.testing.assert_allclose(
        with_noise(0), make_consistent(volume, projections, operator, "exact"), atol=1e-6
    )
    np.testing.assert_allclose(with_noise(1e12), volume, atol=1e-6)


def test_soft_consistency_has_the_error_that_theory_gives():
    """Noise 0.1 and spread 0.1 at n = 6: RMS error 0.136 hard, 0.099 soft, 0.100 with the prior alone."""
    rng = np.random.default_rng(5)
    operator, n = ProjectionOperator(np.full(6, 1 / 6)), 6
    truth = 10 + 0.1 * rng.standard_normal((n * 40, 40, 40)).astype(np.float32)
    measured = operator.project(truth) + 0.1 * rng.standard_normal((40, 40, 40)).astype(np.float32)
    prior = np.full_like(truth, 10)

    def error(mode: str) -> float:
        more = (
            {"noise_variance": np.full(measured.shape, 0.01), "prior_spread": 0.1} if mode == "noise" else {}
        )
        return float(
            np.sqrt(np.square(make_consistent(prior, measured, operator, mode, **more) - truth).mean())
        )

    # Each correction adds its own noise to what it cannot know: r^2 (1 - 1/n) + s^2 for the hard one.
    assert error("exact") == pytest.approx(np.sqrt(0.01 * 5 / 6 + 0.01), rel=0.02)
    assert error("noise") == pytest.approx(0.099, rel=0.02)
    assert error("none") == pytest.approx(0.1, rel=0.02)


def test_none_changes_nothing_and_gives_a_new_array(rng):
    operator = ProjectionOperator([0.5, 0.5])
    volume = rng.normal(size=(4, 2, 2)).astype(np.float32)
    result = make_consistent(volume, np.zeros((2, 2, 2), np.float32), operator, "none")
    np.testing.assert_array_equal(result, volume)
    assert not np.shares_memory(result, volume)


def test_unknown_modes_and_missing_noise_are_refused():
    operator, volume, projections = ProjectionOperator([0.5, 0.5]), np.zeros((2, 1, 1)), np.zeros((1, 1, 1))
    assert CONSISTENCIES == ("none", "exact", "nonnegative", "noise")
    with pytest.raises(ValueError, match="unknown"):
        make_consistent(volume, projections, operator, "hard")
    with pytest.raises(ValueError, match="noise_variance"):
        make_consistent(volume, projections, operator, "noise")
