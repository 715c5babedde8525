"""What a file holds, as this package understands it: the answer of `microdiffusion info`."""

import json
from math import prod
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io.checkpoints import read_table
from napari_microdiffusion.io.formats.positions import UnchosenPosition
from napari_microdiffusion.io.images import ImageStack, image_name, suggest_step_length
from napari_microdiffusion.io.reading import open_image

# What is read of a large image: planes spread over it, the first and the last among them.
_SAMPLED_BYTES = 2**25
_FEWEST_PLANES, _MOST_PLANES = 3, 64
# Of these, percentiles are taken from so many pixels, which tell them to a tenth of a per cent.
_RANKED_PIXELS = 2**21


def provenance_path(path: str | PathLike[str]) -> Path:
    """Return where the provenance of an output lies: `volume.provenance.json` beside `volume.ome.tif`."""
    output = Path(path)
    return output.with_name(f"{image_name(output)}.provenance.json")


def describe(
    path: str | PathLike[str], axes: str | None = None, position: int | str | None = None
) -> dict[str, Any]:
    """Describe an image or a checkpoint in what JSON can hold, from its header and a sample of its planes.

    Parameters
    ----------
    path
        The file.
    axes
        What the person calls the axes of an image; see `read_image`.
    position
        Which image of a file that holds several; None describes one where there is one, and lists several.

    Returns
    -------
    dict
        For an image: file, kind ("image"), format, axes, shape, dtype, scale (z, y, x) or None, pixel_size
        (y, x) or None, unit, step_length or None, step_length_source, beam, channels, minimum, maximum,
        percentile_0.5, percentile_99.9, not_finite (pixels), all of the sampled planes, sampled_planes ("all"
        or how many of how many), description, provenance (of the file beside it, or None), positions (names
        of the images in the file, empty where it is one), position (index of the one described), files (how
        many of the set), notes.
        For a file of several images, none of which was chosen: file, kind ("images"), positions (index,
        name, axes and shape of each), notes.
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
    try:
        with open_image(path, axes, position) as image:
            return _describe_image(image, path)
    except UnchosenPosition as error:
        positions = [
            {"index": index, "name": one.name, "axes": one.axes.lower(), "shape": list(one.shape)}
            for index, one in enumerate(error.positions)
        ]
        return {"file": str(path), "kind": "images", "positions": positions, "notes": [str(error)]}


def _describe_image(image: ImageStack, path: Path) -> dict[str, Any]:
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
        "positions": list(image.metadata["positions"]),
        "position": image.metadata["position"],
        "files": len(image.sources),
        "notes": image.metadata["notes"],
    }


def _describe_checkpoint(path: Path) -> dict[str, Any]:
    table = read_table(path)
    tensors = {
        name: {"dtype": form.dtype.name, "shape": list(form.shape)} for name, form in table.tensors.items()
    }
    return {
        "file": str(path),
        "kind": "checkpoint",
        "model": table.kind,
        "header": table.header,
        "tensors": tensors,
        "parameters": sum(prod(form.shape) for form in table.tensors.values()),
    }


def _intensities(data: Any) -> dict[str, Any]:
    """Return range and percentiles over the finite pixels of planes spread over the image."""
    outer = data.shape[:-2]
    total = prod(outer)
    size = max(prod(data.shape[-2:]) * data.dtype.itemsize, 1)
    count = total
    if total * size > _SAMPLED_BYTES:
        count = min(total, max(min(_SAMPLED_BYTES // size, _MOST_PLANES), _FEWEST_PLANES))
    chosen = np.unique(np.linspace(0, total - 1, count).round().astype(int))
    if count == total:
        flat = np.asarray(data[...]).reshape(-1)
    else:
        planes = [data[tuple(int(k) for k in np.unravel_index(plane, outer))] for plane in chosen]
        flat = np.stack(planes).reshape(-1)
    if flat.dtype.kind == "b":
        flat = flat.astype(np.uint8)
    not_finite = 0
    if flat.dtype.kind in "fc":
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
        ranked = flat[:: -(-flat.size // _RANKED_PIXELS) | 1] if flat.size > _RANKED_PIXELS else flat
        low, high = np.percentile(ranked, (0.5, 99.9))
        numbers = {
            "minimum": flat.min().item(),
            "maximum": flat.max().item(),
            "percentile_0.5": float(low),
            "percentile_99.9": float(high),
        }
    sampled = "all" if count == total else f"{len(chosen)} of {total}"
    return {**numbers, "not_finite": not_finite, "sampled_planes": sampled}


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
