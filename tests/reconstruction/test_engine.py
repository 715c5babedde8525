"""The engine: what comes in which order, what every slice is, and what the result promises."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest

from napari_microdiffusion.diffusion.slab import network_inputs
from napari_microdiffusion.errors import RunFailed, UsageError, UserError
from napari_microdiffusion.interpolation import INTERPOLATIONS, histospline, logspline
from napari_microdiffusion.optics import Acquisition, IntensityScale, ProjectionOperator
from napari_microdiffusion.optics.detector.noise import NoiseModel, estimate_noise
from napari_microdiffusion.reconstruction.engine import reconstruct
from napari_microdiffusion.reconstruction.events import (
    Finished,
    LossPoint,
    Notice,
    Progress,
    SliceReady,
    StageStarted,
)
from napari_microdiffusion.reconstruction.slab import inputs as inputs_module
from napari_microdiffusion.reconstruction.slab import stages as slab_module
from napari_microdiffusion.reconstruction.slab import tile_evaluator as evaluator_module
from napari_microdiffusion.reconstruction.slab.borders import SMOOTH, TEXTURED
from napari_microdiffusion.reconstruction.slab.prior_weight import SelfTest
from napari_microdiffusion.settings.method import ReconstructionConfig

FULL = ["preview", "guide", "posterior mean", "samples"]


def assembled(events, quantity: str, stage: str, shape) -> np.ndarray:
    """What someone who only listens has seen of a quantity; NaN where nothing came."""
    volume = np.full(shape, np.nan, np.float32)
    for event in events:
        if isinstance(event, SliceReady) and event.quantity == quantity and event.stage == stage:
            volume[event.z, *event.region.index] = event.plane
    return volume


def test_stages_come_in_order_and_the_result_last(measurement, configure, record):
    run = record(measurement, configure())
    assert [event.stage for event in run.of(StageStarted)] == FULL
    assert len(run.of(Finished)) == 1
    stages = [event.stage for event in run.events if isinstance(event, (Progress, SliceReady))]
    assert [FULL.index(stage) for stage in stages] == sorted(FULL.index(stage) for stage in stages)
    assert list(run.result.seconds) == FULL
    assert all(seconds >= 0 for seconds in run.result.seconds.values())


def test_the_preview_is_the_histospline_and_comes_first(measurement, configure, record):
    run = record(measurement, configure(samples=0))
    first = next(event for event in run.events if isinstance(event, SliceReady))
    assert (first.z, first.stage, first.quantity) == (0, "preview", "volume")
    preview = assembled(run.events, "volume", "preview", run.result.volume.shape)
    expected = histospline(measurement.projections, 4)
    np.testing.assert_allclose(preview, expected, atol=1e-5 * np.ptp(expected))


def test_every_slice_is_announced_as_it_ends_up(measurement, configure, record):
    run = record(measurement, configure())
    shape = measurement.truth.shape
    np.testing.assert_array_equal(assembled(run.events, "volume", "posterior mean", shape), run.result.volume)
    np.testing.assert_array_equal(
        assembled(run.events, "uncertainty", "samples", shape), run.result.uncertainty
    )
    assert run.result.volume.dtype == np.float32
    assert run.result.uncertainty.dtype == np.float32
    assert run.result.reached == ["posterior mean"] * 5
    assert not run.result.stopped


def test_progress_rises_to_one_in_every_stage(measurement, configure, record):
    run = record(measurement, configure())
    for stage in FULL:
        fractions = [event.fraction for event in run.of(Progress) if event.stage == stage]
        assert fractions == sorted(fractions)
        assert fractions[-1] == pytest.approx(1)
        assert min(fractions) > 0


@pytest.mark.parametrize("profile", [None, (1, 3, 3, 1), (4, 3, 2, 1)])
@pytest.mark.parametrize("consistency", ["exact", "nonnegative"])
def test_the_volume_reprojects_onto_the_measurement(measure, configure, record, profile, consistency):
    measurement = measure(axial_profile=profile)
    run = record(measurement, configure(samples=0, consistency=consistency))
    operator = ProjectionOperator(measurement.acquisition.profile)
    seen = operator.project(run.result.volume.astype(float))
    span = np.ptp(measurement.projections)
    assert np.abs(seen - measurement.projections).max() < 1e-5 * span
    assert run.result.reprojection_max < 1e-5
    # The untrained prior did choose something.
    assert np.abs(run.result.volume - run.result.guide).max() > 1e-3 * span
    if consistency == "nonnegative":
        assert run.result.volume.min() >= -1e-3


def test_noise_consistency_agrees_within_the_noise(measure, configure, record):
    clean = measure(slabs=6, height=32, width=32)
    rng = np.random.default_rng(0)
    sigma = 0.03 * float(np.ptp(clean.projections))
    noisy = (clean.projections + sigma * rng.standard_normal(clean.projections.shape)).astype(np.float32)
    acquisition = Acquisition(step_length=4, read_noise=sigma)
    config = configure(consistency="noise", samples=1)
    result = list(reconstruct(noisy, acquisition, config))[-1].result
    seen = ProjectionOperator(acquisition.profile).project(result.volume.astype(float))
    error = np.sqrt(np.mean((seen - clean.projections) ** 2))
    # Closer to the light than the measurement itself, and not farther from the measurement than its noise.
    assert error < 0.95 * sigma
    assert 0.1 * sigma < np.sqrt(np.mean((seen - noisy) ** 2)) < 1.2 * sigma


def test_none_leaves_the_guide_as_it_is(measurement, configure, record):
    run = record(measurement, configure(guide="cubic", diffusion="off", consistency="none"))
    np.testing.assert_array_equal(run.result.volume, INTERPOLATIONS["cubic"](measurement.projections, 4))
    assert run.result.reprojection_max > 1e-3


@pytest.mark.parametrize("guide", ["nearest", "linear", "cubic", "histospline"])
def test_without_diffusion_the_guide_is_the_result(measurement, configure, record, guide):
    run = record(measurement, configure(guide=guide, diffusion="off"))
    assert [event.stage for event in run.of(StageStarted)] == ["preview", "guide"]
    assert run.result.reached == ["guide"] * 5
    assert run.result.uncertainty is None
    assert run.result.reprojection_max < 1e-5
    np.testing.assert_allclose(run.result.guide, INTERPOLATIONS[guide](measurement.projections, 4))


def test_the_log_spline_is_the_result_made_consistent(measurement, configure, record):
    run = record(measurement, configure(guide="logspline", diffusion="off"))
    assert run.result.reached == ["guide"] * 5
    assert run.result.reprojection_max < 1e-5
    scale = IntensityScale.of(measurement.projections)
    unit, operator = scale.to_unit(measurement.projections), ProjectionOperator(np.full(4, 0.25))
    expected = scale.to_grey(logspline(unit, operator, estimate_noise(unit)))
    np.testing.assert_allclose(run.result.guide, expected, atol=1e-3 * scale.span)


def test_the_diffusion_runs_without_a_guide(measurement, configure, record):
    run = record(measurement, configure(guide="none", samples=0))
    nearest = np.repeat(measurement.projections, 4, axis=0)
    np.testing.assert_array_equal(run.result.guide, nearest)
    assert run.result.reprojection_max < 1e-5


def test_the_same_seed_gives_the_same_samples(measurement, configure, record):
    one, same, other = (record(measurement, configure(seed=seed)).result for seed in (5, 5, 6))
    np.testing.assert_array_equal(one.uncertainty, same.uncertainty)
    np.testing.assert_array_equal(one.volume, same.volume)
    # The posterior mean draws nothing; samples do, and never touch it.
    np.testing.assert_array_equal(one.volume, other.volume)
    assert (one.uncertainty != other.uncertainty).any()


def test_samples_can_be_kept_and_make_the_uncertainty(measurement, configure, record):
    few, many = (record(measurement, configure(samples=k, keep_samples=True)).result for k in (1, 3))
    assert (len(few.samples), len(many.samples)) == (1, 3)
    # The first samples are the same however many are drawn.
    np.testing.assert_array_equal(few.samples[0], many.samples[0])
    assert (many.samples[0] != many.samples[1]).any()
    # Where the samples differ more from the mean, the uncertainty is larger.
    deviations = np.sqrt(np.square(np.stack(many.samples).astype(float) - many.volume).mean(0))
    assert np.corrcoef(deviations.ravel(), many.uncertainty.ravel())[0, 1] > 0.5
    operator = ProjectionOperator(measurement.acquisition.profile)
    for sample in many.samples:
        seen = operator.project(sample.astype(float))
        np.testing.assert_allclose(seen, measurement.projections, atol=1e-5 * np.ptp(seen))
    assert record(measurement, configure(samples=0)).result.uncertainty is None


def test_beyond_sixteen_slices_the_diffusion_is_off_and_says_why(measure, configure, record):
    run = record(measure(n=17, slabs=3, height=12, width=12), configure())
    (notice,) = run.of(Notice)
    assert "up to 16, and this is 17" in notice.text
    assert run.result.notices == [notice.text]
    assert [event.stage for event in run.of(StageStarted)] == ["preview", "guide"]
    assert run.result.volume.shape == (51, 12, 12)
    assert run.result.uncertainty is None


@pytest.mark.parametrize("n", [2, 16])
def test_the_ends_of_the_range_run_through(measure, configure, record, n):
    run = record(measure(n=n, slabs=2, height=9, width=13), configure(samples=1, consistency="nonnegative"))
    assert run.result.volume.shape == (2 * n, 9, 13)
    assert run.result.reprojection_max < 1e-5


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("shape", [(3, 4, 4), (2, 7, 9), (2, 1, 30)])
def test_the_smallest_stacks_run_through_and_are_not_called_out_of_distribution(shape, configure, rng):
    """There is too little in them to say what they are like."""
    projections = rng.random(shape, dtype=np.float32)
    settings = configure(prior="general", samples=1, steps=2)
    events = reconstruct(projections, Acquisition(step_length=4), settings)
    *_, finished = events
    assert np.isfinite(finished.result.volume).all()
    assert not any("Unlike" in notice for notice in finished.result.notices)


def test_whole_numbers_and_read_only_arrays_are_taken(measurement, configure):
    counts = np.rint(measurement.projections).astype(np.uint16)
    counts.flags.writeable = False
    result = list(reconstruct(counts, measurement.acquisition, configure(samples=0)))[-1].result
    assert result.volume.dtype == np.float32
    seen = ProjectionOperator(measurement.acquisition.profile).project(result.volume.astype(float))
    np.testing.assert_allclose(seen, counts, atol=1e-5 * np.ptp(counts))


def test_an_inr_is_fitted_kept_and_used_again(measurement, configure, record, tmp_path):
    quick = {"epochs": 2}
    fitted = record(measurement, configure(guide="inr", inr=quick, samples=0))
    assert len(fitted.of(LossPoint)) >= 2
    assert {event.stage for event in fitted.of(LossPoint)} == {"guide"}
    assert fitted.result.inr is not None
    path = tmp_path / "field.safetensors"
    fitted.result.inr.save(path)
    again = record(measurement, configure(guide="inr", inr_file=path, samples=0))
    assert again.of(LossPoint) == []
    np.testing.assert_allclose(again.result.guide, fitted.result.guide, rtol=1e-5, atol=0.05)
    # Its intensities can be put back into grey levels by whoever loads it.
    extra = again.result.inr.extra
    grey = extra["background"] + extra["span"] * again.result.inr.render([3.0])[0]
    np.testing.assert_allclose(grey, again.result.guide[3], rtol=1e-4, atol=0.05)


def test_an_inr_of_other_projections_is_refused(measure, measurement, configure, record, tmp_path):
    path = tmp_path / "field.safetensors"
    settings = configure(guide="inr", inr={"epochs": 1}, diffusion="off")
    record(measurement, settings).result.inr.save(path)
    with pytest.raises(UserError, match="fitted to projections of"):
        record(measure(slabs=4), configure(guide="inr", inr_file=path))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda x: x[0], "single 2D image"),
        (lambda x: x[:1], "single 2D image"),
        (lambda x: x[None], "4 axes"),
        (lambda x: np.where(x > np.median(x), np.nan, x), "NaN or infinite"),
        (lambda x: np.where(x == x.max(), np.inf, x), "NaN or infinite"),
        (lambda x: np.full_like(x, 3), "same value"),
        (lambda x: x[:0], "empty"),
        (lambda x: x + 1j, "complex"),
        (lambda x: x > 1000, "mask"),
    ],
)
def test_what_are_no_projections_is_refused_before_anything_happens(measurement, configure, change, words):
    run = reconstruct(change(measurement.projections), measurement.acquisition, configure())
    with pytest.raises(UserError, match=words):
        next(run)


def test_settings_that_leave_nothing_are_refused(measurement, configure):
    with pytest.raises(UsageError, match="nothing to reconstruct"):
        next(
            reconstruct(
                measurement.projections, measurement.acquisition, configure(guide="none", diffusion="off")
            )
        )


@pytest.mark.parametrize(("content", "words"), [(None, "no such file"), (b"\x80\x04pickle", "safetensors")])
def test_a_prior_that_is_none_is_refused_before_the_guide(measurement, configure, tmp_path, content, words):
    path = tmp_path / "prior.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=words):
        next(reconstruct(measurement.projections, measurement.acquisition, configure(prior=str(path))))


def test_a_prior_that_is_not_shipped_is_refused_by_name(measurement, configure):
    with pytest.raises(UsageError, match="'wonderful', which is not shipped"):
        next(reconstruct(measurement.projections, measurement.acquisition, configure(prior="wonderful")))


def test_a_device_that_is_not_there_is_refused(measurement, configure):
    import torch

    absent = "mps" if not torch.backends.mps.is_available() else "cuda"
    if absent == "cuda" and torch.cuda.is_available():
        pytest.skip("this machine has every device")
    with pytest.raises(UsageError, match="no such device"):
        list(reconstruct(measurement.projections, measurement.acquisition, configure(device=absent)))


def test_what_breaks_inside_a_run_is_no_runtime_error(measurement, configure, monkeypatch):
    def broken(*_):
        raise RuntimeError("device lost")

    monkeypatch.setattr(evaluator_module.TileEvaluator, "evaluate", broken)
    with pytest.raises(RunFailed, match="device lost") as caught:
        list(reconstruct(measurement.projections, measurement.acquisition, configure()))
    assert not isinstance(caught.value, RuntimeError)


def test_the_default_settings_are_those_of_the_recommended_method():
    config = ReconstructionConfig()
    assert (config.diffusion, config.consistency, config.samples, config.steps) == (
        "slab",
        "noise",
        4,
        10,
    )


def test_the_preview_needs_no_torch(tmp_path):
    code = (
        "import sys, numpy as np\n"
        "from napari_microdiffusion.optics import Acquisition\n"
        "from napari_microdiffusion.reconstruction.engine import reconstruct\n"
        "from napari_microdiffusion.reconstruction.events import Progress\n"
        "x = np.random.default_rng(0).random((4, 16, 16), dtype=np.float32)\n"
        "for event in reconstruct(x, Acquisition(step_length=4)):\n"
        "    if isinstance(event, Progress) and event.fraction == 1: break\n"
        "sys.exit('torch was imported' if 'torch' in sys.modules else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("profile", [None, (1.0, 2.0, 4.0, 3.0)])
def test_a_flipped_stack_gives_the_flipped_volume(measure, configure, record, monkeypatch, profile):
    # What a prior of random weights is worth comes out differently from either end.
    monkeypatch.setattr(slab_module, "measure_prior_weight", lambda *_: SelfTest(1.0))
    above = measure(slabs=6, axial_profile=profile)
    turned_profile = None if profile is None else profile[::-1]
    below = dataclasses.replace(
        above,
        projections=np.ascontiguousarray(above.projections[::-1]),
        acquisition=Acquisition(step_length=4, axial_profile=turned_profile),
    )
    settings = configure(samples=0, consistency="exact")
    one, other = (record(m, settings).result.volume for m in (above, below))
    assert np.abs(one - record(above, configure(samples=0, diffusion="off")).result.volume).max() > 1
    np.testing.assert_allclose(other[::-1], one, atol=2e-3 * np.ptp(above.projections))


@pytest.mark.parametrize("consistency", ["nonnegative", "noise"])
def test_borders_are_mended_with_the_noise_that_denoising_left(
    measure, configure, record, monkeypatch, consistency
):
    mended = {}
    measurement = measure(photon_gain=50.0)

    def mend(slices, amplitude, operator, noise, mending):
        mended[mending] = noise
        return slices

    monkeypatch.setattr(slab_module, "mend_borders", mend)
    record(measurement, configure(consistency=consistency, samples=1))
    span = IntensityScale.of(measurement.projections).span
    assert set(mended) == {SMOOTH, TEXTURED}
    assert max(mended.values()) < np.sqrt(50.0 / span)


def test_the_prior_sees_few_bright_places_in_the_range_it_knows(measure, configure, record, monkeypatch):
    bright = measure(slabs=6, height=64, width=64)
    projections = bright.projections.copy()
    projections[2, 4:8, 4:8] = 8 * projections.max()
    bright = dataclasses.replace(bright, projections=projections)
    seen: list[float] = []

    def spy(unit, *rest):
        seen.append(float(unit.max()))
        return network_inputs(unit, *rest)

    monkeypatch.setattr(inputs_module, "network_inputs", spy)
    run = record(bright, configure(samples=0, consistency="exact"))
    assert IntensityScale.of(projections).to_unit(projections).max() > 1.5
    assert 0.9 < max(seen) < 1.5
    again = ProjectionOperator(bright.acquisition.profile).project(run.result.volume)
    np.testing.assert_allclose(again, projections, atol=1e-4 * np.ptp(projections))


def test_the_provenance_tells_the_pedestal_of_the_log_spline(measurement, configure, record):
    told = record(measurement, configure(samples=0)).result.provenance["pedestal"]
    assert 0 <= told < 0.5
    linear = record(measurement, configure(samples=0, guide="linear"))
    assert linear.result.provenance["pedestal"] == 0


def test_noise_that_an_exact_volume_takes_over_is_said(measurement, configure, rng):
    clean = measurement.projections.astype(np.float32)
    span = IntensityScale.of(clean).span
    told = {}
    for share in (0.0, 0.05):
        noisy = clean + share * span * rng.standard_normal(clean.shape).astype(np.float32)
        for consistency in ("nonnegative", "exact", "noise", "none"):
            config = configure(diffusion="off", consistency=consistency)
            events = reconstruct(noisy, measurement.acquisition, config)
            *_, finished = events
            told[share, consistency] = any("noise of the projections" in n for n in finished.result.notices)
    assert [key for key, is_told in told.items() if is_told] == [(0.05, "nonnegative"), (0.05, "exact")]


def test_within_the_noise_is_exact_where_the_noise_is_negligible(measure, configure, record):
    clean = measure(photon_gain=1e-3)
    runs = [record(clean, configure(samples=0, consistency=c)).result for c in ("noise", "nonnegative")]
    np.testing.assert_array_equal(runs[0].volume, runs[1].volume)
    assert runs[0].provenance["consistency"] == "nonnegative"
    assert runs[0].reprojection_max < 1e-5
    assert runs[0].misfit is None


def test_the_misfit_is_in_units_of_the_noise(measure, configure, record, rng):
    gain = 40.0
    stated = measure(slabs=8, height=64, width=64, photon_gain=gain)
    noisy = (gain * rng.poisson(stated.projections / gain)).astype(np.float32)
    noisy = dataclasses.replace(stated, projections=noisy)
    result = record(noisy, configure(samples=0, diffusion="off")).result
    assert result.provenance["consistency"] == "noise"
    assert 0.3 < result.misfit < 1.2
    assert result.provenance["misfit"] == result.misfit
    assert abs(result.misfit_correlation) < 0.15
    assert result.noise == {
        "photon_gain": gain,
        "read_noise": 0.0,
        "dark_level": 0.0,
        "source": "stated",
    }
    assert not any("times their noise" in notice for notice in result.notices)
    seen = ProjectionOperator(noisy.acquisition.profile).project(result.volume)
    deviation = (noisy.projections - seen) / np.sqrt(noisy.acquisition.noise_variance(noisy.projections))
    assert result.misfit == pytest.approx(np.sqrt(np.square(deviation).mean()), rel=0.1)


def test_noise_is_estimated_where_none_is_stated(measure, configure, record, rng):
    clean, gain = measure(slabs=8, height=64, width=64), 40.0
    noisy = dataclasses.replace(
        clean, projections=(gain * rng.poisson(clean.projections / gain)).astype(np.float32)
    )
    result = record(noisy, configure(samples=0, diffusion="off")).result
    assert result.provenance["noise"]["source"] == "estimated"
    light = float(np.median(noisy.projections))
    found = NoiseModel(**{k: v for k, v in result.noise.items() if k != "source"})
    assert float(found.deviation(np.array(light))) == pytest.approx(np.sqrt(gain * light), rel=0.3)
    assert 0.8 < result.misfit < 1.2


@pytest.mark.parametrize(
    ("share", "told"), [(0.2, "times the noise that was stated"), (5.0, "weaker than stated")]
)
def test_a_misfit_far_from_one_is_said_with_its_reason(measure, configure, record, rng, share, told):
    gain = 40.0
    clean = measure(slabs=8, height=64, width=64, photon_gain=share * gain)
    noisy = dataclasses.replace(
        clean, projections=(gain * rng.poisson(clean.projections / gain)).astype(np.float32)
    )
    settings = configure(samples=0, diffusion="off")
    assert any(told in notice for notice in record(noisy, settings).result.notices)


def test_order_0_of_the_prior_decides_within_the_noise_alone(measure, configure, record, rng, monkeypatch):
    """Slab means move by what the network answers, in units of the noise; exact ones do not."""
    from napari_microdiffusion.diffusion.preconditioning import Denoiser

    noisy = measure(photon_gain=50.0)
    answer = Denoiser.forward

    def brighter(self, *arguments):
        denoised = answer(self, *arguments)
        denoised[:, :, 0] = 1.0
        return denoised

    means = {}
    for consistency in ("noise", "nonnegative"):
        settings, operator = (
            configure(samples=0, consistency=consistency),
            ProjectionOperator(noisy.acquisition.profile),
        )
        before = operator.project(record(noisy, settings).result.volume)
        with monkeypatch.context() as patch:
            patch.setattr(Denoiser, "forward", brighter)
            means[consistency] = operator.project(record(noisy, settings).result.volume) - before
    assert means["noise"].min() > 0
    np.testing.assert_allclose(means["nonnegative"], 0, atol=1e-5 * np.ptp(noisy.projections))
