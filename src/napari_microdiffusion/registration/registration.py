"""From a reference stack to its place in the volume, and whether it is of this tissue at all."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from ..optics import Acquisition
from ..optics.operators.conjugate_gradients import unchecked
from .deformation import Deformation
from .forward import Forward
from .local_shifts import local_shifts
from .pose import Pose, Triple
from .refinement import refined
from .restoration import restored
from .rigid import covered, resampled, without_aliasing
from .search import search, structures

# Share of the slabs and pixels that a reference must cover at least.
_LEAST_COVERED = 0.1
# Match from which on a pose is refined to the end.
_WELL = 0.9
# What a deformation must leave at most of what a rigid stack does not explain: 0.69 and less where tissue was
# deformed, 0.88 and more where it was not, on six volumes.
_CLEARLY = 0.8


@dataclass(frozen=True)
class Registration:
    """Where a reference lies, and how well it matches.

    Attributes
    ----------
    pose : Pose
    match : float
        Correlation coefficient of the structures in the projections and in those of the reference.
    chance : float or None
        What the reference reached upside down or mirrored; None where it was not searched for.
    is_of_this_tissue : bool
        Whether it matches better than chance; taken for granted where nothing was searched.
    is_upside_down : bool
        Whether it matches upside down, and only so.
    deformation : Deformation or None
        Local shifts beyond the pose; None where the pose explains as much.
    """

    pose: Pose
    match: float
    chance: float | None = None
    is_of_this_tissue: bool = True
    is_upside_down: bool = False
    deformation: Deformation | None = None

    def describe(self, spacing: Triple | None = None) -> str:
        """What was found, in a sentence.

        Parameters
        ----------
        spacing : tuple of 3 floats, optional
            Of the volume's voxels (z, y, x) in um; without it shifts are told in slices and pixels.
        """
        if self.is_upside_down:
            return (
                "The reference matches the projections upside down only: flip its slices, or the projections."
                " It is left aside."
            )
        if not self.is_of_this_tissue:
            return (
                f"The reference matches the projections no better than chance would (correlation "
                f"{self.match:.2f}, and {self.chance:.2f} mirrored or upside down): it is of another place, "
                "or its voxel size is not as stated. It is left aside."
            )
        z, y, x = self.pose.shift
        if spacing is None:
            moved = f"{z:.1f} slices in z, {y:.1f} pixels in y and {x:.1f} in x"
        else:
            z, y, x = (float(a * b) for a, b in zip(self.pose.shift, spacing, strict=True))
            moved = f"{z:.1f} µm in z, {y:.1f} µm in y and {x:.1f} µm in x"
        turned = f", turned by {self.pose.angle:.1f}°" if abs(self.pose.angle) >= 0.05 else ""
        return (
            f"The reference is shifted by {moved}{turned}{self._bent(spacing)}; it matches {self.match:.2f}."
        )

    def _bent(self, spacing: Triple | None) -> str:
        if self.deformation is None:
            return ""
        along, across = self.deformation.largest
        if spacing is None:
            return f", and deformed by up to {along:.1f} slices in z and {across:.1f} pixels across"
        along, across = along * spacing[0], across * spacing[2]
        return f", and deformed by up to {along:.1f} µm in z and {across:.1f} µm across"

    def record(self) -> dict[str, Any]:
        """What a provenance tells of it."""
        return {
            "shift": [round(value, 3) for value in self.pose.shift],
            "angle": round(self.pose.angle, 3),
            "match": round(self.match, 4),
            "chance": None if self.chance is None else round(self.chance, 4),
            "used": self.is_of_this_tissue,
            "deformed": None if self.deformation is None else [round(v, 3) for v in self.deformation.largest],
        }


def register(
    projections: np.ndarray,
    stack: np.ndarray,
    acquisition: Acquisition,
    *,
    voxel: Triple = (1.0, 1.0, 1.0),
    place: Pose | None = None,
    measured: np.ndarray | None = None,
    noise: float = float("inf"),
    check: Callable[[], None] = unchecked,
) -> Registration:
    """Find a reference stack in the volume that projections are of.

    Parameters
    ----------
    projections : ndarray, shape (V*N, H, W)
        Without most of their noise.
    stack : ndarray, shape (D, H', W')
        The reference, of any unit of intensity; larger or smaller than the volume.
    acquisition : Acquisition
        Step length and beam.
    voxel : tuple of 3 floats
        Voxel size (z, y, x) of the reference in voxels of the volume.
    place : Pose, optional
        Where it is known to lie; then nothing is searched.
    measured : ndarray, shape (V*N, H, W), optional
        The projections with all of their noise.
    noise : float
        As `restored` takes it; by default nothing is put back.
    check : callable
        Called now and then; may raise to leave.
    """
    forward = Forward(acquisition, len(projections) // acquisition.views)
    image = without_aliasing(np.asarray(stack, np.float32), voxel)
    if place is not None:
        return Registration(place, match_at(projections, image, voxel, forward, place))
    sizes = tuple(max(1, round(count * size)) for count, size in zip(stack.shape, voxel, strict=True))
    even = (sizes[0], sizes[1], sizes[2])
    on_voxels = image if even == image.shape else resampled(image, voxel, Pose(), even)
    found = search(projections, on_voxels, forward, check)
    chances = {
        (z, y, x): search(projections, on_voxels[::z, ::y, ::x], forward, check)
        for z, y, x in product((1, -1), repeat=3)
        if (z, y, x) != (1, 1, 1)
    }
    chance = max(chances.values(), key=lambda one: one.score).match
    turned = chances.pop((-1, 1, 1))
    others = list(chances.values())
    if turned.is_better_than([found, *others]):
        return Registration(found.pose, found.match, turned.match, False, is_upside_down=True)
    if not found.is_better_than([turned, *others]):
        return Registration(found.pose, found.match, chance, False)
    exact = projections if measured is None else measured
    pose = refined(exact, image, voxel, forward, found.pose, check)
    match = match_at(projections, image, voxel, forward, pose)
    if match < found.match:
        pose, match = found.pose, found.match
    elif match > _WELL:
        pose = refined(exact, image, voxel, forward, pose, check, finely=True)
        match = match_at(projections, image, voxel, forward, pose)
    deformation = local_shifts(projections, image, voxel, forward, pose, check)
    if deformation is not None:
        # Blurred edges of a rigid stack look a little better when they are bent.
        rigid, bent = (
            match_at(projections, image, voxel, forward, pose, one, noise, check)
            for one in (None, deformation)
        )
        if 1 - bent < _CLEARLY * (1 - rigid):
            return Registration(pose, bent, chance, deformation=deformation)
    return Registration(pose, match, chance)


def match_at(
    projections: np.ndarray,
    stack: np.ndarray,
    voxel: Triple,
    forward: Forward,
    pose: Pose,
    deformation: Deformation | None = None,
    noise: float | None = None,
    check: Callable[[], None] = unchecked,
) -> float:
    """Correlation coefficient of structures where a stack covers the volume; 0 where it does not.

    Where its noise is given, what resampling blurs is put back, as in `restored`.
    """
    shape = (forward.depth, *projections.shape[1:])
    inside = forward(covered(stack.shape, voxel, pose, shape, deformation).astype(np.float32)) > 0.9
    if inside.mean() < _LEAST_COVERED:
        return 0.0
    if noise is None:
        there = resampled(stack, voxel, pose, shape, deformation=deformation)
    else:
        there = restored(stack, voxel, pose, shape, noise, deformation, check)
    seen = structures(forward(there))[inside]
    measured = structures(projections)[inside]
    energy = float(np.square(seen).sum()) * float(np.square(measured).sum())
    return float((seen * measured).sum()) / float(np.sqrt(energy)) if energy > 0 else 0.0
