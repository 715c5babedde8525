"""Volumes into files that other programs open at the right place and size."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from hashlib import sha256
from math import prod
from os import PathLike
from pathlib import Path
from typing import Any, Protocol, runtime_checkable
from uuid import NAMESPACE_OID, uuid5

import numpy as np
import numpy.typing as npt

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io.atomic import FOLDER_SUFFIX, check_output, whole_file, whole_folder
from napari_microdiffusion.io.axes import CANONICAL
from napari_microdiffusion.io.formats.ome_zarr.writing import ZarrKind, write_zarr_image
from napari_microdiffusion.io.metadata import Scale, own_items
from napari_microdiffusion.io.units import is_pixel_unit, micrometres

IMAGE_SUFFIXES = (".ome.tif", ".ome.tiff", ".tif", ".tiff", ".ome.zarr", ".zarr")
"""Endings of the images that can be written: as OME-TIFF, as ImageJ TIFF, and as OME-Zarr, two for each."""

_IMAGEJ_TYPES = ("uint8", "uint16", "float32")
_OME_TYPES = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "float32", "float64")
_CLASSIC_LIMIT = 4_000_000_000  # bytes of pixels; offsets have 32 bits in the classic TIFF that ImageJ writes
_RATIONAL_LIMIT = 2**32 - 1


def write_image(
    path: str | PathLike[str],
    data: "npt.ArrayLike | PlaneByPlane",
    *,
    axes: str = "zyx",
    scale: Scale | None = None,
    unit: str = "um",
    channels: Sequence[str] = (),
    description: Mapping[str, Any] | None = None,
    step_length: int | None = None,
    beam: str | None = None,
    origin: Scale | None = None,
    zarr: ZarrKind = "0.4",
    labels: bool = False,
) -> None:
    """Write a stack as OME-TIFF, ImageJ hyperstack or OME-Zarr, whole or not at all.

    Parameters
    ----------
    path
        Ends in one of `IMAGE_SUFFIXES`: `.ome.tif` (OME-TIFF, compressed), `.tif` (ImageJ), `.ome.zarr` (a
        folder, OME-Zarr, compressed, at several resolutions if it is large; an OME-Zarr of that name is
        replaced).
    data
        Pixels. OME-TIFF and OME-Zarr keep whole numbers of 8 to 32 bits, float32 and float64; ImageJ keeps
        uint8, uint16 and float32. float16, and for ImageJ float64, become float32; other types are refused.
        Or a `PlaneByPlane`, which is written without ever lying in memory.
    axes
        A letter for each axis of `data`: "zyx", with "t" and "c" before it where there are several time
        points or channels, in this order.
    scale
        Spacing (z, y, x) in `unit`, above zero; None leaves it out.
    unit
        Any unit of length, written as micrometres, or "pixel".
    channels
        Names of the channels; not kept by ImageJ.
    description
        What JSON can hold: settings, versions, seed. It comes back as `metadata["description"]`.
    step_length, beam
        Written for projections, so that they are known when the file is read again.
    origin
        Centre of the first voxel (z, y, x) in `unit`; also where other programs look for it: as the positions
        of the planes, the origin of the image, or a translation. Only with a scale.
    zarr
        Version of OME-Zarr; with "0.5-sharded" many chunks lie together in one file.
    labels
        Whether the pixels are numbers of regions, of which an OME-Zarr holds the full resolution alone.

    Raises
    ------
    UserError
        For a name, type, size or scale that cannot be written, and where the operating system refuses.
    """
    check_output(path, IMAGE_SUFFIXES)
    target = Path(path)
    lower = target.name.lower()
    kind = "OME-Zarr" if lower.endswith(FOLDER_SUFFIX) else "OME TIFF" if ".ome." in lower else "ImageJ TIFF"
    array = data if isinstance(data, PlaneByPlane) else _storable(np.asarray(data), axes, kind, target.name)
    check_size(path, array.nbytes)
    place = _place(origin, scale, unit, is_projections=step_length is not None)
    spacing, unit = _spacing(scale, unit, target.name)
    items = own_items(step_length, beam, description, place)
    if kind == "OME-Zarr":
        with whole_folder(target) as temporary:
            write_zarr_image(temporary, array, axes, spacing, unit, channels, items, place, zarr, not labels)
    elif kind == "OME TIFF":
        _write_ome(target, array, axes, spacing, unit, channels, items, place)
    else:
        _write_imagej(target, array, axes, spacing, unit, items, place)


@runtime_checkable
class PlaneByPlane(Protocol):
    """A stack, its last axes (z, y, x), that is too large for memory."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Its axes."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the pixels, one that the format has."""

    @property
    def nbytes(self) -> int:
        """Of the pixels."""

    def planes(self) -> Iterator[npt.NDArray[Any]]:
        """Every plane, from the first to the last."""


@dataclass(frozen=True, eq=False)
class Planes:
    """A `PlaneByPlane` of what lies elsewhere.

    Attributes
    ----------
    shape
        Its axes.
    dtype
        Of the pixels, one that the format has.
    read
        Gives every plane, from the first to the last.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    read: Callable[[], Iterator[npt.NDArray[Any]]]

    @property
    def nbytes(self) -> int:
        """Of the pixels."""
        return prod(self.shape) * self.dtype.itemsize

    def planes(self) -> Iterator[npt.NDArray[Any]]:
        """Every plane, from the first to the last."""
        return self.read()


