import numpy as np
import pytest

from napari_microdiffusion.errors import UsageError, UserError
from napari_microdiffusion.inr.fitted import FittedInr
from napari_microdiffusion.inr.fitting import fit_inr
from napari_microdiffusion.inr.settings import InrSettings
from napari_microdiffusion.inr.steps import FitStep
from napari_microdiffusion.interpolation import first_estimate, histospline
from napari_microdiffusion.optics import Acquisition, BeamOperator, ProjectionOperator

N = 4
UNIFORM = np.full(N, 1 / N)


def tubes(slabs: int = 5, size: int = 24) -> np.ndarray:
    """Two oblique Gaussian tubes, (slabs*N, size, size), within [0, 1]."""
    z, y, x = np.ogrid[: slabs * N, :size, :size]
    first = np.exp(-((y - 6 - 0.6 * z) ** 2 + (x - 12) ** 2) / 4)
    second = np.exp(-((z - 9 - 0.2 * x) ** 2 + (y - 17) ** 2) / 5)
    return np.maximum(first, second).astype(np.float32)


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    return tubes()


@pytest.fixture(scope="module")
def projections(truth) -> np.ndarray:
    return ProjectionOperator(UNIFORM).project(truth)


def run(*arguments, **keywords) -> tuple[list[FitStep], FittedInr]:
    steps = list(fit_inr(*arguments, **keywords))
    return steps, steps[-1].fitted


def misfit(volume: np.ndarray, projections: np.ndarray, profile: np.ndarray = UNIFORM) -> float:
    return float(np.sqrt(np.square(ProjectionOperator(profile).project(volume) - projections).mean()))


def test_the_fit_is_nearer_to_the_truth_than_the_histospline_it_starts_from(truth, projections):
    _, fitted = run(projections, UNIFORM)
    error = np.square(fitted.render() - truth).sum()
    assert error < 0.7 * np.square(histospline(projections, N) - truth).sum()
    assert misfit(fitted.render(), projections) < 0.01


def test_from_zero_knowledge_the_misfit_falls(projections):
    steps, fitted = run(projections, UNIFORM, InrSettings(start="zero", epochs=40))
    assert misfit(fitted.render(), projections) < 0.3 * misfit(
        np.full((20, 24, 24), projections.mean()), projections
    )
    assert steps[-1].loss < 0.1 * steps[0].loss


def test_without_regularisation_the_histospline_stays(projections):
    _, fitted = run(projections, UNIFORM, InrSettings(curvature=0, epochs=5))
    # What the projections leave open has no gradient; only rounding of the data term moves the field.
    assert np.abs(fitted.render() - histospline(projections, N)).max() < 0.05


def test_a_given_volume_is_the_start(truth, projections):
    steps, _ = run(projections, UNIFORM, InrSettings(epochs=1, learning_rate=1e-6), start=truth)
    assert misfit(steps[0].fitted.render(), projections) < 1e-4


def test_the_axial_profile_enters_the_data_term(truth):
    profile = np.linspace(1, 0.2, N) / np.linspace(1, 0.2, N).sum()
    projections = ProjectionOperator(profile).project(truth)
    _, fitted = run(projections, profile)
    assert misfit(fitted.render(), projections, profile) < 0.01


@pytest.mark.parametrize("beam", [{"width": 7}, {"bend": 0.3, "apex": -2, "views": 2}])
def test_a_beam_that_leaves_its_slab_enters_the_data_term(truth, beam):
    acquisition = Acquisition(step_length=N, **beam)
    operator = BeamOperator(acquisition.beams, N, (5, 24, 24))
    extended = operator.extend(truth)
    _, fitted = run(operator.project(extended), UNIFORM, operator=operator)
    assert fitted.shape == operator.extended_shape
    rendered = fitted.render()
    inside = np.abs(operator.project(rendered) - operator.project(extended))
    assert np.sqrt((inside**2).mean()) < 0.01
    # The field is nearer to the truth than its start, which knows nothing of smoothness.
    start = first_estimate(operator.project(extended), operator)
    assert np.square(rendered - extended).mean() < np.square(start - extended).mean()


