"""Where a layer lies in the world."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from ..io import ImageStack
from ..io.units import micrometres
from ..optics.placement import Matrix, StackPlacement

AXES = ("z", "y", "x")
# Under which a layer of projections records where the rule has put it: nothing else says where it lies.
_BY_RULE = "microdiffusion placed"


@dataclass(frozen=True)
class FurtherAxis:
    """An axis before the last three: its name, and where in the world its places lie."""

    label: str
    scale: float
    translate: float
    units: str

    def world(self, index: int) -> float:
        """Where a place lies."""
        return self.translate + index * self.scale


class Placement(StackPlacement):
    """Spacing, origin and units of a stack (z, y, x), from a layer and for one."""

    @classmethod
    def of_layer(cls, layer: Any) -> "Placement":
        """Placement along the last three axes of a layer."""
        z, y, x = (float(value) for value in layer.scale[-3:])
        oz, oy, ox = (float(value) for value in layer.translate[-3:])
        uz, uy, ux = (str(unit) for unit in layer.units[-3:])
        shear = np.zeros((layer.ndim, layer.ndim))
        shear[np.triu_indices(layer.ndim, 1)] = layer.shear
        zy, zx, yx = (float(value) for value in shear[-3:, -3:][np.triu_indices(3, 1)])
        affine = np.asarray(layer.affine.affine_matrix)[-4:, -4:]
        return cls(
            (z, y, x),
            (oz, oy, ox),
            (uz, uy, ux),
            cast(Matrix, tuple(map(tuple, layer.rotate[-3:, -3:].tolist()))),
            (zy, zx, yx),
            None if np.array_equal(affine, np.eye(4)) else tuple(map(tuple, affine.tolist())),
        )

    @classmethod
    def of_image(cls, image: ImageStack) -> "Placement":
        """Placement of a stack from a file."""
        return cls.recorded(image.scale, image.unit, image.origin, image.step_length)

    def layer_arguments(self) -> dict[str, Any]:
        """What napari's `add_image` takes for a stack placed here."""
        return self._arguments(())

    def over_time(
        self, scale: float = 1.0, translate: float = 0.0, unit: str = "pixel", label: str = "t"
    ) -> dict[str, Any]:
        """What napari's `add_image` takes for frames of a stack placed here; the rest is of the time axis."""
        return self._arguments((FurtherAxis(label, scale, translate, unit),))

    def _arguments(self, before: Sequence[FurtherAxis]) -> dict[str, Any]:
        """The same for an image with further axes before z, y and x."""
        found: dict[str, Any] = {
            "scale": (*(axis.scale for axis in before), *self.scale),
            "translate": (*(axis.translate for axis in before), *self.translate),
            "units": (*(axis.units for axis in before), *self.units),
            "axis_labels": (*(axis.label for axis in before), *AXES),
        }
        if not self.is_upright:
            count = len(before)
            rotate, shear, affine = np.eye(count + 3), np.eye(count + 3), np.eye(count + 4)
            rotate[count:, count:] = self.rotate
            shear[count:, count:][np.triu_indices(3, 1)] = self.shear
            if self.affine is not None:
                affine[count:, count:] = self.affine
            found |= {"rotate": rotate, "shear": shear, "affine": affine}
        return found

    def put(self, layer: Any) -> None:
        """Move a layer here."""
        before = layer.ndim - 3
        layer.scale = (*layer.scale[:before], *self.scale)
        layer.translate = (*layer.translate[:before], *self.translate)
        layer.units = (*layer.units[:before], *self.units)
        layer.axis_labels = (*layer.axis_labels[:before], *AXES)


def rule_record(image: ImageStack) -> dict[str, Any]:
    """Metadata of a layer of projections: where the rule has put it, or that its file says where it lies."""
    if image.step_length is None:
        return {}
    placed = Placement.of_image(image)
    is_said = image.origin is not None and image.scale is not None
    return {_BY_RULE: () if is_said else (placed.scale[0], placed.translate[0])}


def place_by_rule(layer: Any, n: int) -> None:
    """Put projections whose place nothing records where their volume begins at zero, for a step length.

    A layer that its file or a person has put somewhere stays there.
    """
    placed = as_recorded(layer)
    if placed.translate[0] or not placed.is_upright or layer.metadata.get(_BY_RULE) == ():
        return
    placed = placed.with_first_slice_at_zero(n)
    if not placed.lies_like(Placement.of_layer(layer)):
        placed.put(layer)
    layer.metadata[_BY_RULE] = (placed.scale[0], placed.translate[0])


def as_recorded(layer: Any) -> Placement:
    """Placement of a layer as its file or a person says, without what the rule has added."""
    placed = Placement.of_layer(layer)
    scale, translate = layer.metadata.get(_BY_RULE) or (None, None)
    (z, *plane), (oz, *corner) = placed.scale, placed.translate
    if not placed.is_known and z == scale and plane == [1.0, 1.0]:
        z = 1.0
    if oz == translate:
        oz = 0.0
    return replace(placed, scale=(z, plane[0], plane[1]), translate=(oz, corner[0], corner[1]))


def spacing_um(placement: Placement) -> tuple[float, float, float] | None:
    """Spacing (z, y, x) in um, None where the unit is no length."""
    factors = [micrometres(unit) for unit in placement.units]
    if None in factors:
        return None
    z, y, x = (scale * (factor or 0) for scale, factor in zip(placement.scale, factors, strict=True))
    return z, y, x