def check_size(path: str | PathLike[str], size: int) -> None:
    """Refuse so many bytes of pixels where the format of that name cannot hold them.

    Raises
    ------
    UserError
        Which names one that can.
    """
    name = Path(path).name
    imagej = name.lower().endswith((".tif", ".tiff")) and ".ome." not in name.lower()
    if imagej and size > _CLASSIC_LIMIT:
        raise UserError(f"{name}: {size / 1e9:.1f} GB are more than an ImageJ TIFF holds; use .ome.tif.")


def _planes(array: npt.NDArray[Any] | PlaneByPlane) -> Iterator[npt.NDArray[Any]]:
    return array.planes() if isinstance(array, PlaneByPlane) else iter([array])


def _storable(array: npt.NDArray[Any], axes: str, kind: str, name: str) -> npt.NDArray[Any]:
    """Return the array in a type that the format has, in little-endian order."""
    in_order = [letter for letter in CANONICAL if letter in axes] == list(axes)
    if array.ndim != len(axes) or array.size == 0 or not in_order or not axes.endswith("zyx"):
        raise UserError(
            f"{name}: an image of shape {array.shape} cannot be written; three axes (z, y, x) are needed"
            f"{'' if axes == 'zyx' else f', here those named {axes}'}."
        )
    imagej = kind == "ImageJ TIFF"
    if array.dtype == np.float16 or (imagej and array.dtype == np.float64):
        with np.errstate(over="ignore"):
            single = array.astype(np.float32)
        if not np.array_equal(np.isfinite(single), np.isfinite(array)):
            raise UserError(
                f"{name}: the pixels are too large for float32, the widest type of ImageJ; use .ome.tif."
            )
        array = single
    allowed = _IMAGEJ_TYPES if imagej else _OME_TYPES
    if array.dtype.name not in allowed:
        elsewhere = " (.ome.tif can)" if array.dtype.name in _OME_TYPES else ""
        raise UserError(
            f"{name}: pixels of type {array.dtype.name} cannot be stored in an {kind}{elsewhere}; it holds "
            f"{', '.join(allowed)}."
        )
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))


def _spacing(scale: Scale | None, unit: str, name: str) -> tuple[Scale | None, str]:
    """Return the scale in micrometres, or in pixels where these are the unit."""
    factor = 1.0 if is_pixel_unit(unit) else micrometres(unit)
    if factor is None:
        raise UserError(f"{name}: {unit!r} is no unit of length; um is the usual one.")
    if scale is None:
        return None, "um"
    values = [float(value) * factor for value in scale]
    if len(values) != 3 or not all(0 < value < np.inf for value in values):
        raise UserError(f"{name}: the scale {tuple(scale)} must be three numbers (z, y, x) above zero.")
    return (values[0], values[1], values[2]), "pixel" if is_pixel_unit(unit) else "um"


def _place(origin: Scale | None, scale: Scale | None, unit: str, is_projections: bool) -> Scale | None:
    """Return the origin in micrometres, or in pixels where these are the unit; None at a volume's zero.

    Read again, a volume without an origin lies there; projections without one do not.
    """
    if origin is None or scale is None or not (any(origin) or is_projections):
        return None
    factor = 1.0 if is_pixel_unit(unit) else micrometres(unit) or 1.0
    z, y, x = (float(value) * factor for value in origin)
    return (z, y, x)


