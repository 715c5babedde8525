"""Full memories and lost graphics cards: the run goes on where it can, and says so."""

import numpy as np
import pytest
import torch

from napari_microdiffusion.diffusion.precision import has_bfloat16
from napari_microdiffusion.diffusion.preconditioning import Denoiser
from napari_microdiffusion.errors import RunFailed
from napari_microdiffusion.inr.fitting import fit_inr
from napari_microdiffusion.optics import IntensityScale
from napari_microdiffusion.reconstruction.device import (
    DeviceFull,
    DeviceLost,
    NotFinite,
    device_errors,
    until_done,
)
from napari_microdiffusion.reconstruction.engine import reconstruct
from napari_microdiffusion.reconstruction.events import Notice, StageStarted
from napari_microdiffusion.reconstruction.slab import stages as slab_module
from napari_microdiffusion.reconstruction.slab import tile_evaluator as evaluator_module
from napari_microdiffusion.reconstruction.slab.prior_weight import SelfTest

FULL = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    MemoryError(),
    RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"),
    RuntimeError("MPS backend out of memory"),
]
LOST = [
    RuntimeError("CUDA error: unspecified launch failure"),
    RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
]


@pytest.fixture(scope="module")
def wide(measure):
    return measure(n=3, slabs=3, height=72, width=80)


def notices(record):
    return [notice.text for notice in record.of(Notice)]


@pytest.mark.parametrize("error", FULL, ids=lambda error: type(error).__name__)
def test_a_full_memory_has_one_name(error):
    with pytest.raises(DeviceFull), device_errors():
        raise error


@pytest.mark.parametrize("error", LOST, ids=str)
def test_a_lost_card_has_one_name(error):
    with pytest.raises(DeviceLost), device_errors():
        raise error


def test_other_errors_pass():
    with pytest.raises(RuntimeError, match="shapes"), device_errors():
        raise RuntimeError("shapes do not match")


