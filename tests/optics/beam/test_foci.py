"""The formulas of the foci against pupils that are propagated numerically."""

import numpy as np
import pytest
from scipy.special import ai_zeros, airy

from napari_microdiffusion.errors import UsageError
from napari_microdiffusion.optics.beam.foci import (
    MAIN_LOBE,
    SIDE_LOBE,
    airy_focus,
    bessel_focus,
    gaussian_focus,
    inner_ratio,
)


def width_of(z: np.ndarray, signal: np.ndarray) -> float:
    """Full width at half maximum of a single peak."""
    level = signal / signal.max()
    top = int(level.argmax())
    left = np.interp(0.5, level[: top + 1], z[: top + 1])
    right = np.interp(0.5, level[top:][::-1], z[top:][::-1])
    return float(right - left)


def axial_signal(z: np.ndarray, na: float, inner: float, wavelength: float, index: float) -> np.ndarray:
    """Intensity on the axis: plane waves from a pupil sampled evenly on a square grid, summed."""
    u = np.linspace(-na, na, 601)
    squared = u[:, None] ** 2 + u[None] ** 2
    waves = squared[(squared <= na**2) & (squared >= inner**2)]
    # Plane waves of one axial wave number add up alike: a histogram of them is their sum.
    axial = np.sqrt(index**2 - waves) / wavelength
    counts, edges = np.histogram(axial, 300)
    middle = (edges[1:] + edges[:-1]) / 2
    return np.asarray(np.abs(np.exp(2j * np.pi * z[:, None] * middle) @ counts) ** 2)


@pytest.mark.parametrize("photons", [1, 2])
@pytest.mark.parametrize(("na", "ratio"), [(0.4, 0.8), (0.6, 0.9), (0.7, 0.5)])
def test_bessel_focus(na, ratio, photons):
    focus = bessel_focus(na, 0.94, 1.33, photons, inner_ratio=ratio)
    z = np.linspace(-1, 1, 301) * focus.axial_fwhm
    signal = axial_signal(z, na, na * ratio, 0.94, 1.33) ** photons
    assert focus.axial_fwhm == pytest.approx(width_of(z, signal), rel=0.02)


@pytest.mark.parametrize("photons", [1, 2])
@pytest.mark.parametrize("na", [0.3, 0.8, 1.0])
def test_gaussian_focus(na, photons):
    focus = gaussian_focus(na, 0.92, 1.33, photons)
    z = np.linspace(-1, 1, 301) * focus.axial_fwhm
    signal = axial_signal(z, na, 0, 0.92, 1.33) ** photons
    assert focus.axial_fwhm == pytest.approx(width_of(z, signal), rel=0.04)


def test_thin_annuli_make_long_foci():
    widths = [bessel_focus(0.4, 0.94, inner_ratio=ratio).axial_fwhm for ratio in (0.0, 0.5, 0.9, 0.97)]
    assert widths == sorted(widths)
    # Welford: 1/(1 - ratio^2) times as long, at low aperture.
    thin, full = (bessel_focus(0.1, 0.94, inner_ratio=ratio).axial_fwhm for ratio in (0.9, 0.0))
    assert thin / full == pytest.approx(1 / (1 - 0.81), rel=0.01)


def test_annulus_in_the_back_focal_plane():
    # A 16x objective with a tube lens of 200 mm: its pupil at NA 0.6 is 7.5 mm in radius.
    assert inner_ratio(0.6, 0.75, 200 / 16) == pytest.approx(0.9)


def airy_slices(z, x, shift, na, wavelength, index, cubic_phase):
    """Intensity at (z, x + shift of z) of a pupil with cubic phase along one axis: Fresnel propagation."""
    u = np.linspace(-2.5, 2.5, 2001)
    pupil = np.exp(-(u**2) + 2j * np.pi * cubic_phase * u**3)
    kx = 2 * np.pi * na / wavelength * u
    k = 2 * np.pi * index / wavelength
    spectra = pupil * np.exp(1j * (np.outer(shift, kx) - np.outer(z, kx**2) / (2 * k)))
    return np.abs(spectra @ np.exp(1j * np.outer(kx, x))) ** 2


