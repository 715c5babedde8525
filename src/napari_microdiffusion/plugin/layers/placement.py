"""Where a layer lies in the world."""

from typing import TYPE_CHECKING, Any

from ...io import ImageStack
from ...io.units import micrometres
from ...optics.placement import StackPlacement

if TYPE_CHECKING:
    from napari.layers import Image

AXES = ("z", "y", "x")


class Placement(StackPlacement):
    """Spacing, origin and units of a stack (z, y, x), from a layer and for one."""

    @classmethod
    def of_layer(cls, layer: "Image") -> "Placement":
        """Placement along the last three axes of a layer."""
        z, y, x = (float(value) for value in layer.scale[-3:])
        oz, oy, ox = (float(value) for value in layer.translate[-3:])
        uz, uy, ux = (str(unit) for unit in layer.units[-3:])
        return cls((z, y, x), (oz, oy, ox), (uz, uy, ux))

    @classmethod
    def of_image(cls, image: ImageStack) -> "Placement":
        """Placement of a stack from a file: at its origin; without one, slabs where the slices lie."""
        placed = cls()
        if image.scale is not None:
            origin = image.origin or (0.0, 0.0, 0.0)
            placed = cls(image.scale, origin, (image.unit, image.unit, image.unit))
        is_placed = image.step_length is None or (image.scale is not None and image.origin is not None)
        return placed if is_placed else placed.moved_to_slab_centres(image.step_length or 1)

    def layer_arguments(self) -> dict[str, Any]:
        """What napari's `add_image` takes for a stack placed here."""
        return {"scale": self.scale, "translate": self.translate, "units": self.units, "axis_labels": AXES}


def spacing_um(placement: Placement) -> tuple[float, float, float] | None:
    """Spacing (z, y, x) in um, None where the unit is no length."""
    factors = [micrometres(unit) for unit in placement.units]
    if None in factors:
        return None
    z, y, x = (scale * (factor or 0) for scale, factor in zip(placement.scale, factors, strict=True))
    return z, y, x
