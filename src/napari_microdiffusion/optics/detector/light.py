"""Light that was not the same for every slab: one gain for each, from the projections, taken out again."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

Light = Literal["as recorded", "flicker", "drift"]

# The share of each slab's pixels, from the darkest up, whose mean light may stand for the slab. The darkest
# is taken that is about as steady as the steadiest: the fewer pixels the less structure is among them, the
# more the less noise.
_SHARES = (0.25, 0.5, 0.75, 0.9, 1.0)
_ABOUT_AS_STEADY = 2.0
# Below this share of the projections' range there is no background to judge by, and no light to divide by.
_DIMMEST = 0.003
# Where slabs differ from their neighbours by more than this, as a rule, one that does tells nothing.
_UNSTEADY = 0.1
# A slab flickers if it is off by this much, and by so many times what is usual.
_FLICKER, _UNUSUAL = 0.06, 5.0
# Light drifts if it changes by this much over the stack, and by so many times what is usual.
_DRIFT, _UNUSUAL_DRIFT = 0.15, 6.0
# Slabs that it takes to judge light at all.
_FEWEST = 5
# Gains are limited to these; a slab darker than that has little to tell.
LEAST_GAIN, MOST_GAIN = 0.2, 5.0
_PIXELS_OF_A_SLAB = 65_536


@dataclass(frozen=True)
class EvenedLight:
    """Projections in even light, and what was done to them.

    `projections` are those given where no gain differs from 1. `gains`, shape (views * N,), float64, is the
    light of each slab relative to what it should be.
    """

    projections: np.ndarray
    gains: np.ndarray
    notice: str

    @property
    def is_changed(self) -> bool:
        """Whether any slab was changed."""
        return bool(np.any(self.gains != 1))


def even_light(
    projections: np.ndarray,
    light: Light,
    *,
    views: int = 1,
    dark_level: float = 0,
    judged_by: tuple[slice, slice] = (slice(None), slice(None)),
) -> EvenedLight:
    """Divide the light of each slab by its gain: corrected = dark + (X - dark) / gain.

    Parameters
    ----------
    projections : ndarray, shape (views * N, H, W), float32
        All slabs of the first view, then those of the second.
    light : {"as recorded", "flicker", "drift"}
    views : int
    dark_level : float
        What the detector reads without light, in the projections' grey levels. One that is stated too low
        makes the correction too weak.
    judged_by : tuple of 2 slices
        Rows and columns that the light is judged by.
    """
    gains, reason = np.ones(len(projections)), ""
    if light != "as recorded":
        part = projections[:, *judged_by]
        gains, reason = estimate_gains(part, light, views=views, dark_level=dark_level)
    if not np.any(gains != 1):
        return EvenedLight(projections, gains, reason)
    corrected = with_gains(projections, gains, dark_level)
    return EvenedLight(corrected, gains, _report(gains, light, views))


def with_gains(projections: np.ndarray, gains: np.ndarray, dark_level: float = 0) -> np.ndarray:
    """Projections with the light of each slab divided by its gain; themselves where all gains are 1."""
    if not np.any(gains != 1):
        return projections
    corrected = np.array(projections, dtype=np.float32)
    for plane, gain in zip(corrected, gains, strict=True):
        if gain != 1:
            plane[...] = dark_level + (plane - np.float32(dark_level)) / np.float32(gain)
    return corrected


def estimate_gains(
    projections: np.ndarray, light: Light, *, views: int = 1, dark_level: float = 0
) -> tuple[np.ndarray, str]:
    """The gain of each slab, exactly 1 where it is 1 within what is usual in the stack.

    The background above the dark level, on a logarithmic scale, is compared. flicker: with the median of the
    two slabs before and the two behind; the slab that is most off comes first, and counts as mended for its
    neighbours. The first and the last slab are left alone, since a sample may begin or end there. drift:
    a straight line through all slabs, flickering ones mended; the mean of the gains is 1.

    Parameters
    ----------
    projections, views, dark_level
        As for `even_light`.
    light : {"flicker", "drift"}

    Returns
    -------
    gains : ndarray, shape (views * N,), float64
        From 0.2 to 5.
    reason : str
        Why nothing is changed, where nothing is.
    """
    count = len(projections) // views
    even = np.ones(len(projections))
    if count < _FEWEST:
        return even, f"The light was left as recorded: it takes at least {_FEWEST} slabs to judge it."
    levels = _steadiest(_levels(projections, dark_level), views)
    if levels is None:
        return even, (
            "The light was left as recorded: the projections have too little background above the dark level "
            "to tell light from structure."
        )
    by_view = levels.reshape(views, count)
    usual = _usual(by_view)
    mended = np.stack([_mended(view, max(_FLICKER, _UNUSUAL * usual)) for view in by_view])
    if light == "flicker":
        logs = by_view - mended
        reason = "The light was left as recorded: no slab flickers by more than is usual among these slabs."
    else:
        # Straight on the logarithmic scale, as bleaching is: a curve would follow the tissue instead.
        at = np.linspace(-1, 1, count)
        logs = np.stack([np.polyval(np.polyfit(at, view, 1), at) for view in mended])
        logs -= np.log(np.mean(np.exp(logs)))
        reason = "The light was left as recorded: it drifts by no more than such slabs differ anyway."
        if np.ptp(logs) < max(_DRIFT, _UNUSUAL_DRIFT * usual):
            return even, reason
    return np.clip(np.exp(logs), LEAST_GAIN, MOST_GAIN).ravel(), reason


def _levels(projections: np.ndarray, dark_level: float) -> np.ndarray:
    """Mean light of the darkest pixels of each slab for each share, in the range's units, (shares, slabs)."""
    step = max(1, round((projections[0].size / _PIXELS_OF_A_SLAB) ** 0.5))
    seen = np.sort(projections[:, ::step, ::step].reshape(len(projections), -1).astype(np.float64), axis=1)
    top = max(float(np.percentile(seen, 99.9)) - dark_level, 1e-30)
    parts = [seen[:, : max(1, round(share * seen.shape[1]))].mean(axis=1) for share in _SHARES]
    return (np.stack(parts) - dark_level) / top


