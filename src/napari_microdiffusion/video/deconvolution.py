"""Traces without their noise: activity as events that rise at once and fade, as an indicator shows them.

The trace nearest to the one that was seen of all that are a baseline and events, none of them negative, that
fade by the same factor in every frame; found exactly by pooling neighbouring frames (OASIS; Friedrich, Zhou
and Paninski 2017). How fast it fades is measured on the trace, from its autocovariance, which the noise does
not touch, since it is new in every frame.
"""

from dataclasses import dataclass

import numpy as np

# Frames below which the autocovariance tells too little.
_FEWEST = 20
# Share of activity that is left after a frame, at least and at most.
_FASTEST, _SLOWEST = 0.3, 0.98
# By how many deviations of the noise an event has to stand out.
_STANDS_OUT = 1.0
# Share of the frames that the first guess of the baseline lies above, and how often it is improved.
_AT_REST, _PASSES = 0.2, 8


@dataclass(frozen=True, eq=False)
class Deconvolved:
    """Traces without noise.

    Attributes
    ----------
    light : ndarray, shape (T, K)
        Baseline and what is left of all events.
    events : ndarray, shape (T, K)
        Light that each frame adds, not negative.
    """

    light: np.ndarray
    events: np.ndarray


def deconvolved(light: np.ndarray, deviation: np.ndarray) -> Deconvolved | None:
    """Each trace without its noise; None where there are too few frames to tell.

    Parameters
    ----------
    light, deviation : ndarray, shape (T, K)
        The light of each frame by itself, and its noise.
    """
    if len(light) < _FEWEST:
        return None
    fading = _fading(light - light.mean(0))
    clean, events = np.empty(light.shape), np.zeros(light.shape)
    for k, (trace, noise, left) in enumerate(zip(light.T, deviation.T, fading, strict=True)):
        clean[:, k], events[:, k] = _one(trace.astype(float), noise.astype(float), float(left))
    return Deconvolved(clean, events)


def _fading(centred: np.ndarray) -> np.ndarray:
    """What is left of activity after a frame, shape (K,)."""
    one, two, three = ((centred[k:] * centred[:-k]).mean(0) for k in (1, 2, 3))
    # The ratio of sums over lags is steadier than that of single ones.
    ratio = np.divide(two + three, one + two, out=np.full_like(one, _FASTEST), where=one + two > 0)
    return np.clip(ratio, _FASTEST, _SLOWEST)


def _one(trace: np.ndarray, noise: np.ndarray, left: float) -> tuple[np.ndarray, np.ndarray]:
    weight = 1 / np.maximum(np.square(noise), 1e-12 * max(float(np.square(trace).mean()), 1e-12))
    # The deviation with which the light of an event would be known.
    price = _STANDS_OUT * float(np.sqrt(weight.mean() / (1 - left**2)))
    baseline = float(np.quantile(trace, _AT_REST))
    for _ in range(_PASSES):
        active = _pooled(trace - baseline, weight, left, price)
        baseline = float(np.average(trace - active, weights=weight))
    events = active - left * np.concatenate([[0.0], active[:-1]])
    return baseline + active, np.maximum(events, 0)


def _pooled(above: np.ndarray, weight: np.ndarray, left: float, price: float) -> np.ndarray:
    """What minimises sum of weight * (active - above)^2 / 2 + price * events, events not negative, (T,)."""
    right = weight * above - price * (1 - left)
    right[-1] -= price * left
    # Of each pool: the sums that give its first value, and its frames.
    pools: list[tuple[float, float, int]] = []
    for top, bottom in zip(right.tolist(), weight.tolist(), strict=True):
        frames = 1
        while pools:
            before, under, count = pools[-1]
            if top / bottom >= left**count * max(before / under, 0.0):
                break
            # It would be an event of negative light: one pool instead of two.
            pools.pop()
            top, bottom, frames = (
                before + left**count * top,
                under + left ** (2 * count) * bottom,
                count + frames,
            )
        pools.append((top, bottom, frames))
    return np.concatenate([max(top / bottom, 0.0) * left ** np.arange(count) for top, bottom, count in pools])
