"""Each beam as its optics make it, and what the program takes of it, for docs/beams.md.

    python benchmarks/beams_figure.py docs/images

Writes beam-NAME.png for each. On the left the two-photon signal, computed from the pupil; on the right the
signal along the beam (line), the weights of the slices (bars), the slab (shaded).
"""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from scipy.special import airy, j0

from napari_microdiffusion.optics import Acquisition
from napari_microdiffusion.optics.beam.foci import airy_focus, bessel_focus, gaussian_focus

WAVELENGTH, INDEX = 0.94, 1.33
VOXEL = (2.0, 0.25, 0.25)
STEP_LENGTH = 8
# The first zero of the Airy function, where the main lobe ends.
FIRST_ZERO = -2.338


@dataclass(frozen=True, eq=False)
class Picture:
    """A beam in the plane of its bend: two-photon signal (x, z) at positions in um, and its acquisition."""

    name: str
    title: str
    z: np.ndarray
    x: np.ndarray
    signal: np.ndarray
    acquisition: Acquisition


def round_focus(
    z: np.ndarray, x: np.ndarray, na: float, inner: float, tilt: float = 0.0, waves: int = 400
) -> np.ndarray:
    """Scalar Debye integral over an annulus, signal (x, z); `tilt` in degrees turns it about the origin."""
    angle = np.deg2rad(tilt)
    along = z[None, :] * np.cos(angle) + x[:, None] * np.sin(angle)
    across = x[:, None] * np.cos(angle) - z[None, :] * np.sin(angle)
    k = 2 * np.pi * INDEX / WAVELENGTH
    low, high = np.arcsin(inner / INDEX), np.arcsin(na / INDEX)
    theta = np.linspace(low, high, waves)
    field = np.zeros(across.shape, complex)
    for angle_of_wave in theta:
        sine, cosine = np.sin(angle_of_wave), np.cos(angle_of_wave)
        field += sine * j0(k * across * sine) * np.exp(1j * k * along * cosine)
    return np.abs(field) ** 4


def airy_focus_signal(z: np.ndarray, x: np.ndarray, na: float, cubic_phase: float) -> np.ndarray:
    """Fresnel propagation of a Gaussian pupil with cubic phase along one axis, signal (x, z)."""
    u = np.linspace(-2.5, 2.5, 2001)
    pupil = np.exp(-(u**2) + 2j * np.pi * cubic_phase * u**3)
    kx, k = 2 * np.pi * na / WAVELENGTH * u, 2 * np.pi * INDEX / WAVELENGTH
    spectra = pupil * np.exp(-1j * np.outer(z, kx**2) / (2 * k))
    return np.asarray(np.abs(spectra @ np.exp(1j * np.outer(kx, x))).T ** 4)


def pictures() -> list[Picture]:
    """Every beam of the page."""
    z, x = np.linspace(-32, 32, 321), np.linspace(-8, 8, 161)
    gaussian = gaussian_focus(0.32, WAVELENGTH, INDEX)
    bessel = bessel_focus(0.5, WAVELENGTH, INDEX, inner_ratio=0.78)
    tilted = bessel_focus(0.5, WAVELENGTH, INDEX, inner_ratio=0.78, tilt=12)
    airy = airy_focus(0.4, WAVELENGTH, INDEX, cubic_phase=2, axes=1)
    long_z = np.linspace(-180, 180, 361)
    wide_x = np.linspace(-14, 22, 241)
    shown = round_focus(z, x, 0.5, 0.39)
    uniform = Acquisition(step_length=STEP_LENGTH)
    flat = np.where(np.abs(z) <= STEP_LENGTH * VOXEL[0] / 2, 1.0, 0.0) * np.exp(-((x[:, None] / 0.3) ** 2))
    return [
        Picture("uniform", "Uniform: the paper's idealisation", z, x, flat, uniform),
        Picture("gaussian", "Gaussian focus, NA 0.32", z, x, round_focus(z, x, 0.32, 0), _made(gaussian)),
        Picture("bessel", "Bessel beam, annulus NA 0.39 to 0.5", z, x, shown, _made(bessel)),
        Picture("tilted", "Bessel beam tilted by 12°", z, x, round_focus(z, x, 0.5, 0.39, 12), _made(tilted)),
        Picture(
            "airy",
            "Airy beam, NA 0.4, cubic phase of 2 waves along x",
            long_z,
            wide_x,
            airy_focus_signal(long_z, wide_x, 0.4, 2),
            _made(airy, (20.0, 0.25, 0.25), side_lobes=3),
        ),
    ]