def _steadiest(levels: np.ndarray, views: int) -> np.ndarray | None:
    """Logarithms of the levels that hardly change from slab to slab; None if none are steady enough."""
    lit = [level for level in levels if np.median(level) > _DIMMEST]
    logs = [np.log(np.maximum(level, 0.01 * np.median(level))) for level in lit]
    usual = [_usual(log.reshape(views, -1)) for log in logs]
    if not usual or min(usual) > _UNSTEADY:
        return None
    return next(log for log, own in zip(logs, usual, strict=True) if own <= _ABOUT_AS_STEADY * min(usual))


def _usual(by_view: np.ndarray) -> float:
    """How far slabs are off their neighbours as a rule, as a standard deviation."""
    off = np.concatenate([_off_neighbours(view)[1:-1] for view in by_view])
    return float(np.median(np.abs(off)) / 0.6745) if off.size else 0.0


def _off_neighbours(levels: np.ndarray) -> np.ndarray:
    off = np.zeros(len(levels))
    for slab in range(1, len(levels) - 1):
        # As many before as behind, so that a slope does not count.
        reach = min(2, slab, len(levels) - 1 - slab)
        around = np.append(levels[slab - reach : slab], levels[slab + 1 : slab + 1 + reach])
        off[slab] = levels[slab] - np.median(around)
    return off


def _mended(levels: np.ndarray, most: float) -> np.ndarray:
    """Levels in which every slab that is off by more than `most` was put where its neighbours are."""
    mended = levels.copy()
    found: list[int] = []
    while len(found) < len(levels) // 3:
        off = _off_neighbours(mended)
        slab = int(np.argmax(np.abs(off)))
        if abs(off[slab]) <= most:
            break
        mended[slab] -= off[slab]
        found.append(slab)
    return mended


def _report(gains: np.ndarray, light: Light, views: int) -> str:
    count = len(gains) // views
    percent = 100 * (gains - 1)
    after = "The volume is consistent with the projections so corrected, not as recorded."
    if light == "drift":
        ends = [
            f"from {percent[v * count]:+.0f} % to {percent[(v + 1) * count - 1]:+.0f} %" for v in range(views)
        ]
        where = " and, in the second view, ".join(ends)
        return f"Drift of the light {where} of its mean was taken out of the projections. {after}"
    slabs = np.flatnonzero(gains != 1)
    named = ", ".join(f"{slab + 1} ({percent[slab]:+.0f} %)" for slab in slabs[:6])
    word, was = ("slab", "was") if len(slabs) == 1 else ("slabs", "were")
    return (
        f"The light of {word} {named}{' …' if len(slabs) > 6 else ''} of {len(gains)} {was} brought to that "
        f"of the neighbours. {after}"
    )
