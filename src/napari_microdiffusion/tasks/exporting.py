"""Writes results: as they are, with what repeats them, and in 16 bits as Fiji and Imaris like them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..io import IMAGE_SUFFIXES, ImageStack, ZarrKind, write_image
from ..io.metadata import Scale
from ..reconstruction.events import CancelToken
from ..reconstruction.outputs import Outputs
from ..reconstruction.result import ReconstructionResult
from ..stacks.stack import planes_of
from ..stacks.writer import write_layers
from .progress import Saved

_TOP = 65535
# Grey levels that a volume must spread over to be kept as they are; of fewer, rounding would show.
_ENOUGH_LEVELS = 1000
# What ImageJ's own format holds; larger volumes go into OME-TIFF, which both programs read as well.
_LARGEST_IMAGEJ = 2_000_000_000


def is_edited(result: ReconstructionResult, volume: Any, uncertainty: Any) -> bool:
    """Whether the layers of a result hold other arrays than the run made; those on disk cannot."""
    if volume.multiscale:
        return False
    other = uncertainty is not None and uncertainty.data is not result.uncertainty
    return volume.data is not result.volume or other


def as_layers_hold(result: ReconstructionResult, volume: Any, uncertainty: Any) -> ReconstructionResult:
    """The result with what its layers hold now, `uncertainty` None for none."""
    if volume.multiscale:
        return result
    spread = None if uncertainty is None else np.asarray(uncertainty.data, np.float32)
    edited = {"edited": True} if is_edited(result, volume, uncertainty) else {}
    provenance = {**result.provenance, **edited}
    data = np.asarray(volume.data, np.float32)
    return replace(result, volume=data, uncertainty=spread, provenance=provenance)


@dataclass(frozen=True, eq=False)
class SaveResult:
    """Writes volume, uncertainty and settings."""

    outputs: Outputs
    result: ReconstructionResult
    source: ImageStack
    zarr: ZarrKind = "0.4"

    def __call__(self, _cancel: CancelToken) -> Iterator[Saved]:
        """One `Saved`."""
        yield Saved(self.outputs.write(self.result, self.source, zarr=self.zarr))


@dataclass(frozen=True, eq=False)
class SaveLayers:
    """Writes a result that was opened from a file, with the settings that came with it."""

    outputs: Outputs
    volume: Any
    uncertainty: Any = None
    zarr: ZarrKind = "0.4"

    def __call__(self, _cancel: CancelToken) -> Iterator[Saved]:
        """One `Saved`."""
        parts = {"volume": (self.outputs.volume, self.volume)}
        if self.uncertainty is not None and self.outputs.uncertainty is not None:
            parts["uncertainty"] = (self.outputs.uncertainty, self.uncertainty)
        for path, layer in parts.values():
            write_layers(str(path), [layer.as_layer_data_tuple()], self.zarr)
        yield Saved({what: str(path) for what, (path, _) in parts.items()})


@dataclass(frozen=True, eq=False)
class SixteenBits:
    """Whole numbers and what they stand for: grey level = (number - offset) / factor.

    Written plane by plane, so that a volume on disk need not fit into memory.

    Attributes
    ----------
    volume : array_like, shape (..., Z, H, W)
        Read plane by plane.
    factor, offset : float
        1 and 0 where the grey levels were kept.
    """

    volume: Any
    factor: float
    offset: float

    dtype = np.dtype(np.uint16)

    @classmethod
    def of(cls, volume: Any) -> "SixteenBits":
        """Keep grey levels that fit, without fractions; stretch others over the range. NaN becomes 0."""
        finite = [part for plane in planes_of(volume) if (part := _ends(plane)) is not None]
        low = min((low for low, _ in finite), default=0.0)
        high = max((high for _, high in finite), default=1.0)
        factor, offset = 1.0, 0.0
        if not (low >= -0.02 * high and high - low >= _ENOUGH_LEVELS and high <= _TOP):
            factor = _TOP / (high - min(low, 0.0)) if high > min(low, 0.0) else 1.0
            offset = -factor * min(low, 0.0)
        return cls(volume, factor, offset)

    @property
    def shape(self) -> tuple[int, ...]:
        """Planes, rows and columns."""
        return tuple(self.volume.shape)

    @property
    def nbytes(self) -> int:
        """Of the numbers."""
        return int(np.prod(self.shape)) * self.dtype.itemsize

    def planes(self) -> Iterator[np.ndarray]:
        """The numbers of every plane, uint16, from the first to the last."""
        for plane in planes_of(self.volume):
            numbers = np.nan_to_num(plane * np.float32(self.factor) + np.float32(self.offset), nan=0.0)
            yield np.rint(numbers).clip(0, _TOP).astype(np.uint16)


def _ends(plane: np.ndarray) -> tuple[float, float] | None:
    """The least and the greatest of the values, if there is one."""
    finite = plane[np.isfinite(plane)]
    return (float(finite.min()), float(finite.max())) if finite.size else None


@dataclass(frozen=True, eq=False)
class ExportSixteenBits:
    """Writes a volume as 16-bit TIFF under a name that is free.

    Attributes
    ----------
    volume : array_like, shape (..., Z, H, W)
    folder : Path
    name : str
        Of the file, without its ending.
    scale, unit, origin, axes
        As `io.write_image` takes them.
    """

    volume: Any
    folder: Path
    name: str
    scale: Scale | None = None
    unit: str = "um"
    origin: Scale | None = None
    axes: str = "zyx"

    def __call__(self, cancel: CancelToken) -> Iterator[Saved]:
        """One `Saved`."""
        found = SixteenBits.of(self.volume)
        cancel.check()
        ending = ".tif" if found.nbytes < _LARGEST_IMAGEJ else ".ome.tif"
        path = free_path(self.folder, f"{self.name} 16 bit", ending)
        about = {"grey_level_factor": found.factor, "grey_level_offset": found.offset}
        place: dict[str, Any] = {"scale": self.scale, "unit": self.unit, "origin": self.origin}
        write_image(path, found, axes=self.axes, description=about, **place)
        yield Saved({"volume": str(path)})


def named_as(path: Path, ending: str) -> Path:
    """The path with another ending for its image, one that no file has; the path itself if it ends so."""
    own = next((known for known in IMAGE_SUFFIXES if path.name.lower().endswith(known)), "")
    if own == ending:
        return path
    return free_path(path.parent, path.name[: len(path.name) - len(own)], ending)


def free_path(folder: Path, name: str, ending: str) -> Path:
    """A path in a folder that no file has; signs that a file's name cannot hold become underscores."""
    safe = "".join("_" if sign in '/\\:*?"<>|' else sign for sign in name)
    path, count = folder / f"{safe}{ending}", 1
    while path.exists():
        count += 1
        path = folder / f"{safe} {count}{ending}"
    return path