@pytest.mark.parametrize("photons", [1, 2])
@pytest.mark.parametrize("cubic_phase", [3.0, 8.0])
def test_airy_focus(cubic_phase, photons):
    na, wavelength, index = 0.4, 0.94, 1.33
    focus = airy_focus(na, wavelength, index, photons, cubic_phase=cubic_phase, axes=1)
    z = np.linspace(-1, 1, 41) * focus.axial_fwhm
    x = np.linspace(-2, 0.5, 201) * focus.lobe_spacing
    bent = focus.bend * z**2
    images = airy_slices(z, x, bent, na, wavelength, index, cubic_phase)
    main = images.max(axis=1)
    assert width_of(z, main**photons) == pytest.approx(focus.axial_fwhm, rel=0.03)
    # In the frame that moves with the bend the main lobe stays in its place.
    place = x[images.argmax(axis=1)]
    near = np.abs(z) < focus.axial_fwhm / 2
    assert np.ptp(place[near]) < 0.1 * max(bent[near].max(), focus.lobe_spacing)
    # Along the apex's plane, the next maximum is one lobe spacing away.
    centre = images[len(z) // 2]
    peaks = [i for i in range(1, len(x) - 1) if centre[i] > max(centre[i - 1], centre[i + 1])]
    assert x[peaks[-1]] - x[peaks[-2]] == pytest.approx(focus.lobe_spacing, rel=0.05)


def test_lobes_are_where_the_airy_function_is_largest():
    _, turning, heights, _ = ai_zeros(2)
    assert tuple(turning) == pytest.approx((MAIN_LOBE, SIDE_LOBE), abs=1e-8)
    assert heights[0] ** 2 == pytest.approx(airy(MAIN_LOBE)[0] ** 2)


def test_two_axes_bend_along_their_diagonal_and_focus_harder():
    one, two = (airy_focus(0.4, 0.94, cubic_phase=5, axes=axes) for axes in (1, 2))
    assert two.bend == pytest.approx(np.sqrt(2) * one.bend)
    assert two.axial_fwhm == pytest.approx(one.axial_fwhm / np.sqrt(2))
    assert two.lobe_spacing == 0


def test_optics_are_in_slices_and_pixels():
    focus = bessel_focus(0.4, 0.94, inner_ratio=0.9, tilt=45)
    optics = focus.optics((2.0, 0.5, 0.5), direction=90)
    assert optics == {
        "beam": "bessel",
        "width": pytest.approx(focus.axial_fwhm / 2),
        "tilt": pytest.approx(4),
        "direction": pytest.approx(90),
    }
    bend = airy_focus(0.4, 0.94, cubic_phase=5).optics((2.0, 0.5, 0.5))["bend"]
    assert bend == pytest.approx(airy_focus(0.4, 0.94, cubic_phase=5).bend * 8)


def test_oblong_pixels_turn_the_direction():
    # Twice as many pixels to the um along y: 45 degrees in the specimen are steeper in pixels.
    optics = bessel_focus(0.4, 0.94, inner_ratio=0.9, tilt=45).optics((1, 0.5, 1), direction=45)
    assert optics["direction"] == pytest.approx(np.rad2deg(np.arctan(2)))
    assert optics["tilt"] == pytest.approx(np.hypot(2, 1) / np.sqrt(2))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: gaussian_focus(1.4, 0.94),
        lambda: gaussian_focus(0.5, 0),
        lambda: gaussian_focus(0.5, 0.94, 0.9),
        lambda: gaussian_focus(0.5, 0.94, photons=3),
        lambda: bessel_focus(0.5, 0.94, inner_ratio=1),
        lambda: bessel_focus(0.5, 0.94, inner_ratio=0.5, tilt=90),
        lambda: inner_ratio(0.5, 9, 12.5),
        lambda: airy_focus(0.5, 0.94, cubic_phase=0.1),
        lambda: airy_focus(0.5, 0.94, cubic_phase=5, axes=3),
        lambda: gaussian_focus(0.5, 0.94).optics((1, 0, 1)),
    ],
)
def test_what_cannot_be_is_said(wrong):
    with pytest.raises(UsageError, match=r"must be|fit into"):
        wrong()
