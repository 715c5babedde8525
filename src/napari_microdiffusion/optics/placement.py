"""Where a stack lies: so that projections, volumes and truth come to lie in the same place.

One rule for all files, layers and results: a projection lies at the centre of its slab, and where nothing
records where a stack lies, the first slice of the volume lies at zero. Slab i covers the slices i*n to
i*n + n - 1, so that its centre lies (n - 1) / 2 slices above the first of them. Where no spacing is recorded
either, positions count the volume's slices and pixels.
"""

from dataclasses import dataclass, replace
from typing import Self

Vector = tuple[float, float, float]
Matrix = tuple[Vector, Vector, Vector]

UPRIGHT: Matrix = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
# Positions closer than this part of a voxel are the same: files keep them as decimal numbers.
_SAME_PLACE = 1e-3


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
    rotate : tuple of tuple of float
        Rotation matrix; with `shear` it gives the directions of the stack's axes.
    shear : tuple of float
        Upper triangle of the shear matrix (zy, zx, yx), applied before the rotation.
    affine : tuple of tuple of float, optional
        A 4 x 4 matrix applied after all of this; None for none.
    """

    scale: Vector = (1.0, 1.0, 1.0)
    translate: Vector = (0.0, 0.0, 0.0)
    units: tuple[str, str, str] = ("pixel", "pixel", "pixel")
    rotate: Matrix = UPRIGHT
    shear: Vector = (0.0, 0.0, 0.0)
    affine: tuple[tuple[float, ...], ...] | None = None

    @classmethod
    def recorded(
        cls,
        scale: Vector | None,
        unit: str = "um",
        origin: Vector | None = None,
        step_length: int | None = None,
    ) -> Self:
        """Placement of a stack whose file records this; `step_length` makes it one of projections."""
        placed = cls() if scale is None else cls(scale, origin or (0.0, 0.0, 0.0), (unit, unit, unit))
        if step_length is None or (scale is not None and origin is not None):
            return placed
        return placed.with_first_slice_at_zero(step_length)

    @property
    def is_upright(self) -> bool:
        """Whether the stack's axes are those of the world."""
        return self.rotate == UPRIGHT and not any(self.shear) and self.affine is None

    @property
    def is_known(self) -> bool:
        """Whether the spacing is a physical length."""
        return self.units[-1] != "pixel"

    def with_first_slice_at_zero(self, n: int) -> Self:
        """Projections with this spacing whose volume begins at zero; without a spacing they are n apart."""
        has_spacing = self.is_known or self.scale != (1.0, 1.0, 1.0)
        placed = self if has_spacing else replace(self, scale=(float(n), 1.0, 1.0))
        _, y, x = self.translate
        return replace(placed, translate=(0.0, y, x))._moved((n - 1) / (2 * n))

    def of_volume(self, n: int) -> Self:
        """Placement of the volume whose projections lie here."""
        shifted = self._moved(-(n - 1) / (2 * n))
        return replace(shifted, scale=(self.scale[0] / n, *self.scale[1:]))

    def of_projections(self, n: int) -> Self:
        """Placement of the projections of a volume that lies here; the inverse of `of_volume`."""
        moved = self._moved((n - 1) / 2)
        return replace(moved, scale=(self.scale[0] * n, *self.scale[1:]))

    def of_part(self, z: float, y: float, x: float) -> Self:
        """Placement of the part that begins at a voxel."""
        return self._moved(z, y, x)

    def lies_like(self, other: "StackPlacement") -> bool:
        """Whether voxels of the same index lie in the same place."""
        turned = [(one.rotate, one.shear, one.affine) for one in (self, other)]
        if self.units != other.units or turned[0] != turned[1]:
            return False
        return all(
            abs(own - theirs) <= _SAME_PLACE * size
            for pair in ((self.scale, other.scale), (self.translate, other.translate))
            for own, theirs, size in zip(*pair, self.scale, strict=True)
        )

    def describe_difference(self, truth: "StackPlacement") -> str:
        """Say how a truth lies unlike the volume here that it is compared with by slices; else nothing."""
        if truth.lies_like(self):
            return ""
        here, there = self.describe_depth(), truth.describe_depth()
        if truth.is_known and self.is_known and not replace(truth, translate=self.translate).lies_like(self):
            return (
                f"Its voxels are {truth.describe_voxel()}, the volume's {self.describe_voxel()}: they are "
                "compared by their number, so check the step length and the scale."
            )
        return f"Moved from {there} to {here}, where the volume begins: slice is compared with slice."

    def describe_voxel(self) -> str:
        """The spacing in words, e.g. "6 × 1 × 1 µm"."""
        if not self.is_known:
            return "voxel size not known"
        numbers = " × ".join(f"{value:.3g}" for value in self.scale)
        return f"{numbers} {short_unit(self.units[-1])}"

    def describe_depth(self) -> str:
        """Where the first plane lies, e.g. "z = 2.5 µm"."""
        return f"z = {self.translate[0]:.4g} {short_unit(self.units[0]) if self.is_known else 'slices'}"

    def _moved(self, z: float, y: float = 0, x: float = 0) -> Self:
        """Moved by voxels along the stack's own axes."""
        zy, zx, yx = self.shear
        step = [count * size for count, size in zip((z, y, x), self.scale, strict=True)]
        sheared = (step[0] + zy * step[1] + zx * step[2], step[1] + yx * step[2], step[2])
        rotated = [sum(r * s for r, s in zip(row, sheared, strict=True)) for row in self.rotate]
        place = [at + by for at, by in zip(self.translate, rotated, strict=True)]
        return replace(self, translate=(place[0], place[1], place[2]))


TURNED = "The rotation, shear or transform of “{}” is not kept in the file: it opens upright."
"""Sentence for a layer that is turned, when it is saved."""


def short_unit(unit: str) -> str:
    """The usual sign of a unit of length."""
    signs = {"micrometer": "µm", "um": "µm", "micron": "µm", "nanometer": "nm", "millimeter": "mm"}
    return signs.get(unit, unit)
