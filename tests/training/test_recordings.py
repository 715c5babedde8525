"""Recordings: light of real detectors, in the unit of what the prior sees, and what is known of the noise."""

import numpy as np
import pytest

from napari_microdiffusion.diffusion.statistics import FEATURES
from napari_microdiffusion.errors import UserError
from napari_microdiffusion.specimens import make_specimen
from napari_microdiffusion.training.detector import Detector
from napari_microdiffusion.training.recordings import (
    draw_acquisition,
    draw_statistics,
    known_noise,
    record,
)
from napari_microdiffusion.training.settings import BatchSettings


@pytest.fixture(scope="module")
def recordings():
    volumes = [make_specimen(kind, (36, 60, 60), 5) for kind in ("vasculature", "nuclei")]
    rng = np.random.default_rng(2)
    settings = BatchSettings(slabs=4, patch=24)
    return [record(volumes, settings, rng) for _ in range(30)]


def test_projections_are_those_of_the_volume_but_for_the_noise(recordings):
    noisy = 0
    for recording in recordings:
        clean = recording.operator.project(recording.volume)
        error = np.sqrt(np.square(recording.measured - clean).mean())
        told = np.sqrt(np.square(recording.noise.deviation(clean)).mean())
        left = np.sqrt(np.square(recording.denoised - clean).mean())
        if told > 0.03:
            noisy += 1
            # Lines, clipping and estimates leave it roughly right.
            assert 0.5 < told / error < 1.7
            assert left < 0.85 * error
        assert recording.measured.shape == recording.denoised.shape == clean.shape
        assert np.isfinite(recording.error)
        assert recording.error > 0
    assert noisy >= 8


def test_without_noise_the_projections_stay_as_they_are(recordings):
    quiet = [r for r in recordings if r.noise.is_negligible]
    assert len(quiet) >= 3
    for recording in quiet:
        np.testing.assert_array_equal(recording.measured, recording.denoised)
        assert recording.noise_left == 0


def test_the_unit_is_that_of_what_the_prior_sees(recordings):
    for recording in recordings:
        low, high = np.percentile(recording.denoised, (0.5, 100))
        assert low == pytest.approx(0, abs=0.02)
        assert 0.5 < high < 3


def test_the_noise_is_known_nearly_or_estimated():
    rng = np.random.default_rng(0)
    detector = Detector(photons=40, read_noise=0.02)
    light = make_specimen("nuclei", (8, 72, 72), 1)
    measured = detector.record(light, 0.1, rng)
    known = [known_noise(detector, measured, 0.1, rng) for _ in range(60)]
    ratios = np.array([float(k.deviation(np.array(0.5))) for k in known]) / np.sqrt(0.6 / 40 + 0.02**2)
    assert np.all((ratios > 0.6) & (ratios < 1.6))
    assert ratios.std() > 0.02
    # What is estimated is the same every time, and has a dark level of its own.
    assert 0.15 < np.mean([k.dark_level != -0.1 for k in known]) < 0.6
    assert len({k.photon_gain for k in known if k.dark_level != -0.1}) == 1


def test_empty_volumes_are_refused():
    with pytest.raises(UserError, match="empty almost everywhere"):
        record(
            [np.ones((24, 24, 24), np.float32)], BatchSettings(slabs=2, patch=16), np.random.default_rng(0)
        )


def test_acquisitions_cover_step_lengths_and_beams():
    rng = np.random.default_rng(0)
    drawn = [draw_acquisition(rng, 56) for _ in range(300)]
    assert {a.step_length for a in drawn} == set(range(2, 17))
    uniform = np.mean([a.is_uniform for a in drawn])
    assert 0.55 < uniform < 0.8
    lopsided = [a for a in drawn if not np.allclose(a.profile, a.profile[::-1])]
    assert len(lopsided) > 20
    assert max(draw_acquisition(rng, 5).step_length for _ in range(40)) <= 5


def test_statistics_are_those_of_some_piece(rng):
    draws, projections = np.random.default_rng(4), rng.random((8, 60, 64), dtype=np.float32)
    told = [draw_statistics(projections, 6, draws) for _ in range(40)]
    assert all(np.isfinite(t).all() for t in told)
    # The piece varies, and the texture's energy with it, but only a little in uniform noise.
    fine = np.array([t[FEATURES.index("fine texture")] for t in told])
    assert 0 < fine.std() < 0.1
