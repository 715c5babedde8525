"""What a file holds, as this package understands it: the answer of `microdiffusion info`."""

import json
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io.checkpoints import read_table
from napari_microdiffusion.io.images import image_name, suggest_step_length
from napari_microdiffusion.io.reading import read_image

_EXACT_PIXELS = 2**24


def provenance_path(path: str | PathLike[str]) -> Path:
    """Return where the provenance of an output lies: `volume.provenance.json` beside `volume.ome.tif`."""
    output = Path(path)
    return output.with_name(f"{image_name(output)}.provenance.json")


def describe(path: str | PathLike[str], axes: str | None = None) -> dict[str, Any]:
    """Describe an image or a checkpoint in what JSON can hold.

    Parameters
    ----------
    path
        The file.
    axes
        What the person calls the axes of an image; see `read_image`.

    Returns
    -------
    dict
        For an image: file, kind ("image"), format, axes, shape, dtype, scale (z, y, x) or None, pixel_size
        (y, x) or None, unit, step_length or None, step_length_source, beam, channels, minimum, maximum,
        percentile_0.5, percentile_99.9 (from a regular sample of large images), not_finite (pixels),
        description, provenance (of the file beside it, or None), notes.
        For a checkpoint: file, kind ("checkpoint"), model, header, tensors (type and shape by name),
        parameters.

    Raises
    ------
    UserError
        As `read_image` and `read_table`.
    """
    path = Path(path)
    if path.suffix.lower() == ".safetensors":
        return _describe_checkpoint(path)
    image = read_image(path, axes)
    suggestion = suggest_step_length(image)
    return {
        "file": str(path),
        "kind": "image",
        "format": image.metadata["format"],
        "axes": image.axes,
        "shape": list(image.data.shape),
        "dtype": image.data.dtype.name,
        "scale": None if image.scale is None else list(image.scale),
        "pixel_size": None if (size := image.metadata["pixel_size"]) is None else list(size),
        "unit": image.unit,
        "step_length": None if suggestion is None else suggestion[0],
        "step_length_source": "not known" if suggestion is None else suggestion[1],
        "beam": image.beam,
        "channels": list(image.metadata["channels"]),
        **_intensities(image.data),
        "description": image.metadata["description"],
        "provenance": _provenance(path),
        "notes": image.metadata["notes"],
    }


def _describe_checkpoint(path: Path) -> dict[str, Any]:
    table = read_table(path)
    tensors = {
        name: {"dtype": place.dtype.name, "shape": list(place.shape)} for name, place in table.tensors.items()
    }
    return {
        "file": str(path),
        "kind": "checkpoint",
        "model": table.kind,
        "header": table.header,
        "tensors": tensors,
        "parameters": sum(int(np.prod(place.shape)) for place in table.tensors.values()),
    }


def _intensities(data: npt.NDArray[Any]) -> dict[str, Any]:
    """Return range and percentiles over the finite pixels."""
    flat = data.reshape(-1)
    not_finite = 0
    if data.dtype.kind in "fc":
        finite = np.isfinite(flat)
        not_finite = int(flat.size - np.count_nonzero(finite))
        flat = flat[finite] if not_finite else flat
    numbers: dict[str, float | int | None] = {
        "minimum": None,
        "maximum": None,
        "percentile_0.5": None,
        "percentile_99.9": None,
    }
    if flat.size and flat.dtype.kind != "c":
        # An odd step shares no factor with the usual widths, so that all columns are sampled.
        sample = flat[:: -(-flat.size // _EXACT_PIXELS) | 1] if flat.size > _EXACT_PIXELS else flat
        low, high = np.percentile(sample, (0.5, 99.9))
        numbers = {
            "minimum": flat.min().item(),
            "maximum": flat.max().item(),
            "percentile_0.5": float(low),
            "percentile_99.9": float(high),
        }
    return {**numbers, "not_finite": not_finite}


def _provenance(path: Path) -> dict[str, Any] | None:
    """Return what was saved beside an output of this package, if anything was."""
    beside = provenance_path(path)
    if not beside.is_file():
        return None
    try:
        content = json.loads(beside.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise UserError(f"{beside} is no readable JSON ({error}).") from error
    return content if isinstance(content, dict) else None
