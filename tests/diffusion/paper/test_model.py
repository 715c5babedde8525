"""The paper's diffusion: what is mixed, what is dropped, what a step of training and of guidance is."""

import numpy as np
import pytest
import torch

from napari_microdiffusion.diffusion.paper.ddpm import NoiseSchedule
from napari_microdiffusion.diffusion.paper.model import (
    ImageConditions,
    PaperModel,
    denoising_loss,
    draw_batch,
    predict_clean,
)
from napari_microdiffusion.diffusion.paper.settings import PaperSettings

SMALL = {"width": 8, "multipliers": (1, 2), "blocks": 1, "features": 6, "batch": 3}


def build(**settings):
    torch.manual_seed(0)
    return PaperModel(PaperSettings(**{**SMALL, **settings}), 4).eval()


def images(seed, count=3):
    return torch.randn(count, 1, 8, 8, generator=torch.Generator().manual_seed(seed))


def conditions(guide=None, count=3):
    return ImageConditions(images(1, count), torch.ones(count, 4), guide)


class Recorder(torch.nn.Module):
    """In the U-Net's place: keeps what it is shown and answers with a constant."""

    def __init__(self, answer=0.0, answer_without=0.0):
        super().__init__()
        self.answers, self.shown, self.conditions = (answer, answer_without), [], []

    def forward(self, shown, times, condition):
        self.shown.append(shown)
        self.conditions.append(condition)
        given = condition.abs().sum(1) > 0
        low = torch.full_like(shown, self.answers[1])
        return torch.where(given[:, None, None, None], torch.full_like(shown, self.answers[0]), low)


class Answer(torch.nn.Module):
    """In the U-Net's place: answers with what it is given."""

    def __init__(self, answer):
        super().__init__()
        self.answer = answer

    def forward(self, shown, times, condition):
        return self.answer


def test_the_guide_is_mixed_into_what_the_network_sees():
    model = build(gamma=0.25)
    model.unet = Recorder()
    state, guide = images(2), images(3)
    model(state, torch.ones(3), conditions(guide), torch.ones(3))
    torch.testing.assert_close(model.unet.shown[0], 0.25 * guide + 0.75 * state)
    model(state, torch.ones(3), conditions(None), torch.ones(3))
    torch.testing.assert_close(model.unet.shown[1], state)


def test_a_guide_in_the_condition_is_not_mixed():
    model = build(prior_use="condition", gamma=0.25)
    model.unet = Recorder()
    state = images(2)
    for guide in (images(3), images(4)):
        model(state, torch.ones(3), conditions(guide), torch.ones(3))
    torch.testing.assert_close(model.unet.shown[0], state)
    assert (model.unet.conditions[0] != model.unet.conditions[1]).any()
    assert model.unet.conditions[0].shape == (3, 18)


def test_a_dropped_condition_is_zero_for_that_image_alone():
    model = build()
    model.unet = Recorder()
    model(images(2), torch.ones(3), conditions(), torch.tensor([1.0, 0.0, 1.0]))
    sizes = model.unet.conditions[0].abs().sum(1)
    assert sizes[1] == 0
    assert (sizes[[0, 2]] > 0).all()


@pytest.mark.parametrize(("guidance", "expected"), [(0.0, 0.3), (2.0, 3 * 0.3 - 2 * 0.1)])
def test_guidance_moves_away_from_the_unconditional_prediction(guidance, expected):
    model = build(prediction="x0", guidance=guidance)
    model.unet = Recorder(0.3, 0.1)
    clean = predict_clean(model, images(2), 500, conditions(), (-9, 9))
    torch.testing.assert_close(clean, torch.full_like(clean, expected))
    assert len(model.unet.shown) == (2 if guidance else 1)


def test_without_feature_guidance_the_condition_is_never_given():
    model = build(fusion="none", prediction="x0")
    model.unet = Recorder(0.3, 0.1)
    clean = predict_clean(model, images(2), 500, conditions(), (-9, 9))
    torch.testing.assert_close(clean, torch.full_like(clean, 0.1))
    assert not draw_batch(0, 7, (8, 8), model.settings, 0).is_conditioned.any()


def test_the_predicted_noise_stands_for_an_image():
    model = build(guidance=0.0, clip=False)
    model.unet = Recorder(0.2, 0.2)
    signal = NoiseSchedule().signal[400]
    state = np.sqrt(signal) * images(5) + np.sqrt(1 - signal) * 0.2
    torch.testing.assert_close(
        predict_clean(model, state, 400, conditions(), (0, 0)), images(5), rtol=1e-4, atol=1e-5
    )


def test_predictions_are_held_within_the_range_of_the_projections():
    model = build(guidance=0.0, prediction="x0")
    model.unet = Recorder(5.0, 5.0)
    assert predict_clean(model, images(2), 400, conditions(), (-1, 0.5)).unique().tolist() == [0.5]


@pytest.mark.parametrize(("prediction", "target"), [("epsilon", "noise"), ("x0", "clean")])
def test_the_loss_is_zero_for_the_right_answer(prediction, target):
    model = build(prediction=prediction)
    batch, clean = draw_batch(0, 3, (8, 8), model.settings, 0), images(6)
    answer = {"noise": batch.noise, "clean": clean}[target]
    model.unet = Answer(answer)
    assert float(denoising_loss(model, batch, clean, conditions())) == 0
    model.unet = Answer(0 * answer)
    assert float(denoising_loss(model, batch, clean, conditions())) > 0.5


def test_an_epoch_takes_every_projection_once_and_conditions_are_really_dropped():
    settings = PaperSettings(**{**SMALL, "drop": 0.25})
    epochs = [[draw_batch(3 * e + i, 7, (4, 4), settings, 5) for i in range(3)] for e in range(40)]
    orders = [torch.cat([batch.chosen for batch in epoch]).tolist() for epoch in epochs]
    assert all(sorted(order) == list(range(7)) for order in orders)
    assert orders[0] != orders[1]
    conditioned = torch.cat([batch.is_conditioned for epoch in epochs for batch in epoch])
    assert float(conditioned.mean()) == pytest.approx(0.75, abs=0.08)
    times = torch.cat([batch.times for epoch in epochs for batch in epoch])
    assert 1 <= times.min() < 60 and 940 < times.max() <= 1000


def test_a_step_is_the_same_whenever_it_is_drawn():
    settings = PaperSettings(**SMALL)
    one, two = (draw_batch(11, 7, (4, 4), settings, 5) for _ in range(2))
    for a, b in zip(vars(one).values(), vars(two).values(), strict=True):
        assert torch.equal(a, b)


def test_the_cost_is_that_of_the_network():
    settings = PaperSettings(**{**SMALL, "width": 16, "multipliers": (1, 2, 4), "blocks": 2})
    model, counted = PaperModel(settings, 4).unet, []

    def count(layer, _inputs, out):
        counted.append(layer.weight.numel() * out.shape[-1] * out.shape[-2])

    for layer in model.modules():
        if isinstance(layer, torch.nn.Conv2d):
            layer.register_forward_hook(count)
    model(torch.zeros(1, 1, 32, 32), torch.ones(1), torch.zeros(1, 12))
    assert settings.multiply_adds() * 32 * 32 == pytest.approx(sum(counted))
