"""What an acquisition accepts, and the profiles of its beams."""

import numpy as np
import pytest
from pydantic import ValidationError

from napari_microdiffusion.optics import Acquisition
from napari_microdiffusion.optics.beam.sampling import BEAMS, axial_profile


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
    sampled = Acquisition(step_length=n, beam=beam).sampled_beam
    assert (sampled.weights > 0).all()
    assert sampled.weights.sum() == pytest.approx(1)
    # Centred on the slab: as many slices before it as behind.
    assert (len(sampled.profile) - n) % 2 == 0
    assert sampled.first == (n - len(sampled.profile)) // 2


def test_the_uniform_beam_is_uniform_and_the_others_have_their_shapes():
    assert Acquisition(step_length=6).is_uniform
    bessel, airy = axial_profile("bessel", 9), axial_profile("airy", 9, apex=-3)
    np.testing.assert_allclose(bessel, bessel[::-1])
    peak = int(bessel.argmax())
    # Half the maximum at half the width from the centre: the step length is the full width at half maximum.
    assert np.interp(4.5, np.arange(6), bessel[peak : peak + 6] / bessel[peak]) == pytest.approx(
        0.5, abs=0.02
    )
    assert airy.argmax() == len(airy) // 2 - 3


@pytest.mark.parametrize(("width", "ends"), [(6, 1), (4.8, 0.4), (7.2, 0.6), (3, 0.5)])
def test_the_slices_at_the_ends_of_a_uniform_beam_count_as_far_as_they_lie_in_it(width, ends):
    weights = axial_profile("uniform", 6, width)
    inside = weights[weights > 0]
    np.testing.assert_allclose(inside[[0, -1]] / inside.max(), ends)
    np.testing.assert_allclose(inside[1:-1], inside.max())


def test_only_a_straight_beam_within_its_slab_is_disjoint():
    assert Acquisition(step_length=6, width=5).is_disjoint
    for leaves in ({"width": 7}, {"beam": "bessel"}, {"tilt": 0.1}, {"bend": 0.1}):
        acquisition = Acquisition(step_length=6, **leaves)
        assert not acquisition.is_disjoint
        np.testing.assert_allclose(acquisition.profile, 1 / 6)


def test_bend_and_tilt_displace_along_the_direction():
    beam = Acquisition(step_length=5, bend=0.25, apex=-2, tilt=0.5, direction=90).sampled_beam
    depth = np.arange(5) - 2
    np.testing.assert_allclose(beam.displacement[:, 0], 0.5 * depth + 0.25 * (depth + 2) ** 2)
    np.testing.assert_array_equal(beam.displacement[:, 1], 0)
    np.testing.assert_array_equal(beam.mirrored().displacement, -beam.displacement)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"views": 2}, "straight beam"),
        ({"displacement": ((0, 1),)}, "needs the axial_profile"),
        ({"axial_profile": (1, 1, 1), "displacement": ((0, 1),)}, "1 entries"),
        ({"axial_profile": (1, 1)}, "even number"),
        ({"width": 0}, "greater than 0"),
    ],
)
def test_beams_that_make_no_sense_are_refused(settings, words):
    with pytest.raises(ValidationError, match=words):
        Acquisition(step_length=3, **settings)


def test_noise_variance_is_gain_times_light_plus_read_noise():
    acquisition = Acquisition(step_length=2, dark_level=10, photon_gain=0.5, read_noise=3)
    assert acquisition.has_noise_model
    bright = np.full((2, 4, 4), 110.0)
    np.testing.assert_allclose(acquisition.noise_variance(bright), 0.5 * 100 + 9)
    np.testing.assert_allclose(acquisition.noise_variance(np.zeros((2, 4, 4))), 9)
    assert not Acquisition(step_length=2).has_noise_model


@pytest.mark.parametrize("beam", BEAMS)
@pytest.mark.parametrize("n", [5, 6])
@pytest.mark.parametrize("width", [0.02, 5e-324])
def test_a_beam_far_narrower_than_a_slice_is_seen_by_those_around_its_middle(beam, n, width):
    weights = axial_profile(beam, n, width)
    middle = [n // 2] if n % 2 else [n // 2 - 1, n // 2]
    np.testing.assert_allclose(weights[middle], 1 / len(middle))
    assert weights.sum() == pytest.approx(1)
