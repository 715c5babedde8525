"""Traces as a plot shows them."""

import numpy as np

from napari_microdiffusion.tasks.video.shown_traces import ShownTraces
from napari_microdiffusion.video.traces import Traces


def traces_of(light, rate=None):
    return Traces(light, np.full(light.shape, 2.0), np.zeros((light.shape[1], 3)), rate)


def test_light_and_change_with_their_deviation(rng):
    light = 100 + rng.normal(0, 2, (60, 3))
    light[20:24, 1] += (80, 60, 45, 30)
    traces = traces_of(light, 10.0)
    shown = ShownTraces(traces)
    assert shown.regions == 3
    assert shown.liveliest == 2
    one = shown.of(2, "light")
    np.testing.assert_array_equal(one.values, light[:, 1])
    np.testing.assert_array_equal(one.deviation, 2)
    np.testing.assert_allclose(one.times[-1], 5.9)
    change = shown.of(2, "change")
    np.testing.assert_allclose(change.values, traces.relative_change[:, 1])
    # Without noise it is the same line: what the one rises to, the other does.
    assert change.clean is not None
    np.testing.assert_allclose(change.clean.max(), change.values.max(), rtol=0.15)


def test_a_long_trace_keeps_its_peaks(rng):
    light = 100 + rng.normal(0, 1, (20_000, 1))
    light[12_345] = 500
    one = ShownTraces(traces_of(light)).of(1, "light")
    assert len(one.times) <= 1000
    assert one.values.max() == 500
    assert one.times[one.values.argmax()] == 12_345
    assert (np.diff(one.times) > 0).all()


def test_no_region_is_no_trace():
    shown = ShownTraces(traces_of(np.zeros((5, 0))))
    assert shown.regions == shown.liveliest == 0
