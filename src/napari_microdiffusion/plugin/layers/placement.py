"""Where a layer lies in the world, so that projections, volumes and truth overlay in the same place."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ...io import ImageStack
from ...io.units import micrometres

if TYPE_CHECKING:
    from napari.layers import Image

AXES = ("z", "y", "x")


@dataclass(frozen=True)
class Placement:
    """Spacing, origin and units of a stack (z, y, x).

    Attributes
    ----------
    scale : tuple of float
        Distance between neighbouring planes, rows and columns, in `units`.
    translate : tuple of float
        Where the centre of the first voxel lies, in `units`.
    units : tuple of str
        A unit per axis, as napari spells them; "pixel" where the spacing is not known.
    """

    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)
    translate: tuple[float, float, float] = (0.0, 0.0, 0.0)
    units: tuple[str, str, str] = ("pixel", "pixel", "pixel")

    @classmethod
    def of_layer(cls, layer: "Image") -> "Placement":
        """Placement along the last three axes of a layer."""
        z, y, x = (float(value) for value in layer.scale[-3:])
        oz, oy, ox = (float(value) for value in layer.translate[-3:])
        uz, uy, ux = (str(unit) for unit in layer.units[-3:])
        return cls((z, y, x), (oz, oy, ox), (uz, uy, ux))

    @classmethod
    def of_image(cls, image: ImageStack) -> "Placement":
        """Placement of a stack from a file; that of projections puts their slabs where the slices lie."""
        if image.scale is None:
            placed = cls()
        else:
            placed = cls(image.scale, (0.0, 0.0, 0.0), (image.unit, image.unit, image.unit))
        return placed if image.step_length is None else placed.moved_to_slab_centres(image.step_length)

    @property
    def is_known(self) -> bool:
        """Whether the spacing is a physical length."""
        return self.units[-1] != "pixel"

    def moved_to_slab_centres(self, n: int) -> "Placement":
        """The same spacing for projections of a volume whose first slice lies at the origin."""
        return self._shifted((n - 1) / (2 * n) * self.scale[0])

    def of_volume(self, n: int) -> "Placement":
        """Placement of the volume whose projections lie here.

        Slab i covers the slices i*n to i*n + n - 1, so its centre lies (n - 1) / 2 slices above the first.
        """
        shifted = self._shifted(-(n - 1) / (2 * n) * self.scale[0])
        return replace(shifted, scale=(self.scale[0] / n, *self.scale[1:]))

    def of_projections(self, n: int) -> "Placement":
        """Placement of the projections of a volume that lies here; the inverse of `of_volume`."""
        moved = self._shifted((n - 1) / 2 * self.scale[0])
        return replace(moved, scale=(self.scale[0] * n, *self.scale[1:]))

    def layer_arguments(self) -> dict[str, Any]:
        """What napari's `add_image` takes for a stack placed here."""
        return {"scale": self.scale, "translate": self.translate, "units": self.units, "axis_labels": AXES}

    def describe_voxel(self) -> str:
        """The spacing in words, e.g. "6 × 1 × 1 µm"."""
        if not self.is_known:
            return "voxel size not known"
        numbers = " × ".join(f"{value:.3g}" for value in self.scale)
        return f"{numbers} {short_unit(self.units[-1])}"

    def _shifted(self, distance: float) -> "Placement":
        z, y, x = self.translate
        return replace(self, translate=(z + distance, y, x))


def short_unit(unit: str) -> str:
    """The usual sign of a unit of length."""
    signs = {"micrometer": "µm", "um": "µm", "micron": "µm", "nanometer": "nm", "millimeter": "mm"}
    return signs.get(unit, unit)


def spacing_um(placement: Placement) -> tuple[float, float, float] | None:
    """Spacing (z, y, x) in um, None where the unit is no length."""
    factors = [micrometres(unit) for unit in placement.units]
    if None in factors:
        return None
    z, y, x = (scale * (factor or 0) for scale, factor in zip(placement.scale, factors, strict=True))
    return z, y, x
