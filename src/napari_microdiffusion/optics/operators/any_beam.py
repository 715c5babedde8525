"""The projection operator of any beam: overlapping slabs, lateral displacement, several views.

Beams reach beyond the slabs they are centred on, so the operator works on an *extended* volume: the slabs
that the user asked for, with as many virtual slabs on either side and as wide a margin as the beams reach.
What lies there is seen in part and reconstructed along, then cropped; taking it for dark instead would make
the outermost slices of a uniform specimen come out too bright.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ..beam.sampling import SampledBeam
from .banded import BandedFactor, factor_banded

# Lateral frequencies along an axis that are looked at.
_FREQUENCIES = 32


class BeamOperator:
    """X^v_i(p) = sum_t w_t m_{i n + k_t}(p - d_t), for slab i and the beam of view v with taps t.

    Displacements between pixels are split over the pixels around them by linear interpolation.

    Parameters
    ----------
    beams : sequence of SampledBeam
        One for each view, V of them.
    step_length : int
        Slices from one projection to the next, n.
    shape : tuple of int
        Slabs, rows and columns (N, H, W) of a view.

    Notes
    -----
    The projections of all views are stacked, shape (V*N, H, W), those of the first view first. `project` and
    `adjoint` take arrays whose last axes are those of the extended volume or the projections.
    """

    def __init__(self, beams: Sequence[SampledBeam], step_length: int, shape: tuple[int, int, int]) -> None:
        self.beams = tuple(beams)
        self.step_length = step_length
        self.shape = shape
        self.views = len(self.beams)
        n = step_length
        first = min(int(beam.slices.min()) for beam in beams)
        last = max(int(beam.slices.max()) for beam in beams)
        self.virtual_slabs = max(-(first // n), last // n, 0)
        """Virtual slabs before the first slab, and as many behind the last."""
        reach = np.max([np.abs(beam.displacement).max(0) for beam in beams], axis=0)
        self.margin = (int(np.ceil(reach[0])), int(np.ceil(reach[1])))
        """Rows and columns added on every side."""
        self._taps = [list(_whole_taps(beam)) for beam in beams]

    @property
    def is_straight(self) -> bool:
        """Whether pixel columns are independent of each other: one view, nothing displaced."""
        return self.views == 1 and self.beams[0].is_straight

    @property
    def extended_shape(self) -> tuple[int, int, int]:
        """Shape of the extended volume."""
        slabs, height, width = self.shape
        rows, columns = self.margin
        return (slabs + 2 * self.virtual_slabs) * self.step_length, height + 2 * rows, width + 2 * columns

    @property
    def extended_slabs(self) -> tuple[int, int, int]:
        """Slabs, rows and columns of the extended volume."""
        depth, height, width = self.extended_shape
        return depth // self.step_length, height, width

    @property
    def inside(self) -> tuple[slice, slice, slice]:
        """Index of the volume proper within the extended volume."""
        depth, height, width = self.extended_shape
        before, (rows, columns) = self.virtual_slabs * self.step_length, self.margin
        return slice(before, depth - before), slice(rows, height - rows), slice(columns, width - columns)

    def extend(self, volume: np.ndarray) -> np.ndarray:
        """The volume (N*n, H, W) with its outermost voxels continued outwards."""
        before, (rows, columns) = self.virtual_slabs * self.step_length, self.margin
        return np.pad(volume, ((before, before), (rows, rows), (columns, columns)), mode="edge")

    def crop(self, extended: np.ndarray) -> np.ndarray:
        """The volume proper of an extended one; a view."""
        return np.asarray(extended[self.inside])

    def project(self, extended: np.ndarray) -> np.ndarray:
        """A m: extended volume to projections (V*N, H, W) of the same type."""
        projections = np.zeros((self.views * self.shape[0], *self.shape[1:]), extended.dtype)
        for part, weight, window in self._parts():
            projections[part] += extended.dtype.type(weight) * extended[window]
        return projections

    def project_window(self, window: Any) -> Any:
        """The pixels that see nothing outside a lateral window of the extended volume.

        Parameters
        ----------
        window : Tensor, shape (depth, rows, columns)
            All slices of some rows and columns; gradients pass through.

        Returns
        -------
        Tensor, shape (V*N, rows - 2 margin, columns - 2 margin)
            Its first pixel is that of the window's first row and column, counted in the projections.
        """
        n, before, (rows, columns) = self.step_length, self.virtual_slabs * self.step_length, self.margin
        height, width = (max(0, size) for size in (window.shape[1] - 2 * rows, window.shape[2] - 2 * columns))
        slabs = self.shape[0]
        # An empty array of the same kind, so that this file needs no torch.
        joined = window.new_zeros((self.views * slabs, height, width))
        for view, taps in enumerate(self._taps):
            for k, dy, dx, weight in taps:
                z, y, x = before + k, rows - dy, columns - dx
                part = window[z : z + (slabs - 1) * n + 1 : n, y : y + height, x : x + width]
                joined[view * slabs : (view + 1) * slabs] += weight * part
        return joined

    def adjoint(self, projections: np.ndarray) -> np.ndarray:
        """A^T X: projections (V*N, H, W) to an extended volume of the same type."""
        extended = np.zeros(self.extended_shape, projections.dtype)
        for part, weight, window in self._parts():
            extended[window] += projections.dtype.type(weight) * projections[part]
        return extended

    def lowest(self, projections: np.ndarray) -> np.ndarray:
        """The smallest pixel in which each voxel of the extended volume is seen; infinite where in none."""
        extended = np.full(self.extended_shape, np.inf, projections.dtype)
        for part, _, window in self._parts():
            np.minimum(extended[window], projections[part], out=extended[window])
        return extended

    def _parts(self) -> Iterator[tuple[slice, float, tuple[slice, slice, slice]]]:
        """For each tap: the view's projections, the weight, and the voxels they read."""
        slabs, height, width = self.shape
        n, before, (rows, columns) = self.step_length, self.virtual_slabs * self.step_length, self.margin
        for view, taps in enumerate(self._taps):
            part = slice(view * slabs, (view + 1) * slabs)
            for k, dy, dx, weight in taps:
                z, y, x = before + k, rows - dy, columns - dx
                yield (
                    part,
                    weight,
                    (slice(z, z + (slabs - 1) * n + 1, n), slice(y, y + height), slice(x, x + width)),
                )

    @property
    def squared_norm(self) -> float:
        """|w|^2, the diagonal of A A^T where displacements are whole pixels."""
        return float(sum(weight**2 for *_, weight in self._taps[0]))

    @cached_property
    def profile(self) -> np.ndarray:
        """Axial weights of slab 0 on the slices of the extended volume, from its first."""
        reach = (2 * self.virtual_slabs + 1) * self.step_length
        weights = np.zeros(reach)
        for k, _, _, weight in self._taps[0]:
            weights[self.virtual_slabs * self.step_length + k] += weight
        return weights

    @cached_property
    def faintest_detail(self) -> float:
        """How much is left of the lateral detail that projections blur most, 0 to 1; 1 for a straight beam.

        Of structures that are the same in all slices, and up to what pixels resolve.
        """
        rows, columns = self.margin
        left = []
        for taps in self._taps:
            spread = np.zeros((2 * rows + 1, 2 * columns + 1))
            for _, dy, dx, weight in taps:
                spread[rows + dy, columns + dx] += weight
            sizes = [max(_FREQUENCIES, size) for size in spread.shape]
            left.append(float(np.abs(np.fft.rfft2(spread, sizes)).min()))
        return max(left)

    @cached_property
    def coupling(self) -> np.ndarray:
        """Diagonals of A A^T of a straight beam, shape (b + 1,): the slab itself, the next one, and so on."""
        w, n = self.profile, self.step_length
        shifted = range(min(2 * self.virtual_slabs, self.shape[0] - 1) + 1)
        return np.array([w[d * n :] @ w[: len(w) - d * n] for d in shifted])

    @cached_property
    def condition(self) -> float:
        """Ratio of the largest to the smallest eigenvalue of A A^T of a straight beam; 1 for others."""
        if not self.is_straight:
            return 1.0
        from scipy.linalg import eigvalsh, toeplitz

        row = np.zeros(self.shape[0])
        row[: len(self.coupling)] = self.coupling
        values = eigvalsh(toeplitz(row))
        return float(values[-1] / max(values[0], 1e-12 * values[-1]))

    def factor(self, damping: float) -> BandedFactor:
        """Factor of A A^T + damping I of a straight beam, shared by all pixels; stored for the next call."""
        if damping not in self._factors:
            bands = np.repeat(self.coupling[:, None], self.shape[0], axis=1)
            bands[0] += damping
            self._factors[damping] = factor_banded(bands[:, :, None])
        return self._factors[damping]

    @cached_property
    def _factors(self) -> dict[float, BandedFactor]:
        return {}


def _whole_taps(beam: SampledBeam) -> Iterator[tuple[int, int, int, float]]:
    """(slice, dy, dx, weight) with whole pixels, displacements between pixels split over those around."""
    taps: dict[tuple[int, int, int], float] = {}
    for k, weight, (dy, dx) in zip(beam.slices, beam.weights, beam.displacement, strict=True):
        top, left = int(np.floor(dy)), int(np.floor(dx))
        for y, share_y in ((top, 1 - (dy - top)), (top + 1, dy - top)):
            for x, share_x in ((left, 1 - (dx - left)), (left + 1, dx - left)):
                if share := share_y * share_x:
                    key = (int(k), y, x)
                    taps[key] = taps.get(key, 0.0) + float(weight * share)
    for (k, y, x), weight in sorted(taps.items()):
        yield k, y, x, weight
