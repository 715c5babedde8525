"""The writer that the manifest names: image layers into OME-TIFF and OME-Zarr, with what is known of them."""

import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..errors import UserError
from ..io import Planes, ZarrKind, check_not_read, provenance_path, sources_of, write_image, write_json
from ..optics.placement import TURNED
from ..optics.recorded_beam import KEY
from ..settings.files import short_record
from .lazy import apart
from .metadata import METADATA_KEY, LayerData
from .placement import Placement
from .stack import planes_of

_OF_EVERY_FORMAT = ("uint8", "uint16", "float32")
_LEADING = {"t": "t", "time": "t", "c": "c", "channel": "c"}


def write_layers(path: str, layers: Sequence[LayerData], zarr: ZarrKind = "0.4") -> list[str]:
    """Write image layers into one file: one as a stack, several of the same shape and place as its channels.

    Of a layer at several resolutions the finest is written; what lies in a file is read plane by plane. Axes,
    scale and units are kept, and of our own layers the step length, the beam and the settings that made them,
    which also go into a provenance file beside the image.

    Parameters
    ----------
    path
        Ends in `.ome.tif`, `.ome.tiff` or `.ome.zarr`.
    layers
        Data, attributes and type of each, as napari hands them over.
    zarr
        Version of an OME-Zarr.

    Returns
    -------
    list of str
        The files that were written.

    Raises
    ------
    UserError
        For colour, axes without a name, layers that do not match, a file that one of
        them was read from, and where the operating system refuses.
    """
    layers = [(data[0] if look.get("multiscale") else data, look, kind) for data, look, kind in layers]
    first, attributes, _ = layers[0]
    axes = _axes_of(first, attributes)
    names = [str(attributes["name"]) for _, attributes, _ in layers]
    for data, others, _ in layers[1:]:
        if _axes_of(data, others) != axes or np.shape(data) != np.shape(first):
            raise UserError(
                f"“{names[0]}” and “{others['name']}” differ in size, so they cannot be the channels of one "
                "file; save them one at a time."
            )
        if _placement(others) != _placement(attributes):
            raise UserError(
                f"“{names[0]}” and “{others['name']}” lie in different places or have different scales, so "
                "they cannot be the channels of one file; save them one at a time."
            )
    written: Any
    if len(layers) == 1:
        written = _planes_of_file(first) or np.asarray(apart(first))
    else:
        if "c" in axes:
            raise UserError(f"“{names[0]}” has channels already; save the layers one at a time.")
        place = axes.index("z")
        axes = f"{axes[:place]}c{axes[place:]}"
        written = np.stack([np.asarray(apart(data)) for data, _, _ in layers], axis=place)
    placement = _placement(attributes)
    if _is_turned(attributes):
        warnings.warn(TURNED.format(names[0]), stacklevel=2)
    known = [_known(attributes) for _, attributes, _ in layers]
    check_not_read(path, [file for k in known if k.get("path") for file in sources_of(k["path"])])
    provenance = next((k["provenance"] for k in known if k.get("provenance")), None)
    write_image(
        path,
        written,
        axes=axes,
        scale=placement.scale if placement.is_known else None,
        unit=placement.units[-1] if placement.is_known else "um",
        origin=placement.translate if placement.is_known else None,
        channels=names if len(layers) > 1 else (),
        zarr=zarr,
        step_length=known[0].get("step_length") if known[0].get("role") == "projections" else None,
        beam=known[0].get("beam") if known[0].get("role") == "projections" else None,
        description=_description([str(k.get("role", "image")) for k in known], provenance, known[0].get(KEY)),
    )
    if provenance is None or "input" not in provenance:
        return [path]
    beside = provenance_path(path)
    write_json(beside, {**provenance, "outputs": {str(k.get("role", "image")): path for k in known}})
    return [path, str(beside)]


def _planes_of_file(stack: Any) -> Planes | None:
    """A stack that lies in a file, plane by plane since it may be larger than memory; None for another.

    None also where its type is one that not every format has.
    """
    if isinstance(stack, np.ndarray) or stack.dtype.name not in _OF_EVERY_FORMAT:
        return None
    return Planes(tuple(map(int, stack.shape)), stack.dtype, partial(planes_of, stack))


def _description(
    roles: list[str], provenance: Mapping[str, Any] | None, beam: Mapping[str, Any] | None
) -> dict[str, Any]:
    if set(roles) <= {"image", "projections"}:
        return {KEY: beam} if beam and roles[0] == "projections" else {}
    record = short_record(provenance) if provenance else {}
    return {"quantity": roles if len(roles) > 1 else roles[0], **record}


def _known(attributes: Mapping[str, Any]) -> dict[str, Any]:
    found = (attributes.get("metadata") or {}).get(METADATA_KEY)
    return found if isinstance(found, dict) else {}


def _placement(attributes: Mapping[str, Any]) -> Placement:
    scale = [float(value) for value in attributes["scale"]][-3:]
    translate = [float(value) for value in attributes["translate"]][-3:]
    units = [str(unit) for unit in attributes.get("units") or ("pixel",) * 3][-3:]
    return Placement((scale[0], scale[1], scale[2]), (translate[0], translate[1], translate[2]), tuple(units))  # type: ignore[arg-type]


def _is_turned(attributes: Mapping[str, Any]) -> bool:
    """Whether a layer's axes are not those of the world."""
    for name, none in (("rotate", np.eye), ("affine", np.eye), ("shear", np.zeros)):
        value = attributes.get(name)
        if value is not None and not np.array_equal(np.asarray(value), none(len(np.asarray(value)))):
            return True
    return False


def _axes_of(data: Any, attributes: Mapping[str, Any]) -> str:
    """Return the letters of a layer's axes."""
    name = attributes["name"]
    if attributes.get("rgb"):
        raise UserError(
            f"“{name}” is a colour picture, which this writer does not keep; save it with another."
        )
    dimensions = len(np.shape(data))
    if dimensions < 3:
        raise UserError(f"“{name}” is a single plane; this writer saves stacks (z, y, x).")
    labels = [str(label) for label in attributes.get("axis_labels") or ()][: dimensions - 3]
    letters = [_LEADING.get(label.lower(), "") for label in labels]
    if "".join(letters) not in ("", "t", "c", "tc") or len(letters) != dimensions - 3 or "" in letters:
        raise UserError(
            f"“{name}” has {dimensions - 3} axes before z, y and x; label them t (time) and c (channel), in "
            "this order."
        )
    return "".join(letters) + "zyx"
