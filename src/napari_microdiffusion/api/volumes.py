"""Volumes in and out: read, grow, project, measure."""

from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ..errors import UsageError
from ..settings.resolve import make_acquisition

if TYPE_CHECKING:
    from ..io import ImageStack


def read(
    path: str | PathLike[str],
    *,
    channel: int | str | None = None,
    time: int | None = None,
    average_frames: bool = False,
    axes: str | None = None,
    position: int | str | None = None,
) -> "ImageStack":
    """Read a stack of projections, or a volume, from a file.

    Parameters
    ----------
    path
        A plain, ImageJ, OME, LSM or ScanImage TIFF, or an OME-Zarr folder.
    channel
        Index from 0, or name; needed where there is more than one.
    time
        Index from 0; needed where there is more than one time point.
    average_frames
        Average the time points, or the frames recorded of each slice, instead of choosing one.
    axes
        Letters out of "tczyx", one for each axis, where the file does not name them.
    position
        Index from 0, or name, of an image; needed where a file or set of files holds several.

    Returns
    -------
    ImageStack
        `data` (z, y, x) in the type of the file; `scale` (z, y, x) in `unit`; `step_length` where
        `simulate` of the command line wrote it.

    Raises
    ------
    UserError
        If the file is no such stack.
    """
    from ..io import depth_stack, read_image

    return depth_stack(read_image(path, axes, position), channel, time, average_frames)


def specimen(kind: str, shape: tuple[int, int, int] = (96, 128, 128), *, seed: int = 0) -> np.ndarray:
    """Grow a procedural specimen as a sharp, clean point scan would show it.

    Parameters
    ----------
    kind : {"vasculature", "dendrites", "neurons", "nuclei"}
    shape
        Slices, rows, columns; each at least 8.
    seed
        The same seed gives the same specimen.

    Returns
    -------
    ndarray, shape `shape`, float32
        Brightest structures near 1, darkest 0.

    Raises
    ------
    UsageError
        For an unknown kind or a shape that cannot be.
    """
    from ..specimens import KINDS, make_specimen

    if kind not in KINDS:
        raise UsageError(f"kind is {kind!r}, but it must be one of {', '.join(KINDS)}")
    sizes = tuple(shape)
    if len(sizes) != 3 or any(int(s) != s or not 8 <= s <= 4096 for s in sizes):
        raise UsageError(f"shape is {sizes}, but it must be three whole numbers (z, y, x) from 8 to 4096")
    if seed < 0:
        raise UsageError(f"seed is {seed}, but it must not be negative")
    return make_specimen(kind, (int(sizes[0]), int(sizes[1]), int(sizes[2])), seed)


def simulate(
    volume: ArrayLike,
    n: int,
    *,
    photons: float | None = None,
    read_noise: float = 0.0,
    seed: int | None = None,
    **optics: Any,
) -> np.ndarray:
    """Project a point-scanned volume as a long beam would have.

    Parameters
    ----------
    volume : array_like, shape (Z, H, W)
        Intensities in any unit. Slices beyond the last whole slab are dropped. Pixels that see a voxel
        without a value (NaN) have none.
    n
        Step length in slices, 2 to 64.
    photons
        Photons detected in one projection pixel at the volume's 99.9 percentile; None is noiseless.
    read_noise
        Standard deviation of the detector's read noise, in the volume's grey levels.
    seed
        Seed of the noise.
    **optics
        As `make_acquisition`: `beam` ("uniform", "gaussian", "bessel", "airy") or `beam_file`, `step`,
        `bend`, `tilt`, `views`, `dark_level`, ...

    Returns
    -------
    ndarray, shape (Z // n, H, W), float32
        In the volume's grey levels; of two views, the first view's projections come first.

    Raises
    ------
    UserError
        If the volume or a setting cannot be used.
    """
    from ..io import validate_projections
    from ..optics import simulate_projections

    if photons is not None and not 0 < photons < np.inf:
        raise UsageError(f"photons is {photons}, but it must be above zero")
    if not 0 <= read_noise < np.inf:
        raise UsageError(f"read noise is {read_noise}, but it must not be negative")
    if seed is not None and seed < 0:
        raise UsageError(f"seed is {seed}, but it must not be negative")
    acquisition = make_acquisition(n, **optics)
    array = np.asarray(volume)
    validate_projections(array, "the volume", mask_missing=True)
    return simulate_projections(array, acquisition, photons=photons, read_noise=read_noise, seed=seed)


def compare(
    reconstruction: ArrayLike, truth: ArrayLike, n: int | None = None, **optics: Any
) -> dict[str, Any]:
    """Measure a reconstruction against the ground truth.

    Parameters
    ----------
    reconstruction : array_like, shape (Z, H, W)
    truth : array_like, shape (at least Z, H, W)
        In the same unit of intensity. Slices beyond the reconstruction's are dropped.
    n
        Step length in slices; without it what depends on slabs is left out.
    **optics
        As `make_acquisition`.

    Returns
    -------
    dict
        See `evaluation.compare`; ready for JSON.

    Raises
    ------
    UserError
        If the volumes do not match or cannot be compared.
    """
    from ..evaluation import compare as measure

    if n is None:
        return measure(reconstruction, truth)
    acquisition = make_acquisition(n, **optics)
    return measure(reconstruction, truth, acquisition.step_length, profile=acquisition.profile)