def _made(focus: Any, voxel: tuple[float, float, float] = VOXEL, **more: Any) -> Acquisition:
    return Acquisition(step_length=STEP_LENGTH, **focus.optics(voxel), **more)


def draw(picture: Picture, path: Path) -> None:
    """Save one figure."""
    dz = 20.0 if picture.name == "airy" else VOXEL[0]
    dx, beam = VOXEL[2], picture.acquisition.sampled_beam
    depth = (beam.slices - (STEP_LENGTH - 1) / 2) * dz
    figure = Figure(figsize=(8, 2.5), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    level = picture.signal / picture.signal.max()
    extent = (picture.z[0], picture.z[-1], picture.x[0], picture.x[-1])
    left.imshow(level**0.5, extent=extent, origin="lower", aspect="auto", cmap="magma")
    # The taps lie where the main lobe is, which at the apex is a little beside the axis.
    start = picture.x[picture.signal[:, np.abs(picture.z).argmin()].argmax()]
    left.scatter(
        depth, beam.displacement[:, 1] * dx + start, s=60 * beam.weights / beam.weights.max(), c="cyan"
    )
    left.set(title=picture.title, xlabel="z (µm)", ylabel="x (µm)", xlim=extent[:2], ylim=extent[2:])
    left.title.set_fontsize(9)
    along = level.max(axis=0)
    right.plot(picture.z, along / along.max(), color="black", lw=1.2, label="brightest along x")
    first = (beam.first - (STEP_LENGTH - 1) / 2) * dz
    centres = first + np.arange(len(beam.profile)) * dz
    profile = beam.profile / beam.profile.max()
    right.bar(centres, profile, 0.85 * dz, color="tab:blue", alpha=0.5, label="slices' weights")
    slab = STEP_LENGTH * dz / 2
    right.axvspan(-slab, slab, color="gray", alpha=0.2, label=f"slab of {STEP_LENGTH} slices")
    right.set(xlabel="z (µm)", ylabel="relative to the largest", xlim=extent[:2], ylim=(0, 1.05))
    right.legend(fontsize=7, loc="upper right")
    figure.savefig(path, dpi=110)


def compare_airy(truncation: float) -> tuple[float, float, float]:
    """The exact finite-energy Airy beam against a Gaussian axial profile, for two photons.

    Returns
    -------
    tuple of float
        Width at half maximum of the main lobe's light and of all light, in units of k x0^2; largest departure
        of the former from a Gaussian of that width.
    """
    s = np.arange(-60, 12, 0.01)
    xi = np.linspace(-1, 1, 201) * 3 / np.sqrt(truncation)
    field = airy(s + 1j * truncation * xi[:, None])[0]
    signal = (np.abs(field) ** 2 * np.exp(2 * truncation * s - truncation * xi[:, None] ** 2 / 2)) ** 2
    everything, main = signal.sum(axis=1), signal[:, s > FIRST_ZERO].sum(axis=1)
    widths = [_full_width(xi, light) for light in (main, everything)]
    gaussian = np.exp(-4 * np.log(2) * (xi / widths[0]) ** 2)
    return widths[0], widths[1], float(np.abs(main / main.max() - gaussian).max())


def _full_width(z: np.ndarray, light: np.ndarray) -> float:
    level, top = light / light.max(), int(light.argmax())
    left = np.interp(0.5, level[: top + 1], z[: top + 1])
    right = np.interp(-0.5, -level[top:], z[top:])
    return float(right - left)


def main() -> None:
    """Draw and save."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    for picture in pictures():
        draw(picture, folder / f"beam-{picture.name}.png")
    for truncation in (0.01, 0.03, 0.05, 0.1):
        lobe, everything, departure = compare_airy(truncation)
        print(
            f"Airy, a = {truncation}: all light {everything / lobe:.3f} as wide as the main lobe's, ", end=""
        )
        print(f"which departs from a Gaussian by {departure:.4f}")


if __name__ == "__main__":
    main()
