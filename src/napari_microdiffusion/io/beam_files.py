"""Measured beams: tables of intensity against depth, and stacks of a bead, as fields of an acquisition."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io.atomic import whole_file
from napari_microdiffusion.io.images import ImageStack, depth_stack
from napari_microdiffusion.io.reading import read_image

TABLE_SUFFIXES = (".csv", ".tsv", ".txt", ".dat")
"""Endings of the tables; any other file is read as the image of a bead."""

Centre = Literal["mass", "maximum"]
Floats = npt.NDArray[np.float64]

# Share of the maximum below which a profile is cut, and up to which a negative intensity is noise.
_TAIL, _NOISE = 0.01, 0.05
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
        lit = np.flatnonzero(weights >= _TAIL * weights.max())
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


def read_beam(path: str | PathLike[str]) -> MeasuredBeam:
    """Read a measured beam: a table of two or four columns, or a z-stack of a bead.

    A table has the depth within the beam in um, counted as the slices are, and the intensity, and in four
    columns the lateral displacement (y, x) in um, separated by commas, semicolons, tabs or spaces; what
    follows a # is a comment, and the first line may be a header. A bead's stack is any image that
    `read_image` reads, with its scale; see `bead_profile`.

    Raises
    ------
    UserError
        For a file that cannot be used; the sentence names its line.
    """
    path = Path(path)
    if path.suffix.lower() in TABLE_SUFFIXES:
        return _checked(*_read_table(path))
    return bead_profile(depth_stack(read_image(path)))


def bead_profile(image: ImageStack) -> MeasuredBeam:
    """What a z-stack of a bead smaller than the focus tells of the beam.

    The background, the median of what is not bead in each slice, is subtracted. The light of the brightest
    bead is summed slice by slice, over the pixels where its maximum along z exceeds a twentieth of its
    brightest. Its centroid in each slice, relative to that of all its light, is the displacement. The beam is
    the stack in reverse: a bead is where the beam's far end is when the focus has not come to it yet.

    Parameters
    ----------
    image : ImageStack
        Axes (z, y, x), with a scale in um.

    Raises
    ------
    UserError
        If the scale is not known, or there is no bead that stands out.
    """
    name = image.path.name if image.path else image.name
    if image.scale is None or image.unit != "um":
        raise UserError(
            f"{name} does not tell its scale; a stack of a bead needs the spacing of its slices and "
            "pixels in um, as ImageJ and OME files have it"
        )
    data = np.asarray(image.data, dtype=np.float64)
    bead, dark = _bead_and_background(data, name)
    light = data - np.median(data[:, dark], axis=1)[:, None, None]
    noise = 1.4826 * float(np.median(np.abs(light[:, dark])))
    light *= bead
    intensity = light.sum(axis=(1, 2))
    # For the centroid only what is above the noise, which would draw it to the middle of the bead.
    light[light <= 3 * noise] = 0
    sums = light.sum(axis=(1, 2))
    seen = (sums > 0) & (intensity > _TAIL * intensity.max())
    index = np.arange(len(data), dtype=np.float64)
    displacement = np.empty((len(data), 2))
    for axis in (0, 1):
        along = light[seen].sum(axis=2 - axis)
        place = along @ np.arange(along.shape[1]) / sums[seen]
        centre = np.average(place, weights=intensity[seen])
        displacement[:, axis] = np.interp(index, index[seen], place - centre) * image.scale[1 + axis]
    # As the focus goes down past the bead, the bead goes up through the beam.
    return _checked(MeasuredBeam(-index * image.scale[0], intensity, displacement, name))


def _bead_and_background(data: Floats, name: str) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Pixels (y, x) of the brightest bead, and those where there is none."""
    from scipy.ndimage import binary_dilation, label, uniform_filter

    # Smoothed, so that one hot pixel is no bead.
    smooth = uniform_filter(data, size=3, mode="nearest")
    seen = smooth.max(axis=0) - np.median(smooth)
    spread = 1.4826 * float(np.median(np.abs(smooth - np.median(smooth))))
    parts, _ = label(seen > max(0.05 * seen.max(), 5 * spread))
    dark = ~binary_dilation(parts > 0, iterations=3)
    if seen.max() <= 10 * spread or seen.max() <= 0 or not dark.any():
        raise UserError(
            f"{name} shows no bead that stands out; a z-stack of a bright bead on a dark ground is needed"
        )
    brightest = parts == parts[np.unravel_index(seen.argmax(), seen.shape)]
    return binary_dilation(brightest, iterations=2), dark


def write_beam(path: str | PathLike[str], beam: MeasuredBeam) -> None:
    """Write a measured beam as a table that `read_beam` reads again, whole or not at all."""
    columns = [beam.z, beam.intensity]
    header = "z_um,intensity"
    if beam.displacement is not None:
        columns += [beam.displacement[:, 0], beam.displacement[:, 1]]
        header += ",dy_um,dx_um"
    rows = (",".join(f"{value:.9g}" for value in row) for row in zip(*columns, strict=True))
    with whole_file(path) as temporary:
        temporary.write_text("\n".join([header, *rows, ""]), encoding="utf-8")


def _read_table(path: Path) -> tuple[MeasuredBeam, list[int]]:
    """The columns of a table, and the line that each row stands in."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise UserError(f"{path} cannot be read: {why}.") from error
    rows: list[list[float]] = []
    lines: list[int] = []
    is_first = True
    for number, line in enumerate(text.splitlines(), 1):
        content = line.partition("#")[0].strip()
        if not content:
            continue
        row = _numbers(content)
        if row is None and is_first:
            is_first = False
            continue
        is_first = False
        if row is None or not np.all(np.isfinite(row)):
            raise UserError(f"{path.name}, line {number}: {content[:40]!r} is no row of finite numbers.")
        if len(row) not in (2, 4) or (rows and len(row) != len(rows[0])):
            raise UserError(
                f"{path.name}, line {number}: {len(row)} columns; every row needs 2 (z in um, intensity) or "
                "every row 4 (z, intensity, dy, dx in um)."
            )
        rows.append(row)
        lines.append(number)
    if not rows:
        raise UserError(f"{path.name} has no numbers; a table of z in um and intensity is needed.")
    table = np.asarray(rows)
    moved = table[:, 2:] if table.shape[1] == 4 else None
    return MeasuredBeam(table[:, 0], table[:, 1], moved, path.name), lines


def _numbers(content: str) -> list[float] | None:
    """The numbers of a row, also with the decimal commas of a file that separates by something else."""
    if ";" in content or "\t" in content:
        parts = re.split(r"\s*[;\t]\s*", content.replace(",", "."))
    else:
        parts = re.split(r"\s*,\s*|\s+", content)
    try:
        return [float(part) for part in parts]
    except ValueError:
        return None


def _checked(beam: MeasuredBeam, lines: list[int] | None = None) -> MeasuredBeam:
    """The beam with rising depth and without negative noise, if it can be one."""
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