@pytest.mark.parametrize("failure", FULL[:3], ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("is_sampling", [False, True], ids=["posterior mean", "samples"])
def test_out_of_memory_goes_on_with_smaller_tiles(wide, configure, record, monkeypatch, failure, is_sampling):
    whole = record(wide, configure(samples=1)).result
    real = Denoiser.forward

    def scarce(self, state, level, *rest):
        if state.shape[-1] > 70 and bool(torch.isfinite(level[0])) == is_sampling:
            raise failure
        return real(self, state, level, *rest)

    monkeypatch.setattr(Denoiser, "forward", scarce)
    found = record(wide, configure(samples=1))
    assert notices(found)
    assert all("smaller tiles" in text for text in notices(found))
    assert found.result.reached == ["posterior mean"] * 3
    assert np.abs(found.result.volume - whole.volume).max() < 0.02 * np.ptp(wide.projections)
    assert found.result.uncertainty is not None
    assert found.result.notices == notices(found)


def test_when_even_the_smallest_tile_is_too_large_the_run_fails_in_plain_words(
    wide, configure, record, monkeypatch
):
    def full(*_):
        raise torch.OutOfMemoryError("none left")

    monkeypatch.setattr(Denoiser, "forward", full)
    with pytest.raises(RunFailed, match="smallest tiles"):
        record(wide, configure())


@pytest.fixture
def pretended_card(monkeypatch):
    """A "graphics card" that is the processor under another name, so that what happens on it can be told."""

    class Card:
        type = "cuda"

    real_to = torch.Tensor.to

    def to(self, target, *rest, **options):
        return self if isinstance(target, Card) else real_to(self, target, *rest, **options)

    monkeypatch.setattr(torch.Tensor, "to", to)
    monkeypatch.setattr(
        Denoiser,
        "to",
        lambda self, target: self if isinstance(target, Card) else torch.nn.Module.to(self, target),
    )
    monkeypatch.setattr(evaluator_module, "choose_device", lambda _name: Card())
    monkeypatch.setattr(evaluator_module, "free_memory", lambda _device: None)
    monkeypatch.setattr(slab_module, "measure_prior_weight", lambda *_: SelfTest(1.0))
    return Card


@pytest.mark.parametrize(
    ("error", "said"),
    [(FULL[0], "Out of memory on the GPU"), (LOST[0], "The graphics card answers no more")],
    ids=["full", "lost"],
)
def test_what_a_card_cannot_do_the_processor_does(
    wide, configure, record, monkeypatch, pretended_card, error, said
):
    evaluate = evaluator_module.TileEvaluator.evaluate

    def failing(self, *arguments):
        if isinstance(self.device, pretended_card):
            with device_errors():
                raise error
        return evaluate(self, *arguments)

    monkeypatch.setattr(evaluator_module.TileEvaluator, "evaluate", failing)
    found = record(wide, configure(samples=0))
    assert notices(found)[-1] == f"{said}: going on with the CPU."
    assert found.result.device == "cpu"
    assert found.result.reached == ["posterior mean"] * 3


def test_an_inr_at_hand_is_taken_instead_of_fitting_one(measurement, configure):
    scale = IntensityScale.of(measurement.projections)
    fitting = fit_inr(scale.to_unit(measurement.projections), measurement.acquisition.profile)
    *_, last = fitting
    fitted = last.fitted
    config = configure(guide="inr", diffusion="off")
    arguments = (measurement.projections, measurement.acquisition, config)
    events = list(reconstruct(*arguments, inr=fitted))
    assert "INR, fitted before" in [event.text for event in events if isinstance(event, StageStarted)]
    assert events[-1].result.inr is fitted
    again = list(reconstruct(*arguments))[-1].result
    np.testing.assert_allclose(events[-1].result.volume, again.volume, atol=1e-3 * np.ptp(again.volume))
    other = measurement.projections[:, :-1]
    with pytest.raises(Exception, match="the INR was fitted to projections of"):
        list(reconstruct(other, measurement.acquisition, config, inr=fitted))


def test_a_card_that_cannot_fit_the_inr_hands_over_to_the_processor(
    measurement, configure, record, monkeypatch
):
    from napari_microdiffusion.reconstruction import guides

    class Card:
        type = "cuda"

    real = guides.fit_inr

    def fit(*arguments, device, **options):
        if device == "cuda":
            raise LOST[0]
            yield
        yield from real(*arguments, device=device, **options)

    monkeypatch.setattr(guides, "fit_inr", fit)
    monkeypatch.setattr(guides, "choose_device", lambda _name: Card())
    found = record(measurement, configure(guide="inr", diffusion="off"))
    assert "going on with the CPU" in notices(found)[0]
    assert found.result.device == "cpu"


def test_an_attempt_is_repeated_until_it_ends_or_nothing_is_left_to_change():
    tried, recovered = [], []

    def attempt():
        yield "begun"
        tried.append(len(tried))
        if len(tried) < 3:
            raise DeviceFull("full")
        return "done"

    def recover(error):
        recovered.append(str(error))
        return "smaller"

    def driven():
        value = yield from until_done(attempt, recover)
        yield value

    assert list(driven()) == ["begun", "smaller", "begun", "smaller", "begun", "done"]
    assert recovered == ["full", "full"]


def broken_answers(monkeypatch, *calls):
    """Makes the network answer with NaN in some of its calls; returns how often it was called."""
    real, made = Denoiser.forward, []

    def forward(self, *given):
        made.append(None)
        answer = real(self, *given)
        if not calls or len(made) in calls:
            answer = answer.clone()
            answer.view(-1)[3] = float("nan")
        return answer

    monkeypatch.setattr(Denoiser, "forward", forward)
    return made


@pytest.fixture
def known_weight(monkeypatch):
    """Leaves out the measurement of the prior's weight, so that calls of the network can be counted."""
    monkeypatch.setattr(slab_module, "measure_prior_weight", lambda *_: SelfTest(1.0))


@pytest.mark.parametrize("call", [2, 5], ids=["posterior mean", "samples"])
def test_an_answer_that_is_no_number_is_computed_again(
    measurement, configure, record, monkeypatch, known_weight, call
):
    whole = record(measurement, configure(samples=1))
    broken_answers(monkeypatch, call)
    found = record(measurement, configure(samples=1))
    assert notices(found) == [
        *notices(whole),
        "The prior's answer held values that are no numbers: computing it again.",
    ]
    np.testing.assert_array_equal(found.result.volume, whole.result.volume)
    np.testing.assert_array_equal(found.result.uncertainty, whole.result.uncertainty)


def test_a_prior_that_answers_with_no_numbers_fails_in_plain_words(
    measurement, configure, record, monkeypatch, known_weight
):
    calls = broken_answers(monkeypatch)
    with pytest.raises(RunFailed, match="values that are no numbers, and did so again"):
        record(measurement, configure())
    assert len(calls) == 2


def test_a_card_that_computes_no_numbers_hands_over_to_the_processor(
    wide, configure, record, monkeypatch, pretended_card
):
    evaluate = evaluator_module.TileEvaluator.evaluate

    def broken(self, *arguments):
        if isinstance(self.device, pretended_card):
            raise NotFinite("NaN")
        return evaluate(self, *arguments)

    monkeypatch.setattr(evaluator_module.TileEvaluator, "evaluate", broken)
    found = record(wide, configure(samples=0))
    assert notices(found)[-1] == "The GPU computes values that are no numbers: going on with the CPU."
    assert found.result.device == "cpu"
    assert np.isfinite(found.result.volume).all()


def test_a_volume_that_holds_no_numbers_is_never_a_result(measurement, configure, record, monkeypatch):
    from napari_microdiffusion.reconstruction import guides

    monkeypatch.setitem(guides.INTERPOLATIONS, "linear", lambda given, n: np.repeat(given, n, 0) * np.nan)
    with pytest.raises(RunFailed, match="the volume holds values that are no numbers"):
        record(measurement, configure(guide="linear", diffusion="off"))


def test_a_fit_that_diverged_is_told(measurement, configure, record, monkeypatch):
    from dataclasses import replace

    from napari_microdiffusion.inr import fitting

    real, fits = fitting.fit_grid, []

    def fit(*given):
        fits.append(None)
        for step in real(*given):
            yield replace(step, loss=float("nan")) if len(fits) == 1 and step.step == 2 else step

    monkeypatch.setattr(fitting, "fit_grid", fit)
    found = record(measurement, configure(guide="inr", diffusion="off"))
    assert "The fit of the INR diverged at step 2: it begins anew" in notices(found)[0]
    assert found.result.notices == notices(found)
    assert np.isfinite(found.result.volume).all()


@pytest.mark.parametrize("settings", [{"guide": "linear", "diffusion": "off"}, {"guide": "inr"}, {}], ids=str)
def test_a_full_memory_outside_the_network_fails_in_plain_words(
    measurement, configure, record, monkeypatch, settings
):
    from napari_microdiffusion.reconstruction import guides, run_state

    def full(*_given, **_options):
        raise MemoryError("Unable to allocate 40. GiB")

    monkeypatch.setattr(guides, "fit_inr", full)
    monkeypatch.setattr(run_state.RunState, "write", full)
    with pytest.raises(RunFailed, match=r"memory|allocate"):
        record(measurement, configure(**settings))


def test_samples_in_bfloat16_tell_the_same_uncertainty_and_leave_the_volume_alone(
    measurement, configure, record, monkeypatch
):
    results = []
    for is_able in (False, True):
        for module in (evaluator_module, slab_module):
            monkeypatch.setattr(module, "has_bfloat16", lambda _, is_able=is_able: is_able)
        results.append(record(measurement, configure(samples=2)).result)
    whole, rough = results
    np.testing.assert_array_equal(rough.volume, whole.volume)
    assert not np.array_equal(rough.uncertainty, whole.uncertainty)
    np.testing.assert_allclose(rough.uncertainty, whole.uncertainty, atol=0.02 * whole.uncertainty.max())
    assert [result.provenance["samples_in"] for result in results] == ["float32", "bfloat16"]


def test_processors_and_devices_without_bfloat16_are_told_from_others(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True}, raising=False)
    assert not has_bfloat16(torch.device("cpu"))
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    assert has_bfloat16(torch.device("cpu"))
    assert not has_bfloat16(torch.device("mps"))
