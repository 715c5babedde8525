"""Registered stacks, whose borders have no value: refused, or on request left out of all that is measured."""

import dataclasses

import numpy as np
import pytest

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.reconstruction.events import Finished, SliceReady

N = 4


@pytest.fixture(scope="module")
def whole(measure):
    rng = np.random.default_rng(7)
    found = measure(height=44, width=48)
    noisy = found.projections + rng.normal(0, 60, found.projections.shape).astype(np.float32)
    return dataclasses.replace(found, projections=noisy)


@pytest.fixture(scope="module")
def gaps(whole) -> np.ndarray:
    gaps = np.zeros(whole.projections.shape, bool)
    gaps[:, :2] = gaps[1, :, 41:] = gaps[3, 39:] = True
    return gaps


@pytest.fixture(scope="module")
def registered(whole, gaps):
    return dataclasses.replace(whole, projections=np.where(gaps, np.nan, whole.projections))


def test_without_being_asked_for_they_are_refused_and_the_setting_is_named(registered, configure, record):
    with pytest.raises(UserError, match=r"NaN .*choose mask missing \(--mask-missing\)"):
        record(registered, configure())


def test_they_have_no_value_in_volume_and_uncertainty(registered, gaps, configure, record):
    run = record(registered, configure(samples=1, steps=2, keep_samples=True, mask_missing=True))
    expected = gaps.repeat(N, axis=0)
    result = run.result
    for volume in (result.volume, result.uncertainty, result.guide, *result.samples):
        np.testing.assert_array_equal(np.isnan(volume), expected)
    assert any("have no value" in notice for notice in result.notices)
    # Nor in anything that was shown on the way.
    for event in run.of(SliceReady):
        np.testing.assert_array_equal(np.isnan(event.plane), expected[event.z, *event.region.index])


def test_what_is_measured_of_the_stack_leaves_them_out(registered, whole, gaps, configure, record):
    def facts_of(measurement, **settings):
        result = record(
            measurement, configure(guide="logspline", diffusion="off", mask_missing=True, **settings)
        ).result
        return result.noise["read_noise"], result.misfit, result.reprojection_max

    noise, misfit, reprojection = facts_of(registered)
    expected = facts_of(whole)
    # A border filled with zeros or with copies would halve the noise or make a misfit of its own.
    assert noise == pytest.approx(expected[0], rel=0.25)
    assert misfit == pytest.approx(expected[1], abs=0.15)
    assert facts_of(registered, consistency="exact")[2] < 1e-5
    assert reprojection > 1e-5


def test_far_from_them_the_volume_is_as_if_nothing_were_missing(registered, whole, configure, record):
    settings = configure(guide="logspline", diffusion="off", consistency="exact", mask_missing=True)
    far = np.s_[:, 14:26, 12:30]
    volumes = [record(measurement, settings).result.volume[far] for measurement in (registered, whole)]
    span = float(np.ptp(whole.projections))
    assert np.abs(volumes[0] - volumes[1]).mean() < 0.01 * span


def test_where_nothing_is_missing_the_setting_changes_no_byte(whole, configure, record):
    one, other = (
        record(whole, configure(samples=1, steps=2, mask_missing=masked)).result for masked in (False, True)
    )
    np.testing.assert_array_equal(one.volume, other.volume)
    np.testing.assert_array_equal(one.uncertainty, other.uncertainty)


@pytest.mark.parametrize("optics", [{"beam": "bessel"}, {"bend": 0.05, "views": 2}])
def test_through_beams_that_leave_their_slab(measure, optics, configure, record):
    measurement = measure(height=20, width=22, **optics)
    gaps = np.zeros(measurement.projections.shape, bool)
    gaps[1, :, :3] = True
    registered = dataclasses.replace(measurement, projections=np.where(gaps, np.nan, measurement.projections))
    result = record(registered, configure(guide="logspline", diffusion="off", mask_missing=True)).result
    slabs = gaps.reshape(-1, 5, 20, 22).any(0)
    np.testing.assert_array_equal(np.isnan(result.volume), slabs.repeat(N, axis=0))


def test_a_projection_that_is_lost_as_a_whole_costs_its_slab_alone(whole, configure, record):
    lost = whole.projections.copy()
    lost[2] = np.nan
    run = record(
        dataclasses.replace(whole, projections=lost),
        configure(guide="logspline", diffusion="off", mask_missing=True),
    )
    assert np.isnan(run.result.volume[2 * N : 3 * N]).all()
    assert np.isfinite(np.delete(run.result.volume, np.s_[2 * N : 3 * N], axis=0)).all()


def test_a_stack_without_any_value_is_refused(whole, configure, record):
    nothing = dataclasses.replace(whole, projections=np.full_like(whole.projections, np.nan))
    with pytest.raises(UserError, match="no pixel has a value"):
        record(nothing, configure(mask_missing=True))


def test_flicker_is_judged_without_them(measure, configure, record):
    whole = measure(slabs=9)
    dim = whole.projections.copy()
    dim[2] *= 0.6
    registered = dim.copy()
    registered[:, :, :10] = np.nan
    gains = [
        record(
            dataclasses.replace(whole, projections=stack),
            configure(guide="nearest", diffusion="off", light="flicker", mask_missing=True),
        )
        .of(Finished)[0]
        .result.provenance["light"]
        for stack in (registered, dim[:, :, 10:])
    ]
    assert gains[0] == gains[1]
    assert gains[0][2] == pytest.approx(0.6, abs=0.1)
