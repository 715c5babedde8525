"""Beams as the volume's slices sample them: how much light from which depth lands where in a projection."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

BEAMS = ("uniform", "gaussian", "bessel", "airy")

# Share of the maximum below which the tail of an axial profile is cut.
TAIL = 0.01


@dataclass(frozen=True, eq=False)
class SampledBeam:
    """A beam centred on a slab, as taps: weight, depth and lateral displacement.

    A structure at slice `slices[t]` of the slab and lateral position p appears in the slab's projection at
    p + displacement[t], weighted by weights[t]. A slice may have several taps: side lobes.

    Attributes
    ----------
    slices : ndarray, shape (T,), int
        Slice relative to the slab's first; negative or beyond the slab where the beam is wider than the step.
    weights : ndarray, shape (T,), float64
        Non-negative, sum 1.
    displacement : ndarray, shape (T, 2), float64
        Lateral displacement (dy, dx) in pixels.
    """

    slices: np.ndarray
    weights: np.ndarray
    displacement: np.ndarray

    @property
    def is_straight(self) -> bool:
        """Whether nothing is displaced laterally."""
        return not self.displacement.any()

    @cached_property
    def profile(self) -> np.ndarray:
        """Axial weights from the first slice that the beam reaches to the last, shape (L,), sum 1."""
        return np.bincount(self.slices - self.slices.min(), weights=self.weights)

    @property
    def first(self) -> int:
        """The slice of `profile[0]`, relative to the slab's first slice."""
        return int(self.slices.min())

    def fits(self, step_length: int) -> bool:
        """Whether the beam reaches no slice outside its own slab."""
        return self.first >= 0 and int(self.slices.max()) < step_length

    def parallax(self, step_length: int) -> float:
        """How differently both ends of a slab are displaced, relative to all displacements within it, 0 to 1.

        One for a tilted beam, and for a bent one with its apex at the slab's edge or outside. Zero where it
        bends alike on both sides of the slab's middle: two mirrored views do not tell these apart.
        """
        inside = (self.slices >= 0) & (self.slices < step_length)
        own, weights = self.slices[inside], self.weights[inside]
        light = np.bincount(own, weights)
        # Of the taps of a slice their mean.
        sums = np.stack([np.bincount(own, weights * along) for along in self.displacement[inside].T], 1)
        moved = sums[light > 0] / light[light > 0, None]
        most = float(np.linalg.norm(np.ptp(moved, 0)))
        return float(np.linalg.norm(moved[-1] - moved[0])) / most if most else 0.0

    def mirrored(self) -> "SampledBeam":
        """The same beam displaced to the other side: the second of two views."""
        return replace(self, displacement=-self.displacement)


def straight_beam(profile: np.ndarray, step_length: int) -> SampledBeam:
    """A beam without displacement, from axial weights centred on the slab.

    Parameters
    ----------
    profile : ndarray, shape (L,)
        Non-negative; L - step_length must be even, so that slices meet slices.
    step_length : int
        Slices per slab.
    """
    weights = np.asarray(profile, dtype=np.float64)
    if (len(weights) - step_length) % 2:
        raise ValueError("the profile's length and the step length must both be even or both be odd")
    slices = np.arange(len(weights)) - (len(weights) - step_length) // 2
    seen = weights > 0
    return SampledBeam(slices[seen], weights[seen] / weights.sum(), np.zeros((int(seen.sum()), 2)))


def axial_profile(beam: str, step_length: int, width: float | None = None, apex: float = 0.0) -> np.ndarray:
    """Axial weights of a beam, from as many slices before the slab as behind it.

    Parameters
    ----------
    beam : {"uniform", "gaussian", "bessel", "airy"}
        `uniform` is the paper's idealisation: every slice within the width counts the same, and the ones at
        its ends as far as they lie in it. The others have the Gaussian axial intensity
        exp(-4 ln 2 (z/width)^2): of a Gaussian focus, to a good approximation; of a Bessel focus made with a
        Gaussian annulus; and of the main lobe of an Airy beam around its apex.
    step_length : int
        Slices per slab, n.
    width : float, optional
        Full width at half maximum in slices; the step length where none is given.
    apex : float
        Where the maximum lies, in slices from the centre of the slab; a uniform beam has none.

    Returns
    -------
    ndarray, shape (L,), float64
        Non-negative weights that sum to 1; L - n is even.
    """
    if beam not in BEAMS:
        raise ValueError(f"unknown beam {beam!r}")
    width = float(step_length if width is None else width)
    apex = 0.0 if beam == "uniform" else apex
    # Half the reach, from the slab's centre, of what is not negligible.
    reach = width / 2 if beam == "uniform" else width * np.sqrt(np.log(1 / TAIL) / (4 * np.log(2)))
    outside = max(0, int(np.ceil(reach + abs(apex) - step_length / 2 - 1e-9)))
    z = np.arange(-outside, step_length + outside) - (step_length - 1) / 2 - apex
    if beam == "uniform":
        weights = np.clip(width / 2 - np.abs(z) + 0.5, 0, min(1, width))
    else:
        with np.errstate(over="ignore"):
            weights = np.exp(-4 * np.log(2) * (z / width) ** 2)
        weights[weights < TAIL] = 0
    if not weights.any():
        # Far narrower than a slice, between two of them.
        weights = (np.abs(z) <= np.abs(z).min() + 1e-9).astype(np.float64)
    return np.asarray(weights / weights.sum())
