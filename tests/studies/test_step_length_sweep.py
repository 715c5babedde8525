"""Quality against step length, headless."""

import numpy as np
import pytest

from napari_microdiffusion.errors import Cancelled, UsageError, UserError
from napari_microdiffusion.optics import Acquisition, DetectorNoise, check_step_lengths, simulate_projections
from napari_microdiffusion.reconstruction.events import CancelToken
from napari_microdiffusion.settings.method import ReconstructionConfig
from napari_microdiffusion.specimens import make_specimen
from napari_microdiffusion.studies.step_length_sweep import (
    SweepPoint,
    SweepProgress,
    deepest,
    sweep,
)


@pytest.fixture(scope="module")
def volume():
    return make_specimen("vasculature", (25, 32, 32), 3) * np.float32(1000)


def at(*step_lengths: int, **beam) -> list[Acquisition]:
    """The beam at several step lengths."""
    return [Acquisition(step_length=n, **beam) for n in step_lengths]


def test_quality_falls_with_the_step_length(volume):
    steps = list(sweep(volume, at(8, 2, 4)))
    points = [step for step in steps if isinstance(step, SweepPoint)]
    shares = [step.fraction for step in steps if isinstance(step, SweepProgress)]
    assert shares == sorted(shares)
    assert [point.step_length for point in points] == [2, 4, 8]
    assert [point.slices for point in points] == [24, 24, 24]
    psnr = [point.metrics["psnr"] for point in points]
    assert psnr == sorted(psnr, reverse=True)
    assert points[0].by_linear["psnr"] < psnr[0]


def test_noise_and_beam_reach_the_projections(volume):
    noise = DetectorNoise(photons=20, read_noise=5, seed=3)
    nearest = ReconstructionConfig(guide="nearest", diffusion="off", samples=0, consistency="none")
    (point,) = (
        step
        for step in sweep(volume, at(5, beam="bessel"), nearest, noise=noise)
        if isinstance(step, SweepPoint)
    )
    (clean,) = (step for step in sweep(volume, at(5), nearest) if isinstance(step, SweepPoint))
    assert point.metrics["psnr"] < clean.metrics["psnr"]
    same = simulate_projections(
        volume, Acquisition(step_length=5, beam="bessel"), photons=20, read_noise=5, seed=3
    )
    assert same.shape == (5, 32, 32)


def test_the_deepest_beam_is_the_last_good_one():
    points = [
        SweepPoint(n, 24, {"null_space_r2": r2}, {}) for n, r2 in ((2, 0.9), (4, 0.6), (6, 0.4), (8, 0.5))
    ]
    assert deepest(points).step_length == 4
    assert deepest(points, at_least=0.95) is None


def test_it_can_be_cancelled_and_stopped(volume):
    token = CancelToken()
    running = sweep(volume, at(2, 4), cancel=token)
    next(running)
    token.cancel()
    with pytest.raises(Cancelled):
        list(running)
    token = CancelToken()
    points = []
    for step in sweep(volume, at(2, 4, 8), cancel=token):
        if isinstance(step, SweepPoint):
            points.append(step)
            token.stop()
    assert [point.step_length for point in points] == [2]


@pytest.mark.parametrize("wrong", [(), (1,), (13,), (65,)])
def test_step_lengths_that_cannot_be_are_refused(wrong):
    with pytest.raises(UsageError, match="step length"):
        check_step_lengths(wrong, 25)


def test_what_is_no_volume_is_refused():
    with pytest.raises(UserError, match="stack of slices"):
        next(sweep(np.zeros((4, 4)), at(2)))
    with pytest.raises(UserError, match="same value"):
        list(sweep(np.zeros((8, 4, 4)), at(2)))
