"""Files of measured beams: tables of intensity against depth, and z-stacks of a bead."""

import re
from os import PathLike
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io.atomic import whole_file
from napari_microdiffusion.io.images import ImageStack, depth_stack
from napari_microdiffusion.io.measured_beam import TAIL, Floats, MeasuredBeam, checked_beam
from napari_microdiffusion.io.reading import read_image

TABLE_SUFFIXES = (".csv", ".tsv", ".txt", ".dat")
"""Endings of the tables; any other file is read as the image of a bead."""


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
        return checked_beam(*_read_table(path))
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
    seen = (sums > 0) & (intensity > TAIL * intensity.max())
    index = np.arange(len(data), dtype=np.float64)
    displacement = np.empty((len(data), 2))
    for axis in (0, 1):
        along = light[seen].sum(axis=2 - axis)
        place = along @ np.arange(along.shape[1]) / sums[seen]
        centre = np.average(place, weights=intensity[seen])
        displacement[:, axis] = np.interp(index, index[seen], place - centre) * image.scale[1 + axis]
    # As the focus goes down past the bead, the bead goes up through the beam.
    return checked_beam(MeasuredBeam(-index * image.scale[0], intensity, displacement, name))


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
