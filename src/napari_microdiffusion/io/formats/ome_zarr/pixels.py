"""The pixels of an array in an OME-Zarr folder, all or a part of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version as package_version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io.formats.file_faults import as_user_error
from napari_microdiffusion.io.formats.ome_zarr.transfers import nothing_left_running

_OLDEST_ZARR = (3, 1)


def check_zarr_installed(path: Path) -> None:
    """Raise a `UserError` where the package zarr is missing, or older than shards and version 3."""
    if find_spec("zarr") is None:
        raise UserError(
            f'{path.name} is OME-Zarr, for which zarr is needed: pip install "napari-microdiffusion[zarr]".'
        )
    installed = package_version("zarr")
    if tuple(int(part) for part in installed.split(".")[:2]) < _OLDEST_ZARR:
        raise UserError(
            f"{path.name} is OME-Zarr, for which zarr {'.'.join(map(str, _OLDEST_ZARR))} is needed, not "
            f'{installed}: pip install "napari-microdiffusion[zarr]".'
        )


@dataclass(frozen=True)
class ZarrPixels:
    """Reads an array; see `ImageSource.load`.

    Attributes
    ----------
    path
        Of the image, for the messages.
    place
        Folder of the array.
    axes, shape
        Those that are kept: a letter and a size each.
    places
        Which axes of the array they are; None where that is not known, so that all is read in any case.
    """

    path: Path
    place: Path
    axes: str
    shape: tuple[int, ...]
    places: Sequence[int] | None

    def __call__(self, at: Mapping[str, int | slice]) -> npt.NDArray[Any]:
        """Read the part that is wanted of each axis."""
        check_zarr_installed(self.path)
        import zarr

        with as_user_error(self.path, "Zarr"), nothing_left_running():
            array = zarr.open_array(self.place, mode="r")
            parts = [slice(None)] * array.ndim
            for axis, index in zip(self.axes, self.places or (), strict=self.places is not None):
                # As long as each, so that what is read has the axes that are left, in any case.
                part = at.get(axis, slice(None))
                parts[index] = part if isinstance(part, slice) else slice(part, part + 1)
            data = np.asarray(array[tuple(parts)])
        data = data.astype(data.dtype.newbyteorder("="), copy=False)
        if self.places is None:
            return data.reshape(self.shape)[tuple(at.get(axis, slice(None)) for axis in self.axes)]
        left = zip(self.axes, self.places, strict=True)
        return data.reshape([data.shape[index] for axis, index in left if not isinstance(at.get(axis), int)])
