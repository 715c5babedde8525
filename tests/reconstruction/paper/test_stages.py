"""The paper's diffusion in the engine: every system runs, ends, resumes, and sees the projections alone."""

import numpy as np
import pytest
from pydantic import ValidationError

from napari_microdiffusion.errors import Cancelled, RunFailed, UsageError, UserError
from napari_microdiffusion.optics import ProjectionOperator, make_consistent
from napari_microdiffusion.reconstruction.engine import reconstruct
from napari_microdiffusion.reconstruction.events import (
    CancelToken,
    Finished,
    LossPoint,
    Notice,
    Progress,
    SliceReady,
    StageStarted,
)
from napari_microdiffusion.reconstruction.guides import GUIDES_FROM_PROJECTIONS
from napari_microdiffusion.settings.method import ReconstructionConfig, settings_error

TINY = {
    "training_steps": 6,
    "batch": 2,
    "width": 8,
    "multipliers": (1, 2),
    "blocks": 1,
    "features": 6,
    "frequencies": 5,
    "sampling_steps": 3,
    "sampler": "ddim",
}
TINY_INR = {"field": "paper", "epochs": 1, "frequencies": 4, "layers": 2, "width": 4, "inference": "gaussian"}


@pytest.fixture(scope="module")
def small(measure):
    """Few slabs of few pixels, whose size no halving divides."""
    return measure(n=3, slabs=4, height=9, width=14)


def tiny(guide="linear", **paper):
    settings = {"guide": guide, "diffusion": "paper", "consistency": "none", "samples": 0, "device": "cpu"}
    return ReconstructionConfig(**settings, inr=TINY_INR, paper={**TINY, **paper})


def run(measurement, config, cancel=None):
    events = list(reconstruct(measurement.projections, measurement.acquisition, config, cancel=cancel))
    assert isinstance(events[-1], Finished)
    return events[-1].result, events


def volume(measurement, config):
    return run(measurement, config)[0].volume


@pytest.mark.parametrize("guide", ["none", "nearest", "linear", "cubic", "histospline", "logspline", "inr"])
def test_any_guide_may_stand_in_for_the_inr(small, guide):
    result, events = run(small, tiny(guide))
    assert result.volume.shape == (12, 9, 14)
    assert np.isfinite(result.volume).all()
    assert set(result.reached) == {"posterior mean"}
    losses = [e for e in events if isinstance(e, LossPoint) and e.stage == "posterior mean"]
    assert [e.step for e in losses] == list(range(1, 7))
    told = [e.fraction for e in events if isinstance(e, Progress) and e.stage == "posterior mean"]
    assert told == sorted(told)
    assert told[-1] == 1
    texts = [e.text for e in events if isinstance(e, StageStarted) and e.stage == "posterior mean"]
    assert texts == ["Training the paper's diffusion on this sample", "Sampling slices"]


@pytest.mark.parametrize(
    "settings",
    [
        {"prediction": "x0"},
        {"fusion": "cross-attention"},
        {"fusion": "none"},
        {"encoding": "sine-cosine"},
        {"prior_use": "condition"},
        {"sampler": "ddpm"},
        {"guidance": 0.0},
        {"inr_training": "trainable"},
        {"inr_training": "joint"},
        {"average": 0.5},
    ],
)
def test_every_variant_is_its_own(small, settings):
    config = tiny("inr", **settings)
    one = volume(small, config)
    assert np.isfinite(one).all()
    np.testing.assert_array_equal(one, volume(small, config))
    assert (one != volume(small, tiny("inr"))).any()


def test_the_seed_decides(small):
    one = volume(small, tiny())
    assert (one != volume(small, tiny().model_copy(update={"seed": 1}))).any()


@pytest.mark.parametrize(
    ("settings", "moves"),
    [({}, False), ({"inr_training": "trainable"}, True), ({"inr_training": "joint"}, True)],
)
def test_the_inr_moves_only_where_it_is_trained(small, settings, moves):
    fitted = run(small, tiny("inr").model_copy(update={"diffusion": "off"}))[0].guide
    guide = run(small, tiny("inr", **settings))[0].guide
    assert (guide != fitted).any() == moves


@pytest.mark.parametrize("training", ["trainable", "joint"])
@pytest.mark.parametrize(
    "other", [{"guide": "linear"}, {"inr": {"field": "grid"}}, {"inr_file": "a.safetensors"}]
)
def test_an_inr_can_only_be_trained_along_where_there_is_one(training, other):
    settings = {"guide": "inr", "diffusion": "paper", "inr": TINY_INR, "paper": {"inr_training": training}}
    with pytest.raises(ValidationError) as caught:
        ReconstructionConfig(**{**settings, **other})
    sentence = str(settings_error(caught.value))
    assert training in sentence
    assert "guide must be inr" in sentence


