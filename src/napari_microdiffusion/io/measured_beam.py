"""A beam as it was measured along its axis, and what an acquisition makes of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from napari_microdiffusion.errors import UserError

Centre = Literal["mass", "maximum"]
Floats = npt.NDArray[np.float64]

TAIL = 0.01
"""Share of the maximum below which a profile is cut."""

# Share of the maximum up to which a negative intensity is noise.
_NOISE = 0.05
# Pixels. Measured displacements below are noise, and a straight beam is much less work.
_STRAIGHT = 0.25


@dataclass(frozen=True, eq=False)
class MeasuredBeam:
    """What was measured of a beam along its axis.

    Attributes
    ----------
    z : ndarray, shape (M,)
        Depth in um, rising, counted as the slices are; where the zero lies does not matter.
    intensity : ndarray, shape (M,)
        Light from there, in any unit, background subtracted, not negative.
    displacement : ndarray, shape (M, 2), optional
        Lateral displacement (y, x) in um; None where it was not measured.
    name : str
        Of the file, for messages.
    """

    z: Floats
    intensity: Floats
    displacement: Floats | None = None
    name: str = "the beam"

    def fields(
        self,
        step_length: int,
        slice_spacing: float,
        pixel_size: Sequence[float] | None = None,
        centre: Centre = "mass",
    ) -> dict[str, Any]:
        """The beam as fields of `Acquisition`.

        Between the measured depths the intensity is taken to be linear, beyond them zero; a slice gets the
        light within it. What is below a hundredth of the maximum is cut at both ends.

        Parameters
        ----------
        step_length : int
            Slices per slab, n.
        slice_spacing : float
            Of the volume to reconstruct, in um.
        pixel_size : sequence of 2 floats, optional
            Of the projections (dy, dx), in um; needed where a displacement was measured.
        centre : {"mass", "maximum"}
            What of the profile comes to lie in the middle of the slab.

        Returns
        -------
        dict
            `axial_profile`, L weights with sum 1, L - n even, and `displacement`, L pairs (y, x) in pixels,
            or None for a beam whose light stays within a quarter of a pixel (root mean square).

        Raises
        ------
        UserError
            If the spacing is not above zero, or the pixel size is needed and not known.
        """
        if not 0 < slice_spacing < np.inf:
            raise UserError(f"the slice spacing is {slice_spacing:g} um, but it must be above zero")
        middle = _mass_centre(self.z, self.intensity)
        if centre == "maximum":
            middle = float(self.z[self.intensity.argmax()])
        reach = max(self.z[-1] - middle, middle - self.z[0]) / slice_spacing
        count = step_length + 2 * max(0, int(np.ceil(reach - step_length / 2)))
        edges = middle + (np.arange(count + 1, dtype=np.float64) - count / 2) * slice_spacing
        weights = _integrals(self.z, self.intensity, edges)
        lit = np.flatnonzero(weights >= TAIL * weights.max())
        beyond = int(min(lit[0], count - 1 - lit[-1]))
        weights[: lit[0]] = weights[lit[-1] + 1 :] = 0
        kept = slice(beyond, count - beyond)
        pixels = self._pixels(edges, weights, pixel_size)
        return {
            "axial_profile": tuple((weights / weights.sum())[kept].tolist()),
            "displacement": None if pixels is None else tuple(map(tuple, pixels[kept].tolist())),
        }

    def _pixels(
        self, edges: Floats, weights: Floats, pixel_size: Sequence[float] | None
    ) -> npt.NDArray[np.float64] | None:
        if self.displacement is None or not self.displacement.any():
            return None
        if pixel_size is None:
            raise UserError(
                f"{self.name} has a lateral displacement in um, but the size of the projections' pixels is "
                "not known; projections with a scale are needed, or a table without displacement"
            )
        moved = np.zeros((len(weights), 2))
        light = _integrals(self.z, self.intensity, edges)
        seen = weights > 0
        for axis in (0, 1):
            drawn = _integrals(self.z, self.intensity * self.displacement[:, axis], edges)
            moved[seen, axis] = drawn[seen] / light[seen] / pixel_size[axis]
        spread = float(np.sqrt(weights @ (moved**2).sum(axis=1) / weights.sum()))
        return np.round(moved, 4) if spread >= _STRAIGHT else None


def checked_beam(beam: MeasuredBeam, lines: list[int] | None = None) -> MeasuredBeam:
    """The beam with rising depth and without negative noise, if it can be one.

    Parameters
    ----------
    beam : MeasuredBeam
        As it was read; its depths may fall.
    lines : list of int, optional
        Of a table, the line that each depth stands in, for messages.

    Raises
    ------
    UserError
        If it is no beam; the sentence names the line or slice.
    """
    name, z, intensity = beam.name, beam.z, beam.intensity

    def where(index: int) -> str:
        return (
            f"{name}, {'slice' if lines is None else 'line'} {index + 1 if lines is None else lines[index]}"
        )

    if len(z) < 3:
        raise UserError(f"{name} has {len(z)} depths; at least 3 are needed.")
    steps = np.diff(z) * (np.sign(z[-1] - z[0]) or 1)
    if (steps <= 0).any():
        index = int(np.argmax(steps <= 0)) + 1
        raise UserError(
            f"{where(index)}: z is {z[index]:g} after {z[index - 1]:g}; it must rise from row to row."
        )
    top = float(intensity.max())
    if top <= 0:
        raise UserError(f"{name}: no intensity is above zero.")
    if intensity.min() < -_NOISE * top:
        index = int(intensity.argmin())
        raise UserError(
            f"{where(index)}: the intensity is {intensity[index]:g}, more below zero than noise would make "
            "it; subtract the background."
        )
    if max(intensity[0], intensity[-1]) > top / 2:
        index = 0 if intensity[0] > top / 2 else len(z) - 1
        raise UserError(
            f"{where(index)}: the intensity is still above half its maximum where the profile ends; measure "
            "over a longer range of z."
        )
    order = slice(None) if z[-1] > z[0] else slice(None, None, -1)
    moved = None if beam.displacement is None else beam.displacement[order]
    return MeasuredBeam(z[order], np.maximum(intensity, 0)[order], moved, name)


def _mass_centre(z: Floats, values: Floats) -> float:
    """Centre of mass of what is linear between the depths z."""
    step, left, right = np.diff(z), values[:-1], values[1:]
    light = step * (left + right) / 2
    moment = step * (left * (2 * z[:-1] + z[1:]) + right * (z[:-1] + 2 * z[1:])) / 6
    return float(moment.sum() / light.sum())


def _integrals(z: Floats, values: Floats, edges: Floats) -> Floats:
    """Integral between each two edges of what is linear between the depths z and zero beyond them."""
    grid = np.union1d(z, np.clip(edges, z[0], z[-1]))
    line = np.interp(grid, z, values)
    total = np.concatenate([[0.0], np.cumsum(np.diff(grid) * (line[1:] + line[:-1]) / 2)])
    return np.asarray(np.diff(np.interp(edges, grid, total)))
