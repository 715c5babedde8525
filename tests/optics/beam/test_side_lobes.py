"""Side lobes against the finite-energy Airy beam on a fine grid."""

from itertools import pairwise

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.special import airy

from napari_microdiffusion.optics import Acquisition
from napari_microdiffusion.optics.beam.foci import airy_focus

VOXEL = (2.0, 0.1, 0.1)


def exact_intensity(z: np.ndarray, x: np.ndarray, x0: float, decay: float, k: float) -> np.ndarray:
    """Siviloglou and Christodoulides' intensity at depths z and lateral positions x, in um."""
    xi, s = z[:, None] / (k * x0**2), x / x0
    field = airy(s - xi**2 / 4 + 1j * decay * xi)[0]
    return np.abs(field) ** 2 * np.exp(2 * decay * s - decay * xi**2)


def test_taps_are_the_light_of_an_airy_beam():
    waves, na, wavelength, index = 6.0, 0.25, 0.94, 1.33
    focus = airy_focus(na, wavelength, index, cubic_phase=waves, axes=1)
    strength, k = (6 * np.pi * waves) ** (1 / 3), 2 * np.pi * index / wavelength
    x0 = strength * wavelength / (2 * np.pi * na)
    fields = focus.optics((focus.axial_fwhm / 8, x0 / 3, x0 / 3))
    beam = Acquisition(step_length=8, side_lobes=3, **fields).sampled_beam
    assert beam.weights.sum() == pytest.approx(1)

    depth = (np.arange(8) - 3.5) * focus.axial_fwhm / 8
    x = np.arange(-14, 8, 0.02) * x0
    exact = exact_intensity(depth, x, x0, strength**-2, k) ** 2
    for index_, z in enumerate(depth):
        bent = x - focus.bend * z**2
        # The main lobe and the first three of the others: between zeros of Ai.
        bounds = np.array([-7.944, -6.787, -5.521, -4.088, -2.338, 9.0]) * x0
        light = [exact[index_][(bent >= a) & (bent < b)].sum() for a, b in pairwise(bounds)]
        here = beam.slices == index_
        ours = beam.weights[here][::-1]
        np.testing.assert_allclose(ours / ours.sum(), light[1:] / np.sum(light[1:]), atol=0.004)
        # Where the light is: displacements are from the main lobe's maximum at the apex.
        first = beam.displacement[here, 1] * x0 / 3
        peak = x[exact[index_].argmax()]
        assert first[0] - 1.019 * x0 == pytest.approx(peak, abs=0.12 * x0)


def test_main_lobe_falls_off_as_a_gaussian():
    """What `axial_profile` takes for the light of an Airy beam's main lobe."""
    for decay in (0.02, 0.05, 0.1):
        xi = np.linspace(-1, 1, 101) * 2.2 / np.sqrt(decay)
        s = np.linspace(-2.338, 4, 400)
        bent = np.abs(airy(s + 1j * decay * xi[:, None])[0]) ** 2
        light = (bent * np.exp(2 * decay * s - decay * xi[:, None] ** 2 / 2)) ** 2
        main = light.sum(axis=1)
        width = 2 * np.sqrt(np.log(2) / (decay * (1 - 2 * 1.0188 * decay)))
        gaussian = np.exp(-4 * np.log(2) * (xi / width) ** 2)
        np.testing.assert_allclose(main / main.max(), gaussian, atol=0.03)


def test_lobes_trail_the_bend():
    for bend in (0.2, -0.2):
        optics = Acquisition(step_length=6, beam="airy", bend=bend, side_lobes=2, lobe_spacing=3.0)
        beam = optics.sampled_beam
        middle = beam.displacement[beam.slices == 2, 1]
        assert np.sign(bend) * np.diff(middle)[0] == pytest.approx(-3.0)
        assert (np.sign(bend) * np.diff(middle) < 0).all()


def test_no_side_lobes_leave_the_beam_as_it_is():
    plain = Acquisition(step_length=6, beam="airy", bend=0.2).sampled_beam
    none = Acquisition(step_length=6, beam="airy", bend=0.2, side_lobes=0, lobe_spacing=3.0).sampled_beam
    np.testing.assert_array_equal(plain.weights, none.weights)
    assert len(plain.slices) == len(none.slices)


@pytest.mark.parametrize("more", [{}, {"bend": 0.1}, {"lobe_spacing": 3.0}])
def test_side_lobes_need_bend_and_spacing(more):
    with pytest.raises(ValidationError, match="side_lobes"):
        Acquisition(step_length=6, beam="airy", side_lobes=2, **more)


def test_lobes_of_a_hardly_bent_beam_are_finite():
    beam = Acquisition(
        step_length=6, beam="airy", bend=1e-3, width=3, side_lobes=2, lobe_spacing=5
    ).sampled_beam
    assert np.isfinite(beam.weights).all()
