"""Traces without their noise: nearer to the truth, with events where there were some."""

import numpy as np
import pytest

from napari_microdiffusion.specimens.activity import active_tissue
from napari_microdiffusion.video import deconvolution
from napari_microdiffusion.video.deconvolution import deconvolved

REGIONS = np.arange(1, 61).reshape(1, 1, 60)
NOISE = 0.5


@pytest.fixture(scope="module")
def activity():
    return active_tissue(np.ones(REGIONS.shape), REGIONS, 200, rate=10.0, seed=3).activity


@pytest.fixture(scope="module")
def found(activity):
    noisy = activity + np.random.default_rng(0).normal(0, NOISE, activity.shape)
    return noisy, deconvolved(noisy, np.full(noisy.shape, NOISE))


def correlation(traces, truth):
    pairs = zip(traces.T, truth.T, strict=True)
    return np.median([np.corrcoef(one, other)[0, 1] for one, other in pairs if other.std() > 0.05])


def test_a_noisy_trace_comes_nearer_to_the_truth(found, activity):
    noisy, clean = found
    assert correlation(clean.light, activity) > correlation(noisy, activity) + 0.15
    np.testing.assert_allclose(clean.light.mean(0), noisy.mean(0), atol=0.02)


def test_events_are_where_activity_rises(found, activity):
    rises = np.diff(activity, axis=0, prepend=activity[:1]) > 1.5
    events = found[1].events
    assert events.min() >= 0
    near = np.maximum(events, np.roll(events, -1, 0)) + np.roll(events, 1, 0)
    assert near[rises].mean() > 8 * events[~rises].mean()


def test_a_trace_without_noise_stays_as_it_is(activity):
    clean = deconvolved(activity, np.full(activity.shape, 1e-4))
    assert correlation(clean.light, activity) > 0.995


def test_where_nothing_happens_little_is_left_of_the_noise():
    still = 3 + np.random.default_rng(1).normal(0, NOISE, (200, 40))
    clean = deconvolved(still, np.full(still.shape, NOISE))
    assert np.median(clean.light.std(0)) < 0.6 * NOISE
    np.testing.assert_allclose(clean.light.mean(0), 3, atol=0.2)


def test_pooling_finds_the_minimum(rng):
    """No small change of the events does better."""
    above, weight, left, price = rng.normal(0.5, 1, 30), rng.uniform(0.5, 2, 30), 0.8, 0.7
    fades = np.tril(left ** np.subtract.outer(np.arange(30), np.arange(30)).clip(0))

    def cost(events):
        return (weight * np.square(fades @ events - above)).sum() / 2 + price * events.sum()

    active = deconvolution._pooled(above, weight, left, price)
    events = active - left * np.concatenate([[0], active[:-1]])
    assert events.min() > -1e-12
    for _ in range(200):
        other = np.maximum(events + rng.normal(0, 1e-3, 30) * (rng.random(30) < 0.2), 0)
        assert cost(other) >= cost(events) - 1e-9


def test_too_few_frames_tell_nothing():
    assert deconvolved(np.ones((5, 2)), np.ones((5, 2))) is None
