"""Where a stack lies: so that projections, volumes and truth come to lie in the same place."""

from dataclasses import dataclass, replace
from typing import Self


@dataclass(frozen=True)
class StackPlacement:
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

    @property
    def is_known(self) -> bool:
        """Whether the spacing is a physical length."""
        return self.units[-1] != "pixel"

    def moved_to_slab_centres(self, n: int) -> Self:
        """The same spacing for projections of a volume whose first slice lies at the origin."""
        return self._shifted((n - 1) / (2 * n) * self.scale[0])

    def of_volume(self, n: int) -> Self:
        """Placement of the volume whose projections lie here.

        Slab i covers the slices i*n to i*n + n - 1, so its centre lies (n - 1) / 2 slices above the first.
        """
        shifted = self._shifted(-(n - 1) / (2 * n) * self.scale[0])
        return replace(shifted, scale=(self.scale[0] / n, *self.scale[1:]))

    def of_projections(self, n: int) -> Self:
        """Placement of the projections of a volume that lies here; the inverse of `of_volume`."""
        moved = self._shifted((n - 1) / 2 * self.scale[0])
        return replace(moved, scale=(self.scale[0] * n, *self.scale[1:]))

    def describe_voxel(self) -> str:
        """The spacing in words, e.g. "6 × 1 × 1 µm"."""
        if not self.is_known:
            return "voxel size not known"
        numbers = " × ".join(f"{value:.3g}" for value in self.scale)
        return f"{numbers} {short_unit(self.units[-1])}"

    def _shifted(self, distance: float) -> Self:
        z, y, x = self.translate
        return replace(self, translate=(z + distance, y, x))


def short_unit(unit: str) -> str:
    """The usual sign of a unit of length."""
    signs = {"micrometer": "µm", "um": "µm", "micron": "µm", "nanometer": "nm", "millimeter": "mm"}
    return signs.get(unit, unit)
