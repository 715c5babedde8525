"""The brightness of a reference relative to projections: bleached, brighter, or on another background."""

from dataclasses import dataclass

import numpy as np

# Misfit, in units of the usual one, from which a pixel counts ever less: there the tissue has changed.
_CHANGED = 2.5
_REFITS = 8
# Share of the brightest light from which on a pixel is lit, and how many have to be.
_LIT, _LEAST_LIT = 0.05, 32
# An edge that a reference has blurred misfits in many pixels alike, as noise does not: it counts as so many
# times its square, and as so many times the noise at most.
_ALIKE, _MOST_DOUBT = 16, 10
# Of the root mean square of a misfit, what its usual size is at least.
_OUTLIERS = 0.2
# A slab's own factor on the gain lies between this and its inverse.
_LEAST_FACTOR = 0.1
# How strongly the factor of a slab with little light is drawn to 1, relative to the usual slab.
_STRENGTH = 0.02


@dataclass(frozen=True, eq=False)
class Brightness:
    """Projections of the tissue as gain_i * (those of the reference) + offset, for slab i.

    Attributes
    ----------
    gains : ndarray, shape (N,)
    offset : float
        In the projections' grey levels.
    """

    gains: np.ndarray
    offset: float

    def applied(self, volume: np.ndarray) -> np.ndarray:
        """A reference (N*n, H, W) in the projections' grey levels; gains change smoothly with depth."""
        n = len(volume) // len(self.gains)
        centres = n * np.arange(len(self.gains)) + (n - 1) / 2
        gains = np.interp(np.arange(len(volume)), centres, self.gains).astype(np.float32)
        return np.asarray(volume * gains[:, None, None] + np.float32(self.offset), np.float32)


def robust_weights(
    target: np.ndarray,
    seen: np.ndarray,
    refits: int = 3,
    *,
    among_lit: bool = False,
    doubt: np.ndarray | None = None,
) -> tuple[float, float, np.ndarray]:
    """Gain and offset of a line from `seen` to `target`, and the weight of each pixel in the fit.

    Bright pixels are less certain, by photon noise; those far off the line count ever less, and so do those
    of which `seen` is unsure.

    Parameters
    ----------
    target, seen : ndarray, shape (P,)
    refits : int
    among_lit : bool
        Tell the usual misfit from pixels with light alone: where most is dark, that of all is next to
        nothing, and the noise of the lit ones looks like a change.
    doubt : ndarray, shape (P,), optional
        By how much `seen` may be wrong, in its unit.
    """
    t, s = target.astype(np.float64), seen.astype(np.float64)
    light = s - s.min()
    photons = light + 0.05 * np.ptp(s) + 1e-12
    judges = light >= (_LIT * np.ptp(s) if among_lit else 0.0)
    if judges.sum() < _LEAST_LIT:
        judges[:] = True
    usual = np.sqrt(photons)
    weight = 1 / usual**2
    gain, offset = 0.0, 0.0
    for _ in range(refits):
        middle, level = np.average(s, weights=weight), np.average(t, weights=weight)
        energy = float((weight * np.square(s - middle)).sum())
        # Without any structure there is no gain to tell.
        gain = float((weight * (s - middle) * (t - level)).sum()) / energy if energy > 0 else 0.0
        offset = float(level - gain * middle)
        relative = (t - gain * s - offset) / usual
        size = usual_size(relative[judges])
        weight = 1 / usual**2 / (1 + np.square(relative / (_CHANGED * size)))
        if doubt is not None:
            wrong = _ALIKE * np.square(gain * doubt.astype(np.float64) / size) / photons
            usual = np.sqrt(photons * (1 + np.minimum(wrong, _MOST_DOUBT)))
    return gain, offset, weight


def usual_size(misfit: np.ndarray) -> float:
    """Standard deviation of a misfit, outliers left out."""
    # Where most is dark and without any misfit, the structures are no outliers.
    least = _OUTLIERS * float(np.sqrt(np.square(misfit).mean()))
    # Any unit of intensity; never zero.
    return max(float(np.median(np.abs(misfit))) / 0.6745, least, float(np.finfo(np.float32).tiny))


def relative_brightness(
    projections: np.ndarray, seen: np.ndarray, inside: np.ndarray, slabs: int
) -> Brightness:
    """Fit the brightness of a reference to projections.

    Parameters
    ----------
    projections, seen : ndarray, shape (V*N, H, W)
        The measurement, and the reference's projections in the reference's grey levels.
    inside : ndarray of bool, shape (V*N, H, W)
        Where the reference covers what was measured.
    slabs : int
        N.
    """
    if not inside.any():
        return Brightness(np.ones(slabs), 0.0)
    gain, offset, _ = robust_weights(projections[inside], seen[inside], _REFITS)
    if gain <= 0:
        # Nothing in common; what follows will find no match.
        spread = float(projections[inside].std()) / max(float(seen[inside].std()), 1e-12)
        gain, offset = spread, float(projections[inside].mean() - spread * seen[inside].mean())
    # Above the dimmest light, a slab's own factor: bleaching and depth dim structure and background alike.
    dark = float(np.percentile(gain * seen[inside] + offset, 0.5))
    products, squares = np.zeros(slabs), np.zeros(slabs)
    for index, (image, expected, use) in enumerate(zip(projections, seen, inside, strict=True)):
        if not use.any():
            continue
        s = gain * expected[use].astype(np.float64) + offset - dark
        t = image[use].astype(np.float64) - dark
        factor, typical = 1.0, 1.0
        for _ in range(_REFITS):
            left = np.abs(t - factor * s)
            typical = float(np.median(left)) / 0.6745 + 1e-12
            weight = 1 / (1 + np.square(left / (_CHANGED * typical)))
            factor = float((weight * s * t).sum() / max((weight * s * s).sum(), 1e-12))
        products[index % slabs] += (weight * s * t).sum()
        squares[index % slabs] += (weight * s * s).sum()
    drawn = _STRENGTH * float(squares.mean()) + 1e-12
    factors = np.clip((products + drawn) / (squares + drawn), _LEAST_FACTOR, 1 / _LEAST_FACTOR)
    return Brightness(gain * factors, offset)