def test_the_papers_field_refuses_a_beam_that_leaves_its_slab(projections):
    operator = BeamOperator(Acquisition(step_length=N, width=7).beams, N, (5, 24, 24))
    with pytest.raises(UsageError, match="choose the grid field"):
        run(projections, UNIFORM, InrSettings(field="paper"), operator=operator)


def test_a_noisier_measurement_is_followed_less(projections):
    close, loose = (
        run(projections, UNIFORM, InrSettings(read_noise=noise, photon_gain=noise))[1].render()
        for noise in (1e-4, 0.3)
    )
    assert misfit(close, projections) < 0.3 * misfit(loose, projections)


def test_the_seed_decides_the_field(projections):
    first, again, other = (
        run(projections, UNIFORM, InrSettings(epochs=3), seed=seed)[1].render() for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("steps", [1, 3])
def test_a_fit_can_be_left_at_any_step_with_the_field_so_far(projections, steps):
    fitting = fit_inr(projections, UNIFORM, InrSettings(epochs=10))
    for _ in range(steps):
        step = next(fitting)
    fitting.close()
    assert step.step == steps
    assert 0 < step.step <= step.steps
    assert np.isfinite(step.fitted.render()).all()


def test_a_standstill_ends_the_fit_early(projections):
    steps, _ = run(projections, UNIFORM, InrSettings(epochs=200, tolerance=0.5, coherence=0))
    assert steps[-1].step < 20
    # With coherence, not before the structures have been measured for the last time.
    steps, _ = run(projections, UNIFORM, InrSettings(epochs=100, tolerance=0.5))
    assert 70 < steps[-1].step < 90


def test_large_images_are_fitted_in_tiles(monkeypatch, projections):
    monkeypatch.setattr("napari_microdiffusion.inr.grid_fitting.GRID_POINTS", 20 * 16 * 16)
    steps, fitted = run(projections, UNIFORM, InrSettings(epochs=30, tolerance=0))
    assert len(steps) == 30 * 4
    assert misfit(fitted.render(), projections) < 0.01


def test_the_papers_field_learns(projections):
    settings = InrSettings(
        field="paper", epochs=40, learning_rate=0.01, frequencies=16, bandwidth=0.5, width=16, layers=3
    )
    steps, fitted = run(projections, UNIFORM, settings, seed=3)
    assert steps[-1].loss < 0.7 * float(np.var(projections))
    assert fitted.render([1.5]).shape == (1, 24, 24)


@pytest.mark.parametrize("shape", [(3, 5), (0, 4, 4)])
def test_what_is_no_stack_is_refused(shape):
    with pytest.raises(UserError, match="stack"):
        fit_inr(np.zeros(shape), UNIFORM)


def test_bad_numbers_profiles_and_starts_are_refused(projections):
    with pytest.raises(UserError, match="not finite"):
        fit_inr(np.full((2, 4, 4), np.nan), UNIFORM)
    for profile in (np.ones(4), np.array([1.0]), np.array([1.5, -0.5])):
        with pytest.raises(UsageError, match="axial profile"):
            fit_inr(projections, profile)
    with pytest.raises(UsageError, match="start must be"):
        fit_inr(projections, UNIFORM, start=np.zeros((3, 24, 24)))


def test_a_time_limit_ends_the_fit_with_the_field_so_far(rng, monkeypatch):
    from napari_microdiffusion.inr import fitting as module

    clock = iter(range(0, 10_000, 50))
    monkeypatch.setattr(module, "perf_counter", lambda: float(next(clock)))
    steps = fit_inr(rng.uniform(0, 1, (3, 8, 8)), np.full(4, 0.25), InrSettings(minutes=2, tolerance=0))
    *_, last = found = list(steps)
    assert len(found) == 3
    assert np.isfinite(last.fitted.render()).all()
