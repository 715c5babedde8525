"""A fit that diverges begins anew at a smaller rate, says so, and gives up in plain words."""

from dataclasses import replace

import numpy as np
import pytest

from napari_microdiffusion.errors import RunFailed
from napari_microdiffusion.inr import fitting
from napari_microdiffusion.inr.fitting import fit_inr
from napari_microdiffusion.inr.settings import InrSettings

PROJECTIONS = np.random.default_rng(3).uniform(0, 1, (3, 8, 8)).astype(np.float32)
UNIFORM = np.full(4, 0.25)


@pytest.fixture
def diverging(monkeypatch):
    """Makes the first fits diverge at their third step, as a function of how many and of the loss."""

    def make(fits: int, loss: float) -> list[float]:
        real, rates = fitting.fit_grid, []

        def fit(measured, weights, settings, *rest):
            rates.append(settings.rate)
            for step in real(measured, weights, settings, *rest):
                is_bad = len(rates) <= fits and step.step >= 3
                yield replace(step, loss=loss) if is_bad else step

        monkeypatch.setattr(fitting, "fit_grid", fit)
        return rates

    return make


@pytest.mark.parametrize("loss", [float("nan"), float("inf"), 1e9])
@pytest.mark.parametrize("start", [None, np.full((12, 8, 8), 0.5)])
def test_a_fit_that_diverges_begins_anew_at_a_smaller_rate(diverging, loss, start):
    settings = InrSettings(epochs=6)
    rates = diverging(1, loss)
    steps = list(fit_inr(PROJECTIONS, UNIFORM, settings, start=start))
    assert rates == [settings.rate, settings.rate / 4]
    assert [step.step for step in steps] == [1, 2, 1, 2, 3, 4, 5, 6]
    assert [step.notice for step in steps if step.notice] == [steps[2].notice]
    assert "diverged at step 3: it begins anew with 0.25 of the learning rate" in steps[2].notice
    gentle = settings.model_copy(update={"learning_rate": settings.rate / 4})
    *_, last = fit_inr(PROJECTIONS, UNIFORM, gentle, start=start)
    # From the same start as if there had been no other fit before.
    for one, two in zip(steps[-1].fitted.render_slices(), last.fitted.render_slices(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_fit_that_diverges_again_and_again_fails_in_plain_words(diverging):
    rates = diverging(99, float("nan"))
    with pytest.raises(RunFailed, match="diverged 4 times"):
        list(fit_inr(PROJECTIONS, UNIFORM, InrSettings(epochs=6)))
    assert len(rates) == fitting.MOST_RESTARTS + 1


def test_the_papers_field_is_watched_too(monkeypatch):
    real = fitting.fit_paper
    monkeypatch.setattr(
        fitting, "fit_paper", lambda *given: (replace(step, loss=float("nan")) for step in real(*given))
    )
    with pytest.raises(RunFailed, match="diverged 4 times"):
        list(fit_inr(PROJECTIONS, UNIFORM, InrSettings(field="paper", epochs=1)))
