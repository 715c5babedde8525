"""Tissue with activity: every region brightens in its own time, as a calcium indicator would show it."""

from dataclasses import dataclass

import numpy as np

# Seconds that an indicator takes to fade to 1/e, and events a second of a region.
_FADING, _EVENTS = 0.6, 0.25
# Relative brightness that an event adds, between these.
_AMPLITUDE = (0.5, 2.5)


@dataclass(frozen=True, eq=False)
class ActiveTissue:
    """A volume whose regions change in time.

    Attributes
    ----------
    volume : ndarray, shape (Z, H, W)
        At rest.
    regions : ndarray of int, shape (Z, H, W)
        From 1; 0 does not change.
    activity : ndarray, shape (T, K)
        Relative brightness of every region, 1 at rest.
    """

    volume: np.ndarray
    regions: np.ndarray
    activity: np.ndarray

    def frame(self, index: int) -> np.ndarray:
        """The volume at one time, (Z, H, W), float32."""
        factors = np.concatenate([[1.0], self.activity[index]]).astype(np.float32)
        return np.asarray(self.volume * factors[self.regions], np.float32)


def active_tissue(
    volume: np.ndarray, regions: np.ndarray, frames: int, rate: float = 10.0, seed: int = 0
) -> ActiveTissue:
    """Give regions of a volume a time course of their own.

    Parameters
    ----------
    volume : ndarray, shape (Z, H, W)
    regions : ndarray of int, shape (Z, H, W)
    frames : int
    rate : float
        Volumes a second.
    seed : int
    """
    rng, count = np.random.default_rng(seed), int(regions.max())
    events = rng.random((frames, count)) < _EVENTS / rate
    impulses = events * rng.uniform(*_AMPLITUDE, (frames, count))
    fading = float(np.exp(-1 / (rate * _FADING)))
    activity, now = np.empty((frames, count)), np.zeros(count)
    for t in range(frames):
        now = now * fading + impulses[t]
        activity[t] = 1 + now
    return ActiveTissue(np.asarray(volume, np.float32), regions, activity)
