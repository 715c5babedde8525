"""From a microscope's optics to the numbers of a beam; lengths in micrometres."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ...errors import UsageError

WATER = 1.33

# The largest value of Ai^2 and where it lies, for the main lobe and the first side lobe.
MAIN_LOBE = -1.0187929716
SIDE_LOBE = -3.2481975822


@dataclass(frozen=True)
class Focus:
    """The focus of a microscope in micrometres.

    Attributes
    ----------
    beam : {"gaussian", "bessel", "airy"}
    axial_fwhm : float
        Full width at half maximum of the signal along the axis, in um.
    bend : float
        Lateral displacement per squared axial distance from the apex, in um per um^2.
    tilt : float
        Between the beam and the axis, in degrees.
    lobe_spacing : float
        From the main lobe to the first side lobe, against the bend, in um; zero without side lobes along it.
    """

    beam: Literal["gaussian", "bessel", "airy"]
    axial_fwhm: float
    bend: float = 0.0
    tilt: float = 0.0
    lobe_spacing: float = 0.0

    def optics(self, spacing: Sequence[float], direction: float = 0.0) -> dict[str, Any]:
        """The focus as fields of `Acquisition`, for voxels of a size.

        Parameters
        ----------
        spacing : sequence of 3 floats
            Of the volume's slices, rows and columns (dz, dy, dx), in um.
        direction : float
            In the specimen, where bend and tilt displace to: 0 along x, 90 along y, in degrees.

        Returns
        -------
        dict
            `beam`, `width`, and where they are not zero `bend`, `tilt`, `direction`; `lobe_spacing` where
            there are side lobes along the bend.
        """
        dz, dy, dx = (_positive(value, "the voxel size") for value in spacing)
        angle = np.deg2rad(direction)
        heading = np.array([np.sin(angle) / dy, np.cos(angle) / dx])
        pixels = float(np.hypot(*heading))
        fields: dict[str, Any] = {"beam": self.beam, "width": self.axial_fwhm / dz}
        if self.bend:
            fields["bend"] = self.bend * dz**2 * pixels
        if self.tilt:
            fields["tilt"] = float(np.tan(np.deg2rad(self.tilt))) * dz * pixels
        if (self.bend or self.tilt) and direction:
            fields["direction"] = float(np.rad2deg(np.arctan2(*heading)))
        if self.lobe_spacing:
            fields["lobe_spacing"] = self.lobe_spacing * pixels
        return fields

    def describe(self, fields: dict[str, Any]) -> list[str]:
        """The focus in words, a line each, with `fields` as `optics` gives them."""
        lines = [f"Axial width {self.axial_fwhm:.3g} µm = {fields['width']:.3g} slices (half maximum)"]
        if "bend" in fields:
            lines.append(f"Bend {self.bend:.3g} µm per µm² = {fields['bend']:.3g} pixels per slice²")
        if "lobe_spacing" in fields:
            lines.append(f"First side lobe {fields['lobe_spacing']:.3g} pixels from the main lobe")
        if "tilt" in fields:
            lines.append(f"Tilt {fields['tilt']:.3g} pixels per slice")
        return lines


def gaussian_focus(na: float, wavelength: float, index: float = WATER, photons: int = 2) -> Focus:
    """The focus of an objective whose pupil is filled.

    The axial 1/e radius of the two-photon signal is 0.532 wavelength / (sqrt(2) (n - sqrt(n^2 - NA^2)))
    (Zipfel, Williams and Webb, Nature Biotechnology 21, 1369, 2003); without the sqrt(2) that of the
    intensity. The full width at half maximum is 2 sqrt(ln 2) such radii.

    Parameters
    ----------
    na : float
        Numerical aperture that the beam fills, below `index`.
    wavelength : float
        Of the excitation in vacuum, in um.
    index : float
        Refractive index of the specimen.
    photons : {1, 2}
        That are absorbed at once; two square the intensity.
    """
    _check(na, wavelength, index, photons)
    radius = 0.532 * wavelength / (np.sqrt(photons) * (index - np.sqrt(index**2 - na**2)))
    return Focus("gaussian", float(2 * np.sqrt(np.log(2)) * radius))


def bessel_focus(
    na: float,
    wavelength: float,
    index: float = WATER,
    photons: int = 2,
    *,
    inner_ratio: float,
    tilt: float = 0.0,
) -> Focus:
    """The focus of a thin annulus of light in the objective's pupil.

    Plane waves whose axial wave numbers fill the range between those of the annulus's edges evenly add up on
    the axis to the intensity sinc^2(z (cos a_in - cos a_out) n / wavelength), sinc(x) = sin(pi x)/(pi x)
    (Born and Wolf, Principles of Optics, 7th ed., 8.8; for the annulus, which makes the depth of focus
    1/(1 - ratio^2) times as long at low aperture, Welford, J. Opt. Soc. Am. 50, 749, 1960). Two photons
    square it (Botcherby, Juskaitis and Wilson, Opt. Commun. 268, 253, 2006).

    Parameters
    ----------
    na, wavelength, index, photons
        As `gaussian_focus`; `na` is that of the annulus's outer edge.
    inner_ratio : float
        Inner radius of the annulus over the outer, from 0 to below 1.
    tilt : float
        Of the beam against the axis, in degrees.
    """
    _check(na, wavelength, index, photons)
    if not 0 <= inner_ratio < 1:
        raise UsageError(
            f"the annulus's inner radius is {inner_ratio:g} times the outer, but it must be from 0 to below 1"
        )
    if not -60 <= tilt <= 60:
        raise UsageError(f"the tilt is {tilt:g} degrees, but it must be from -60 to 60")
    outer, inner = (np.sqrt(1 - (aperture / index) ** 2) for aperture in (na, na * inner_ratio))
    return Focus("bessel", _sinc_width(photons) * wavelength / (index * float(inner - outer)), tilt=tilt)


def inner_ratio(na: float, thickness: float, focal_length: float) -> float:
    """Inner over outer radius of an annulus of known thickness in the objective's back focal plane.

    A ray through the back focal plane at radius r has the numerical aperture r / f (Abbe's sine condition).

    Parameters
    ----------
    na : float
        Of the outer edge.
    thickness : float
        Of the annulus in the back focal plane, in mm.
    focal_length : float
        Of the objective, in mm: that of its tube lens over its magnification.
    """
    ratio = 1 - thickness / (_positive(na, "the aperture") * _positive(focal_length, "the focal length"))
    if not 0 <= ratio < 1:
        raise UsageError(
            f"an annulus {thickness:g} mm thick does not fit into a back focal plane of radius "
            f"{na * focal_length:.3g} mm; its thickness must be above zero and at most that"
        )
    return ratio


def airy_focus(
    na: float,
    wavelength: float,
    index: float = WATER,
    photons: int = 2,
    *,
    cubic_phase: float,
    axes: int = 2,
) -> Focus:
    """The focus of a Gaussian pupil with a cubic phase: a finite-energy Airy beam.

    Along one axis, with s = x/x0 and xi = z/(k x0^2), its amplitude is
    Ai(s - (xi/2)^2 + i a xi) exp(a s - a xi^2/2) times a phase (Siviloglou and Christodoulides, Opt. Lett.
    32, 979, 2007), so that it bends as x = z^2 / (4 k^2 x0^3), k = 2 pi n / wavelength. Its spectrum, but for
    a shift exp(-a K^2 + i K^3/3), K = x0 kx (same source), is that pupil: with the phase 2 pi A u^3
    (Vettenburg et al., Nature Methods 11, 541, 2014) and the amplitude exp(-u^2), u = kx wavelength / (2 pi
    NA), x0 = (6 pi A)^(1/3) wavelength / (2 pi NA) and a = (6 pi A)^(-2/3). The main lobe falls off as
    exp(-a (1 + 2 a s0) xi^2 / 2) around its apex, s0 = -1.019 where Ai^2 is largest (from the amplitude
    above, to second order), per axis and photon.

    Parameters
    ----------
    na, wavelength, index, photons
        As `gaussian_focus`; `na` is where the intensity in the pupil has fallen to 1/e^2.
    cubic_phase : float
        A: the phase at that radius, in waves. 2 or more; below, there is no Airy beam.
    axes : {1, 2}
        Lateral axes along which the phase is cubic. Along both, the beam bends along their diagonal, sqrt(2)
        times as much, and its side lobes lie along the axes, not along the bend.
    """
    _check(na, wavelength, index, photons)
    if not 2 <= cubic_phase <= 1000:
        raise UsageError(f"the cubic phase is {cubic_phase:g} waves, but it must be from 2 to 1000")
    if axes not in (1, 2):
        raise UsageError(f"the phase is cubic along {axes} axes, but it must be 1 or 2")
    strength = (6 * np.pi * cubic_phase) ** (1 / 3)
    x0, truncation = strength * wavelength / (2 * np.pi * na), strength**-2
    k = 2 * np.pi * index / wavelength
    reach = 2 * np.sqrt(2 * np.log(2) / (axes * photons * truncation * (1 + 2 * truncation * MAIN_LOBE)))
    return Focus(
        "airy",
        axial_fwhm=float(reach * k * x0**2),
        bend=float(np.sqrt(axes) / (4 * k**2 * x0**3)),
        lobe_spacing=float(x0 * (MAIN_LOBE - SIDE_LOBE)) if axes == 1 else 0.0,
    )


def _sinc_width(photons: int) -> float:
    """Full width at half maximum of sinc^2, or of its square for two photons."""
    from scipy.optimize import brentq

    return 2 * float(brentq(lambda x: np.sinc(x) ** (2 * photons) - 0.5, 0.01, 0.9))


def _check(na: float, wavelength: float, index: float, photons: int) -> None:
    _positive(wavelength, "the wavelength")
    if not 1 <= index <= 2:
        raise UsageError(f"the refractive index is {index:g}, but it must be from 1 to 2")
    if not 0 < na < index:
        raise UsageError(
            f"the numerical aperture is {na:g}, but it must be above 0 and below the "
            f"refractive index, {index:g}"
        )
    if photons not in (1, 2):
        raise UsageError(f"photons absorbed at once is {photons}, but it must be 1 or 2")


def _positive(value: float, what: str) -> float:
    if not 0 < value < np.inf:
        raise UsageError(f"{what} is {value:g}, but it must be above zero")
    return float(value)
