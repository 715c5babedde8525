"""Traces of regions: light against time, with its uncertainty, for tables and other programs."""

import csv
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from ..io import check_output, whole_file
from .deconvolution import Deconvolved, deconvolved

# Share of the frames that a region's baseline lies above.
_BASELINE = 0.2
# Brightness, relative to the structure, below which read noise and background are the noise.
_DIMMEST = 0.3


@dataclass(frozen=True, eq=False)
class Traces:
    """The light of K regions in T frames.

    Attributes
    ----------
    light : ndarray, shape (T, K)
        Mean of a region above the dark level, in the projections' grey levels.
    deviation : ndarray, shape (T, K)
        Its standard deviation.
    centres : ndarray, shape (K, 3)
        Centres of mass (z, y, x) in voxels of the volume.
    rate : float or None
        Volumes a second.
    """

    light: np.ndarray
    deviation: np.ndarray
    centres: np.ndarray
    rate: float | None = None

    @cached_property
    def deconvolved(self) -> Deconvolved | None:
        """The light without its noise, and the events that it consists of; None for a few frames."""
        return deconvolved(self.light, self.deviation)

    @property
    def baseline(self) -> np.ndarray:
        """The light of a region that is at rest: a low quantile of its frames, shape (K,)."""
        return np.asarray(np.quantile(self.light, _BASELINE, axis=0))

    @property
    def relative_change(self) -> np.ndarray:
        """(F - F0) / F0 of each region, shape (T, K)."""
        rest = self.at_rest
        return np.asarray((self.light - self.baseline) / rest)

    @property
    def relative_deviation(self) -> np.ndarray:
        """Standard deviation of the relative change, shape (T, K)."""
        return np.asarray(self.deviation / self.at_rest)

    @property
    def at_rest(self) -> np.ndarray:
        """The light that a change is relative to, shape (K,)."""
        # A region that is dark at rest has no relative change to speak of.
        return np.maximum(self.baseline, np.maximum(np.median(self.deviation, axis=0), 1e-12))

    @property
    def regions(self) -> list[int]:
        """The numbers of the regions, from 1 to K, without those that no voxel has."""
        return [int(k) + 1 for k in np.flatnonzero(np.isfinite(self.centres).all(axis=1))]

    @property
    def times(self) -> np.ndarray:
        """In seconds where the rate is known, else in frames; shape (T,)."""
        return np.arange(len(self.light)) / (self.rate or 1.0)

    def write_csv(self, path: Path) -> None:
        """Write a table, a row for each frame and region, whole or not at all."""
        check_output(path, (".csv",))
        header = ["frame", "time_s" if self.rate else "time", "region", "z", "y", "x"]
        header += ["F", "F_sd", "dF_F", "dF_F_sd"]
        columns = [self.light, self.deviation, self.relative_change, self.relative_deviation]
        if self.deconvolved is not None:
            header += ["F_deconvolved", "events"]
            columns += [self.deconvolved.light, self.deconvolved.events]
        with whole_file(path) as partial, partial.open("w", newline="") as handle:
            table = csv.writer(handle)
            table.writerow(header)
            for t, now in enumerate(self.times):
                for region in self.regions:
                    numbers = (column[t, region - 1] for column in columns)
                    place = [f"{value:.2f}" for value in self.centres[region - 1]]
                    table.writerow([t, f"{now:g}", region, *place, *(f"{value:.6g}" for value in numbers)])


@dataclass(frozen=True, eq=False)
class GrowingTraces:
    """Traces that grow by a frame at a time.

    Attributes
    ----------
    mean, deviation : ndarray, shape (K,)
        Light of the regions in the structure, and the standard deviation of their brightness in one frame.
    centres : ndarray, shape (K, 3)
    rate : float or None
        Volumes a second.
    """

    mean: np.ndarray
    deviation: np.ndarray
    centres: np.ndarray
    rate: float | None
    _brightness: list[np.ndarray] = field(default_factory=list)

    @classmethod
    def of(
        cls, structure: np.ndarray, labels: np.ndarray, deviation: np.ndarray, rate: float | None
    ) -> "GrowingTraces":
        """Without a frame yet, of regions 1 to K of a structure above its dark level."""
        centres = centres_of(labels)
        count = len(centres)
        sizes = np.maximum(np.bincount(labels.ravel(), minlength=count + 1)[1:], 1)
        mean = np.bincount(labels.ravel(), structure.ravel(), minlength=count + 1)[1:] / sizes
        return cls(mean, deviation[:count], centres, rate)

    def add(self, brightness: np.ndarray) -> None:
        """Take the next frame: how bright each region is, relative to the structure, shape (K,)."""
        self._brightness.append(brightness)

    def so_far(self) -> Traces:
        """The traces of the frames until now."""
        own = np.array(self._brightness).reshape(len(self._brightness), len(self.mean))
        # Photon noise grows with the light.
        deviation = self.deviation * np.sqrt(np.maximum(own, _DIMMEST)) * self.mean
        return Traces(own * self.mean, deviation, self.centres, self.rate)


def centres_of(labels: np.ndarray) -> np.ndarray:
    """Centres of mass (z, y, x) of regions 1 to K, shape (K, 3); NaN of a number that no voxel has."""
    from scipy.ndimage import center_of_mass

    found = np.full((int(labels.max()), 3), np.nan)
    if numbers := np.unique(labels[labels > 0]).tolist():
        found[np.array(numbers) - 1] = center_of_mass(labels > 0, labels, numbers)
    return found
