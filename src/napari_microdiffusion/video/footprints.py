"""How bright each region of a structure is in a frame: all of them at once, from what each would show.

Regions that overlap along the beam share pixels, so the light of a pixel tells of none of them alone. Their
projections differ somewhere, though, and weighted least squares tells them apart; the same normal equations
serve all frames.
"""

from functools import cached_property
from typing import Any

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.ndimage import find_objects
from scipy.sparse import coo_array

from ..optics.detector.noise import NoiseModel
from ..registration.forward import Forward

# Standard deviation of a region's brightness, relative to the structure's, that is expected beforehand.
_CHANGE = 5.0
# Light of a footprint that is left out, relative to its brightest pixel.
_LEAST = 1e-3


class Footprints:
    """The projections of every region of a structure, and of the rest of each slab.

    Parameters
    ----------
    light : ndarray, shape (N*n, H, W)
        The structure above the dark level.
    labels : ndarray of int, shape (N*n, H, W)
        Regions from 1; 0 is the rest.
    forward : Forward
    noise : NoiseModel
        Of a frame, its dark level being that of the light.
    """

    def __init__(self, light: np.ndarray, labels: np.ndarray, forward: Forward, noise: NoiseModel) -> None:
        n = forward.step_length
        self.regions = int(labels.max())
        # The rest of each slab has a brightness of its own.
        slab = np.arange(len(labels)) // n
        self.labels = np.where(labels > 0, labels - 1, self.regions + slab[:, None, None])
        self.count = self.regions + len(labels) // n
        self.expected = forward(light)
        deviation = noise.deviation(self.expected + np.float32(noise.dark_level))
        self.inverse_variance = 1 / np.maximum(np.square(deviation), 1e-8 * np.square(self.expected.max()))
        self.matrix = self._matrix(light, forward)

    def _matrix(self, light: np.ndarray, forward: Forward) -> Any:
        """Shape (count, pixels): what a frame shows of each region where all are as in the structure."""
        rows, columns, values = [], [], []
        n, (height, width) = forward.step_length, light.shape[1:]
        pixel = np.arange(self.expected.size).reshape(self.expected.shape)
        margin = forward.margin
        for k, box in enumerate(find_objects(self.labels + 1, self.count)):
            if box is None:
                continue
            # What sees the region: of slabs that are recorded each for itself its own, and the pixels around.
            z = slice(0, len(light))
            beam = forward
            if forward.acquisition.is_disjoint:
                z = slice(box[0].start // n * n, -(-box[0].stop // n) * n)
                beam = Forward(forward.acquisition, (z.stop - z.start) // n)
            y, x = (
                slice(max(side.start - reach, 0), min(side.stop + reach, size))
                for side, reach, size in zip(box[1:], margin, (height, width), strict=True)
            )
            seen = beam(np.where(self.labels[z, y, x] == k, light[z, y, x], np.float32(0)))
            here = pixel[z.start // n : z.stop // n, y, x] if beam is not forward else pixel[:, y, x]
            lit = seen > _LEAST * seen.max()
            rows.append(np.full(int(lit.sum()), k))
            columns.append(here[lit])
            values.append(seen[lit])
        data, row, column = (np.concatenate(part) for part in (values, rows, columns))
        shape = (self.count, self.expected.size)
        return coo_array((data.astype(np.float32), (row, column)), shape=shape).tocsr()

    @cached_property
    def _weighted(self) -> Any:
        return self.matrix.multiply(self.inverse_variance.ravel()[None]).tocsr()

    @cached_property
    def _normal(self) -> np.ndarray:
        normal = np.asarray((self._weighted @ self.matrix.T).todense(), np.float64)
        return normal + np.eye(self.count) / _CHANGE**2

    @cached_property
    def _factor(self) -> tuple[np.ndarray, bool]:
        return cho_factor(self._normal)

    @cached_property
    def deviation(self) -> np.ndarray:
        """Standard deviation of a region's brightness in one frame, shape (count,)."""
        return np.sqrt(np.diag(cho_solve(self._factor, np.eye(self.count))))

    def brightness(self, light: np.ndarray) -> np.ndarray:
        """Each region's brightness relative to the structure's, shape (count,).

        Parameters
        ----------
        light : ndarray, shape (V*N, H, W)
            A frame above the dark level.
        """
        change = np.asarray(light - self.expected, np.float32).ravel()
        return np.asarray(1 + cho_solve(self._factor, self._weighted @ change))

    def projected(self, brightness: np.ndarray) -> np.ndarray:
        """What a frame shows of regions of a given brightness, shape (V*N, H, W)."""
        change = (brightness - 1).astype(np.float32) @ self.matrix
        return np.asarray(self.expected + change.reshape(self.expected.shape))
