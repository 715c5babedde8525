"""What an acquisition accepts, and the profiles of its beams."""

import numpy as np
import pytest
from pydantic import ValidationError

from napari_microdiffusion.optics import Acquisition
from napari_microdiffusion.optics.beams import BEAMS, axial_profile


@pytest.mark.parametrize("n", [0, 1, -3, 65, 1000, 1.5, True, None, "six", float("nan"), float("inf")])
def test_a_step_length_outside_2_to_64_is_refused(n):
    with pytest.raises(ValidationError):
        Acquisition(step_length=n)


@pytest.mark.parametrize("n", [2, 64, 6.0, np.int64(6), np.uint8(6)])
def test_whole_numbers_of_any_kind_are_step_lengths(n):
    assert Acquisition(step_length=n).step_length == int(n)


def test_one_and_a_half_slices_are_refused_in_plain_words():
    with pytest.raises(ValidationError, match="must be a whole number of slices"):
        Acquisition(step_length=1.5)


@pytest.mark.parametrize(
    "weights",
    [(1, 1), (1, 1, 1, 1), (0, 0, 0), (1, -1, 1), (1, float("nan"), 1), (1, float("inf"), 1), ()],
)
def test_a_bad_axial_profile_is_refused(weights):
    with pytest.raises(ValidationError, match="axial_profile"):
        Acquisition(step_length=3, axial_profile=weights)


@pytest.mark.parametrize(
    "setting", [{"beam": "laser"}, {"photon_gain": -1}, {"read_noise": -0.1}, {"gain": 1}]
)
def test_other_bad_settings_are_refused(setting):
    with pytest.raises(ValidationError):
        Acquisition(step_length=3, **setting)


def test_a_measured_profile_replaces_the_beam_and_is_normalised():
    acquisition = Acquisition(step_length=3, beam="bessel", axial_profile=(2, 0, 6))
    np.testing.assert_allclose(acquisition.profile, [0.25, 0, 0.75])
    assert not acquisition.is_uniform


@pytest.mark.parametrize("beam", BEAMS)
@pytest.mark.parametrize("n", [2, 3, 6, 17, 64])
def test_every_beam_has_positive_weights_of_sum_one(beam, n):
    weights = Acquisition(step_length=n, beam=beam).profile
    assert weights.shape == (n,)
    assert (weights > 0).all()
    assert weights.sum() == pytest.approx(1)


def test_the_uniform_beam_is_uniform_and_the_others_have_their_shapes():
    assert Acquisition(step_length=6).is_uniform
    bessel, airy = axial_profile("bessel", 9), axial_profile("airy", 9)
    np.testing.assert_allclose(bessel, bessel[::-1])
    assert bessel.argmax() == 4
    # Half the maximum at half the width from the centre: the step length is the full width at half maximum.
    assert np.interp(4.5, np.arange(5), bessel[4:] / bessel[4]) == pytest.approx(0.5, abs=0.1)
    assert airy.argmax() != 4


def test_noise_variance_is_gain_times_light_plus_read_noise():
    acquisition = Acquisition(step_length=2, dark_level=10, photon_gain=0.5, read_noise=3)
    assert acquisition.has_noise_model
    bright = np.full((2, 4, 4), 110.0)
    np.testing.assert_allclose(acquisition.noise_variance(bright), 0.5 * 100 + 9)
    np.testing.assert_allclose(acquisition.noise_variance(np.zeros((2, 4, 4))), 9)
    assert not Acquisition(step_length=2).has_noise_model
