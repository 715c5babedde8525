"""Fitting: it learns, it follows its schedule, and a resumed run ends where an uninterrupted one does."""

from itertools import count

import numpy as np
import pytest
import torch
from torch import nn

from napari_microdiffusion.diffusion.fitting import FitSettings, Fitting
from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io import save_checkpoint


def model(width: int = 4) -> nn.Module:
    torch.manual_seed(0)
    return nn.Linear(width, 1)


def loss(net: nn.Module, batch: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Regression on a known plane, with noise from the fitting's own generator."""
    target = batch.sum(1, keepdim=True) + 0.1 * torch.randn(len(batch), 1, generator=generator)
    return (net(batch) - target).square().mean()


def data(first: int = 0):
    for seed in count(first):
        yield torch.randn(16, 4, generator=torch.Generator().manual_seed(seed))


def fitting(steps: int = 60, **settings) -> Fitting[torch.Tensor]:
    return Fitting(model(), loss, FitSettings(steps=steps, **{"warmup_steps": 5, **settings}), seed=7)


def test_it_learns_and_the_average_follows():
    fit = fitting(300, learning_rate=0.05)
    losses = [step.loss for step in fit.run(data())]
    assert len(losses) == 300
    assert np.mean(losses[-20:]) < 0.05 * np.mean(losses[:5])
    np.testing.assert_allclose(fit.model.weight.detach(), 1, atol=0.05)
    np.testing.assert_allclose(fit.average["weight"], 1, atol=0.1)


def test_the_rate_warms_up_and_falls_to_a_fiftieth():
    steps = list(fitting(100, learning_rate=1.0, warmup_steps=10).run(data()))
    rates = [step.learning_rate for step in steps]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == pytest.approx(1, rel=0.03)
    assert rates.index(max(rates)) == 9
    assert rates[-1] == pytest.approx(0.02, rel=0.05)
    assert [step.step for step in steps] == list(range(1, 101))
    assert steps[-1].fraction == 1


@pytest.mark.parametrize("pause", [1, 4])
def test_a_resumed_run_ends_where_an_uninterrupted_one_does(tmp_path, pause):
    whole = fitting(8)
    list(whole.run(data()))

    first = fitting(8)
    for step in first.run(data()):
        if step.step == pause:
            break
    first.save(tmp_path / "state.safetensors")
    second = fitting(8)
    with torch.no_grad():
        second.model.weight.fill_(99)
    second.load(tmp_path / "state.safetensors")
    assert second.step == pause
    list(second.run(data(first=pause)))

    for name, value in whole.model.state_dict().items():
        torch.testing.assert_close(second.model.state_dict()[name], value, rtol=0, atol=0)
        torch.testing.assert_close(second.average[name], whole.average[name], rtol=0, atol=0)


def test_a_schedule_in_minutes_ends_by_the_clock():
    fit = Fitting(model(), loss, FitSettings(minutes=0.2 / 60), seed=0)
    steps = list(fit.run(data()))
    assert len(steps) > 3
    assert steps[-1].fraction >= 1
    assert all(step.fraction < 1 for step in steps[:-1])
    assert fit.elapsed >= 0.2
    assert fit.elapsed < 5


def test_one_schedule_is_needed():
    for settings in (FitSettings(), FitSettings(steps=3, minutes=1)):
        with pytest.raises(ValueError, match="either steps or minutes"):
            Fitting(model(), loss, settings)


def test_a_step_without_a_finite_gradient_changes_nothing():
    def broken(net, batch, generator):
        return net(batch).mean() * float("nan")

    net = model()
    before = net.weight.detach().clone()
    reports = list(Fitting(net, broken, FitSettings(steps=3)).run(data()))
    torch.testing.assert_close(net.weight.detach(), before)
    assert all(np.isnan(report.gradient) for report in reports)


def test_a_state_of_another_network_or_kind_is_refused(tmp_path):
    path = tmp_path / "state.safetensors"
    other = Fitting(model(5), loss, FitSettings(steps=1))
    other.save(path)
    with pytest.raises(UserError, match="another network"):
        fitting().load(path)
    save_checkpoint(path, "slab-prior", {"a": np.zeros(2, np.float32)}, {})
    with pytest.raises(UserError, match="kind"):
        fitting().load(path)