def test_the_paper_has_no_consistency_and_any_can_be_chosen_afterwards(small):
    plain = volume(small, tiny())
    operator = ProjectionOperator(small.acquisition.profile)
    assert np.abs(operator.project(plain.astype(float)) - small.projections).max() > 1
    for mode in ("exact", "nonnegative"):
        consistent = volume(small, tiny().model_copy(update={"consistency": mode}))
        np.testing.assert_array_equal(consistent, make_consistent(plain, small.projections, operator, mode))


def test_samples_give_the_uncertainty_and_leave_the_volume(small):
    config = tiny().model_copy(update={"samples": 2, "keep_samples": True})
    result, events = run(small, config)
    np.testing.assert_array_equal(result.volume, volume(small, tiny()))
    spread = np.std([result.volume, *result.samples], axis=0, ddof=1)
    np.testing.assert_allclose(result.uncertainty, spread, rtol=1e-3, atol=1e-2)
    shown = [e for e in events if isinstance(e, SliceReady) and e.quantity == "uncertainty"]
    assert len(shown) == 2 * 12


def test_slabs_are_the_same_however_many_are_sampled_at_once(small, monkeypatch):
    whole = volume(small, tiny(sampler="ddpm"))
    monkeypatch.setattr("napari_microdiffusion.reconstruction.paper.stages.EVALUATED_AT_ONCE", 9 * 14 * 8 * 2)
    np.testing.assert_allclose(volume(small, tiny(sampler="ddpm")), whole, atol=1e-3 * np.ptp(whole))


def test_the_ground_truth_cannot_leak(small, tiny_prior):
    """Other slices with the same projections give the same volume, to the last bit."""
    from napari_microdiffusion.optics import simulate_projections
    from napari_microdiffusion.studies.benchmark import Case, run_case

    n = small.acquisition.step_length
    truth = small.truth[: 4 * n].astype(np.float32)
    reversed_slabs = truth.reshape(4, n, 9, 14)[:, ::-1].reshape(truth.shape)
    again = simulate_projections(reversed_slabs, small.acquisition)
    np.testing.assert_allclose(again, small.projections, rtol=1e-6)
    methods = [f"{guide}/paper/none" for guide in GUIDES_FROM_PROJECTIONS]
    methods += [
        f"{guide}/{'off' if guide != 'none' else 'slab'}/nonnegative" for guide in GUIDES_FROM_PROJECTIONS
    ]
    methods += ["logspline/slab/none", "inr/slab/noise"]
    settings = {"inr": TINY_INR, "paper": TINY, "prior": tiny_prior}
    cases = [Case("a", t, small.projections, small.acquisition) for t in (truth, reversed_slabs)]
    for one, two in zip(*(run_case(case, methods, **settings) for case in cases), strict=True):
        np.testing.assert_array_equal(one.result.volume, two.result.volume)
        assert one.metrics["psnr"] != two.metrics["psnr"]


@pytest.mark.parametrize("training", ["frozen", "trainable", "joint"])
@pytest.mark.parametrize("interruption", ["cancel", "stop", "closed"])
def test_an_interrupted_training_ends_where_an_uninterrupted_one_does(
    small, tmp_path, training, interruption
):
    settings = {"inr_training": training, "average": 0.5}
    state, whole = tmp_path / "state.safetensors", tmp_path / "whole.safetensors"
    uninterrupted = volume(small, tiny("inr", **settings, checkpoint=whole))
    config, token = tiny("inr", **settings, checkpoint=state), CancelToken()
    events = reconstruct(small.projections, small.acquisition, config, cancel=token)
    for event in events:
        if isinstance(event, LossPoint) and event.stage == "posterior mean" and event.step == 4:
            break
    if interruption == "closed":
        events.close()
    elif interruption == "stop":
        token.stop()
        assert list(events)[-1].result.stopped
    else:
        token.cancel()
        with pytest.raises(Cancelled):
            list(events)
    result, told = run(small, config)
    assert "going on from step 4" in next(
        e.text for e in told if isinstance(e, StageStarted) and e.stage == "posterior mean"
    )
    np.testing.assert_array_equal(result.volume, uninterrupted)
    from napari_microdiffusion.io import load_checkpoint

    one, two = (load_checkpoint(path, "training-state").tensors for path in (state, whole))
    assert one.keys() == two.keys()
    assert {name.split(".")[0] for name in one} == {"model", "average", "optimiser", "generator"}
    for name in one:
        np.testing.assert_array_equal(one[name], two[name], err_msg=name)


