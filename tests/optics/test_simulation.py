"""Simulated projections: the mean is the projection, the variance is that of photons and a detector."""

import numpy as np
import pytest

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.optics import Acquisition, ProjectionOperator, simulate_projections
from napari_microdiffusion.optics.simulation import photon_gain


def test_without_noise_it_is_the_operator(rng):
    volume = rng.integers(0, 4000, size=(13, 6, 7)).astype(np.uint16)
    acquisition = Acquisition(step_length=4, axial_profile=(1, 3, 3, 2))
    projections = simulate_projections(volume, acquisition)
    assert projections.dtype == np.float32
    # Thirteen slices are three slabs of four, and one that is dropped.
    assert projections.shape == (3, 6, 7)
    expected = ProjectionOperator(acquisition.profile).project(volume[:12].astype(float))
    np.testing.assert_allclose(projections, expected, rtol=1e-6)


def test_beams_that_reach_beyond_the_volume_see_its_ends_continued():
    volume = np.full((13, 6, 7), 5.0)
    for beam in ({"width": 9}, {"beam": "bessel"}, {"bend": 0.2, "views": 2}):
        acquisition = Acquisition(step_length=4, **beam)
        projections = simulate_projections(volume, acquisition)
        assert projections.shape == (3 * acquisition.views, 6, 7)
        np.testing.assert_allclose(projections, 5, rtol=1e-6)


def test_photon_noise_has_the_variance_of_its_mean():
    level, dark, photons = 50.0, 20.0, 80.0
    volume = np.full((6, 200, 200), dark + level)
    acquisition = Acquisition(step_length=3, dark_level=dark)
    projections = simulate_projections(volume, acquisition, photons=photons, seed=1)
    gain = photon_gain(volume, photons, dark)
    assert gain == pytest.approx(level / photons)
    assert projections.mean() == pytest.approx(dark + level, rel=1e-3)
    assert projections.var() == pytest.approx(gain * level, rel=0.03)
    # Every pixel is a whole number of photons above the dark level.
    counts = (projections - dark) / gain
    np.testing.assert_allclose(counts, np.rint(counts), atol=1e-4)


def test_read_noise_adds_its_variance_everywhere():
    volume = np.zeros((4, 200, 200))
    volume[:2] = 10
    projections = simulate_projections(volume, Acquisition(step_length=2), photons=25, read_noise=1.5, seed=3)
    assert projections[0].var() == pytest.approx(10 * 10 / 25 + 1.5**2, rel=0.03)
    assert projections[1].var() == pytest.approx(1.5**2, rel=0.03)
    assert projections[1].mean() == pytest.approx(0, abs=0.05)


def test_the_acquisition_that_simulated_predicts_the_variance():
    volume = np.full((4, 300, 300), 30.0)
    gain = photon_gain(volume, 60)
    stated = Acquisition(step_length=2, photon_gain=gain, read_noise=0.5)
    projections = simulate_projections(volume, stated, photons=60, read_noise=0.5, seed=2)
    assert stated.noise_variance(projections).mean() == pytest.approx(projections.var(), rel=0.03)


def test_the_same_seed_gives_the_same_noise():
    volume, acquisition = np.full((4, 16, 16), 3.0), Acquisition(step_length=2)
    one, same, other = (
        simulate_projections(volume, acquisition, photons=10, read_noise=0.1, seed=seed) for seed in (4, 4, 5)
    )
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_a_volume_thinner_than_a_slab_is_refused():
    with pytest.raises(UserError, match="5 slices"):
        simulate_projections(np.ones((5, 4, 4)), Acquisition(step_length=6))


@pytest.mark.parametrize("brightness", [0.0, 1.0, 60_000.0])
def test_photons_are_counted_in_an_all_but_empty_volume(brightness):
    volume = np.zeros((12, 40, 40), np.float32)
    volume[3, 7, 9] = brightness
    seen = simulate_projections(volume, Acquisition(step_length=6), photons=100, seed=1)
    assert np.isfinite(seen).all()
    # A thousandth of the brightest voxel makes 100 photons, so the sixth of it in its slab some 16,700.
    assert seen[0, 7, 9] == pytest.approx(brightness / 6, rel=0.05)
    assert np.count_nonzero(seen) == (brightness > 0)


@pytest.mark.parametrize("beam", [{}, {"beam": "bessel"}, {"bend": 0.1, "views": 2}])
@pytest.mark.parametrize("noise", [{}, {"photons": 50, "read_noise": 2.0, "seed": 1}])
def test_pixels_that_see_a_voxel_without_a_value_have_none(beam, noise):
    volume = np.random.default_rng(3).uniform(10, 90, (12, 8, 20)).astype(np.float32)
    acquisition = Acquisition(step_length=4, **beam)
    whole = simulate_projections(volume, acquisition, **noise)
    volume[:, :, :2] = np.nan
    projections = simulate_projections(volume, acquisition, **noise)
    assert np.isnan(projections[:, :, 0]).all()
    assert np.isfinite(projections[:, :, 12:]).all()
    if not noise:
        np.testing.assert_array_equal(projections[:, :, 12:], whole[:, :, 12:])