def _write_ome(
    target: Path,
    array: npt.NDArray[Any] | PlaneByPlane,
    axes: str,
    spacing: Scale | None,
    unit: str,
    channels: Sequence[str],
    items: dict[str, str],
    origin: Scale | None,
) -> None:
    import tifffile

    metadata: dict[str, Any] = {
        "axes": axes.upper(),
        "Name": target.name[: target.name.lower().rindex(".ome.")],
    }
    if spacing is not None:
        for axis, value in zip("ZYX", spacing, strict=True):
            metadata[f"PhysicalSize{axis}"] = value
            metadata[f"PhysicalSize{axis}Unit"] = "µm" if unit == "um" else unit
    if origin is not None and spacing is not None:
        planes, depth = prod(array.shape[:-2]), array.shape[-3]
        positions = {"X": [origin[2]] * planes, "Y": [origin[1]] * planes}
        # Depth runs fastest in the order of the file.
        positions["Z"] = [origin[0] + spacing[0] * (plane % depth) for plane in range(planes)]
        length = "µm" if unit == "um" else unit
        metadata["Plane"] = {f"Position{axis}": values for axis, values in positions.items()}
        metadata["Plane"] |= {f"Position{axis}Unit": [length] * planes for axis in "XYZ"}
    # Of the content, so that the same image is the same bytes.
    content = sha256()
    for part in _planes(array):
        content.update(part.reshape(-1).data)
    metadata["UUID"] = f"urn:uuid:{uuid5(NAMESPACE_OID, repr(metadata) + content.hexdigest())}"
    if channels and "c" in axes:
        metadata["Channel"] = {"Name": list(channels)}
    if items:
        metadata["MapAnnotation"] = {"Namespace": "napari-microdiffusion", **items}
    with whole_file(target) as temporary:
        by_plane: dict[str, Any] = {}
        if isinstance(array, PlaneByPlane):
            by_plane = {"shape": array.shape, "dtype": array.dtype}
        tifffile.imwrite(
            temporary,
            array.planes() if isinstance(array, PlaneByPlane) else array,
            **by_plane,
            ome=True,
            bigtiff=array.nbytes > _CLASSIC_LIMIT,
            photometric="minisblack",
            compression="zlib",
            # Measured on float volumes: higher levels take up to three times as long to gain a fifth at best.
            compressionargs={"level": 1},
            metadata=metadata,
        )


def _write_imagej(
    target: Path,
    array: npt.NDArray[Any] | PlaneByPlane,
    axes: str,
    spacing: Scale | None,
    unit: str,
    items: dict[str, str],
    origin: Scale | None,
) -> None:
    import tifffile

    metadata: dict[str, Any] = {"axes": "TZCYXS"}
    resolution = None
    if spacing is not None:
        metadata |= {"spacing": spacing[0], "unit": unit}
        resolution = (_pixels_per_unit(spacing[2]), _pixels_per_unit(spacing[1]))
    if origin is not None and spacing is not None:
        # The pixel at which the coordinates are zero.
        metadata |= {f"{axis}origin": -origin[k] / spacing[k] for k, axis in enumerate("zyx")}
    if items:
        metadata["Info"] = "".join(f"{key} = {value}\n" for key, value in items.items())
    # All six axes, or an image one pixel wide is taken for samples of a pixel, all in one plane.
    sizes = dict(zip(axes, array.shape, strict=True))
    whole = np.stack(list(array.planes())) if isinstance(array, PlaneByPlane) else array
    six = whole.reshape([sizes.get(letter, 1) for letter in "tczyxs"]).swapaxes(1, 2)
    with whole_file(target) as temporary:
        tifffile.imwrite(
            temporary,
            six,
            imagej=True,
            photometric="minisblack",
            resolution=resolution,
            resolutionunit=None if resolution is None else 1,
            metadata=metadata,
        )


def _pixels_per_unit(spacing: float) -> tuple[int, int]:
    """Return 1 / spacing as the nearest fraction of two 32-bit numbers, in which TIFF stores it."""
    large = max(spacing, 1 / spacing)
    ratio = Fraction(large).limit_denominator(max(1, int(_RATIONAL_LIMIT / large)))
    pair = (ratio.numerator, ratio.denominator)
    return (pair[1], pair[0]) if spacing >= 1 else pair