def test_a_step_that_was_cut_off_in_the_middle_leaves_no_trace(small, tmp_path):
    whole = volume(small, tiny())
    config, token = tiny(checkpoint=tmp_path / "state.safetensors"), CancelToken()
    looks = []

    def check():
        looks.append(None)
        if len(looks) == 90:
            token.cancel()
        CancelToken.check(token)

    token.check = check
    with pytest.raises(Cancelled):
        list(reconstruct(small.projections, small.acquisition, config, cancel=token))
    result, _ = run(small, config)
    np.testing.assert_array_equal(result.volume, whole)


def test_a_finished_training_is_sampled_from_at_once(small, tmp_path):
    path = tmp_path / "state.safetensors"
    run(small, tiny(checkpoint=path))
    result, events = run(small, tiny(checkpoint=path, guidance=0.5, sampling_steps=2))
    assert not any(isinstance(event, LossPoint) for event in events)
    assert np.isfinite(result.volume).all()


@pytest.mark.parametrize("other", [{"seed": 3}, {"guide": "cubic"}])
def test_the_state_of_another_training_is_refused(small, tmp_path, other):
    path = tmp_path / "state.safetensors"
    run(small, tiny(checkpoint=path))
    with pytest.raises(UserError, match="made with another"):
        run(small, tiny(checkpoint=path).model_copy(update=other))


def test_a_state_that_could_not_be_written_is_known_before_the_training(small, tmp_path):
    for path, words in ((tmp_path / "none" / "a.safetensors", "no folder"), (tmp_path / "a.pt", "end in")):
        with pytest.raises(UserError, match=words):
            next(reconstruct(small.projections, small.acquisition, tiny(checkpoint=path)))


def test_stopping_keeps_the_slabs_that_are_sampled(small, monkeypatch):
    monkeypatch.setattr("napari_microdiffusion.reconstruction.paper.stages.EVALUATED_AT_ONCE", 1)
    token, kept = CancelToken(), None
    for event in reconstruct(small.projections, small.acquisition, tiny(), cancel=token):
        if isinstance(event, SliceReady) and event.stage == "posterior mean":
            token.stop()
        if isinstance(event, Finished):
            kept = event.result
    assert kept is not None
    assert kept.reached == ["posterior mean", "guide", "guide", "guide"]


def test_torch_s_own_generator_is_left_alone(small):
    import torch

    torch.manual_seed(5)
    before = torch.get_rng_state()
    run(small, tiny())
    assert torch.equal(torch.get_rng_state(), before)


def test_an_inr_that_was_given_is_not_changed(small):
    from napari_microdiffusion.inr.settings import InrSettings

    config = tiny("inr", inr_training="trainable")
    given = run(small, tiny("inr").model_copy(update={"diffusion": "off"}))[0].inr
    before = given.render()
    *_, finished = reconstruct(small.projections, small.acquisition, config, inr=given)
    np.testing.assert_array_equal(given.render(), before)
    assert (finished.result.inr.render() != before).any()
    grid = config.model_copy(update={"inr": InrSettings(epochs=1), "diffusion": "off"})
    other = run(small, grid)[0].inr
    with pytest.raises(UsageError, match="field is paper"):
        list(reconstruct(small.projections, small.acquisition, config, inr=other))


def test_a_training_that_diverges_goes_on_and_is_told(small, monkeypatch):
    from napari_microdiffusion.diffusion import divergence
    from napari_microdiffusion.reconstruction.paper import stages

    real, losses = stages.denoising_loss, []

    def loss(*given):
        losses.append(None)
        return real(*given) * (float("nan") if len(losses) in (3, 4) else 1)

    monkeypatch.setattr(divergence, "PATIENCE", 2)
    monkeypatch.setattr(stages, "denoising_loss", loss)
    result, events = run(small, tiny())
    (notice,) = [event.text for event in events if isinstance(event, Notice)]
    assert "The training diverged at step 4: it goes on from its last good state" in notice
    assert result.notices == [notice]
    assert np.isfinite(result.volume).all()


def test_slices_that_are_no_numbers_are_never_a_result_and_the_training_is_kept(small, tmp_path, monkeypatch):
    from napari_microdiffusion.reconstruction.paper import stages

    path = tmp_path / "state.safetensors"
    with monkeypatch.context() as patch:
        real = stages.predict_clean
        patch.setattr(stages, "predict_clean", lambda *given: real(*given) * float("nan"))
        with pytest.raises(RunFailed, match="slices that are no numbers"):
            run(small, tiny(checkpoint=path))
    result, events = run(small, tiny(checkpoint=path))
    assert not any(isinstance(event, LossPoint) for event in events)
    assert np.isfinite(result.volume).all()
