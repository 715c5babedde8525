"""A training that diverges goes back to its last good state, says so, and gives up in plain words."""

from itertools import count

import numpy as np
import pytest
import torch
from torch import nn

from napari_microdiffusion.diffusion.divergence import KEEP_EVERY, MOST_RESTARTS, PATIENCE, DivergenceWatch
from napari_microdiffusion.diffusion.fitting import FitSettings, Fitting
from napari_microdiffusion.errors import RunFailed
from napari_microdiffusion.io import load_checkpoint

STEPS = 3 * KEEP_EVERY


def data():
    for seed in count():
        yield torch.randn(16, 4, generator=torch.Generator().manual_seed(seed))


class Regression:
    """Learns the sum of four numbers; between two steps something goes wrong."""

    def __init__(self, first: int, last: int, factor: float) -> None:
        self.bad, self.factor, self.calls = range(first, last), factor, 0

    def __call__(self, net: nn.Module, batch: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        self.calls += 1
        noise = 0.3 * torch.randn(len(batch), 1, generator=generator)
        loss = (net(batch) - batch.sum(1, keepdim=True) - noise).square().mean()
        return loss * self.factor if self.calls in self.bad else loss


def fitting(loss, steps: int = STEPS) -> Fitting[torch.Tensor]:
    torch.manual_seed(0)
    return Fitting(
        nn.Linear(4, 1), loss, FitSettings(steps=steps, warmup_steps=5, learning_rate=0.05), seed=7
    )


@pytest.mark.parametrize("factor", [float("nan"), float("inf"), 1e6], ids=["nan", "inf", "growing"])
def test_a_training_that_diverges_goes_on_from_its_last_good_state(factor):
    at = 2 * KEEP_EVERY + 1
    fit = fitting(Regression(at, at + PATIENCE, factor))
    steps = list(fit.run(data()))
    (restart,) = [step for step in steps if step.notice]
    assert at <= restart.step < at + PATIENCE
    assert "goes on from its last good state with 0.5 of the learning rate" in restart.notice
    before, after = steps[restart.step - 10].learning_rate, steps[restart.step].learning_rate
    assert after < 0.6 * before
    assert len(steps) == STEPS
    np.testing.assert_allclose(fit.model.weight.detach(), 1, atol=0.1)
    np.testing.assert_allclose(fit.average["weight"], 1, atol=0.2)


def test_weights_that_are_no_numbers_are_mended():
    fit = fitting(Regression(0, 0, 1))
    told = []
    for step in fit.run(data()):
        told += [step.notice] if step.notice else []
        if step.step == KEEP_EVERY + 20:
            with torch.no_grad():
                fit.model.weight.fill_(float("nan"))
    assert len(told) == 1
    np.testing.assert_allclose(fit.model.weight.detach(), 1, atol=0.1)


def test_a_training_without_faults_is_never_taken_back():
    assert not any(step.notice for step in fitting(Regression(0, 0, 1)).run(data()))


def test_a_training_that_diverges_again_and_again_fails_in_plain_words_and_keeps_what_was_good():
    fit = fitting(Regression(KEEP_EVERY + 1, 10**9, float("nan")))
    steps = []
    with pytest.raises(RunFailed, match=f"diverged {MOST_RESTARTS + 1} times"):
        steps.extend(fit.run(data()))
    assert fit.step == KEEP_EVERY + PATIENCE * (MOST_RESTARTS + 1)
    np.testing.assert_allclose(fit.model.weight.detach(), 1, atol=0.2)


def test_a_state_saved_in_doubt_is_the_last_good_one(tmp_path):
    fit = fitting(Regression(0, 0, 1))
    for step in fit.run(data()):
        if step.step == KEEP_EVERY + 1:
            with torch.no_grad():
                fit.model.weight.fill_(float("nan"))
        if step.step == KEEP_EVERY + 3:
            break
    fit.save(tmp_path / "state.safetensors")
    tensors = load_checkpoint(tmp_path / "state.safetensors", "training-state").tensors
    assert all(np.isfinite(tensor).all() for tensor in tensors.values())


def test_losses_near_zero_may_vary_by_any_factor():
    watch = DivergenceWatch(lambda: None)
    assert not any(watch.is_diverged(1 / (1 + step) ** 3 * 50 ** (step % 2), 1.0) for step in range(400))
