"""Detectors: noise of the strength that is stated, and what is done to frames."""

import numpy as np
import pytest

from napari_microdiffusion.training.detector import Detector, draw_detector

LIGHT = np.full((4, 80, 80), 0.5, np.float32)


@pytest.mark.parametrize(
    "detector",
    [
        Detector(photons=5),
        Detector(photons=300, read_noise=0.05),
        Detector(photons=30, excess=0.6),
        Detector(photons=30, resampling=(0.4, 0.25)),
        Detector(photons=100, line_noise=0.08),
    ],
)
def test_noise_is_as_strong_as_it_is_said_to_be(detector):
    recorded = detector.record(LIGHT, 0.1, np.random.default_rng(0))
    assert recorded.dtype == np.float32
    expected = float(detector.noise_model(0.1).deviation(np.array(0.5)))
    assert (recorded - LIGHT).std() == pytest.approx(expected, rel=0.06)
    assert (recorded - LIGHT).mean() == pytest.approx(0, abs=0.012)


def test_the_variance_grows_with_the_light_that_was_subtracted_too():
    model = Detector(photons=10).noise_model(0.2)
    np.testing.assert_allclose(
        np.square(model.deviation(np.array([-0.2, 0, 0.8]))), [0, 0.02, 0.1], atol=1e-7
    )


def test_without_photons_to_count_the_projections_are_as_they_were(rng):
    detector = Detector()
    np.testing.assert_array_equal(detector.record(LIGHT, 0.1, rng), LIGHT)
    assert detector.noise_model().is_negligible


def test_lines_share_an_offset_and_resampling_makes_neighbours_alike():
    rng = np.random.default_rng(1)
    lines = Detector(photons=1e6, line_noise=0.1).record(LIGHT, 0, rng)
    assert lines.mean(2).std() > 20 * (lines - lines.mean(2, keepdims=True)).std()

    def likeness(recorded):
        noise = recorded - LIGHT
        return float((noise[:, :, 1:] * noise[:, :, :-1]).mean() / noise.var())

    assert abs(likeness(Detector(photons=20).record(LIGHT, 0, rng))) < 0.05
    assert likeness(Detector(photons=20, resampling=(0.0, 0.5)).record(LIGHT, 0, rng)) > 0.4


def test_clipping_cuts_at_the_level_without_light_and_at_the_ceiling():
    rng, dark = np.random.default_rng(2), np.zeros((2, 40, 40), np.float32)
    assert Detector(photons=50, read_noise=0.1).record(dark, 0, rng).min() < -0.1
    assert Detector(photons=50, read_noise=0.1, clips_dark=True).record(dark, 0, rng).min() == 0
    assert Detector(photons=5, ceiling=0.8).record(LIGHT, 0, rng).max() == np.float32(0.8)


def test_detectors_cover_all_light_levels():
    rng = np.random.default_rng(3)
    drawn = [draw_detector(rng) for _ in range(600)]
    photons = np.array([d.photons for d in drawn])
    assert 0.12 < (photons == 0).mean() < 0.25
    lit = photons[photons > 0]
    assert lit.min() < 8
    assert lit.max() > 2500
    assert 0.35 < (lit < np.sqrt(5 * 4000)).mean() < 0.65
    for name in ("excess", "read_noise", "line_noise", "clips_dark"):
        assert 3 <= sum(bool(getattr(d, name)) for d in drawn) < 540
    assert any(any(d.resampling) for d in drawn)
    assert any(np.isfinite(d.ceiling) for d in drawn)
