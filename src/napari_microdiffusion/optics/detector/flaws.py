"""What ruins a reconstruction and shows in the projections themselves: clipping, drifting light, motion."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .light import estimate_gains

# Share of pixels at the top from which clipping costs more than a few voxels.
SATURATED_SHARE = 2e-4
# Places in the plane that must reach it: one bright or hot pixel is no saturation, however small the stack.
SATURATED_PLACES = 8
_PIXELS_OF_A_SLAB = 65_536
# Pixels that a slab must stand off its neighbours, and the most that are looked for.
MOVED, FARTHEST = 4, 32
# What else it takes, since peaks come up by chance too: one so many times as high as the next, and as any for
# lying straight; and with each neighbour alone at least this share of the highest.
PEAK, STRAIGHT, SHARED = 1.5, 2.5, 0.5
# Where fewer slabs than this share lie straight above their neighbours, neighbours have too little in common.
COHERENT = 0.75
# The middle of a slab, which motion is judged by; Gaussians that take noise and brightness away, in pixels.
_SIDE, _NOISE, _BRIGHTNESS = 512, 1.0, 4.0


def find_flaws(projections: Any, *, views: int = 1, dark_level: float = 0) -> Iterator[str]:
    """Look at projections slab by slab, then say what is wrong with them.

    Saturation: the brightest value occurs far more often than the values just below it, as only a detector
    or a file format that clips makes it. Flicker and drift: as `light.estimate_gains` finds them, so that
    what is recommended here is what the correction does. Motion: a slab lies sideways of the one before and
    the one after by the same. Structures that run aslant shift the two comparisons against each other, so
    they are not taken for it; nor are stacks judged whose slabs have little in common.

    Parameters
    ----------
    projections : array_like, shape (views * N, H, W)
        Read one slab at a time, so that it may be lazy (dask, memory-mapped).
    views : int
    dark_level : float
        What the detector reads without light, grey levels.

    Yields
    ------
    str
        Empty after each slab, so that the search can be left; then one sentence for each flaw.
    """
    planes: list[np.ndarray] = []
    for slab in range(projections.shape[0]):
        planes.append(_without_gaps(np.asarray(projections[slab])))
        yield ""
    yield from _saturation(planes)
    step = max(1, round((planes[0].size / _PIXELS_OF_A_SLAB) ** 0.5))
    seen = np.stack([plane[::step, ::step].astype(np.float32) for plane in planes])
    yield from _uneven_light(seen, views, dark_level)
    if np.ptp(seen) > 0:
        yield from _motion(planes)


def _without_gaps(plane: np.ndarray) -> np.ndarray:
    """Pixels without a value (NaN) as bright as the middle one, so that they stand out in nothing."""
    gaps = np.isnan(plane)
    if not gaps.any():
        return plane
    return np.where(gaps, np.median(plane[~gaps]) if not gaps.all() else 0, plane)


def _saturation(planes: list[np.ndarray]) -> Iterator[str]:
    low, top = min(float(p.min()) for p in planes), max(float(p.max()) for p in planes)
    at_top = sum(int(np.count_nonzero(plane == top)) for plane in planes)
    share = at_top / sum(plane.size for plane in planes)
    places = np.count_nonzero(np.logical_or.reduce([plane == top for plane in planes]))
    if share < SATURATED_SHARE or places < SATURATED_PLACES or not top > low:
        return
    # Without clipping a histogram thins out towards its end: more just below the top than at it.
    near = sum(int(np.count_nonzero(plane >= top - 0.02 * (top - low))) for plane in planes) - at_top
    if at_top > near:
        yield (
            f"{100 * share:.2g} % of the pixels are saturated at {top:g}: the volume will be too dim there. "
            "Record with less gain or laser power."
        )


def _uneven_light(seen: np.ndarray, views: int, dark_level: float) -> Iterator[str]:
    flicker, _ = estimate_gains(seen, "flicker", views=views, dark_level=dark_level)
    if slabs := [int(slab) + 1 for slab in np.flatnonzero(flicker != 1)]:
        shown = ", ".join(map(str, slabs[:4])) + (" …" if len(slabs) > 4 else "")
        word = "Slab" if len(slabs) == 1 else "Slabs"
        yield (
            f"{word} {shown} of {len(seen)}: the background is unlike that of the neighbours. "
            "The light flickered; depth near there is not to be trusted. The setting Light in Advanced, or "
            "--light flicker, evens it out."
        )
    drift, _ = estimate_gains(seen, "drift", views=views, dark_level=dark_level)
    if np.any(drift != 1):
        by_view = drift.reshape(views, -1)
        change = float(np.mean(by_view[:, -1] / by_view[:, 0])) - 1
        word = "rises" if change > 0 else "falls"
        yield (
            f"The background {word} by {100 * abs(change):.0f} % from the first slab to the last: bleaching, "
            "or light from outside. The setting Light in Advanced, or --light drift, evens bleaching out."
        )


def _motion(planes: list[np.ndarray]) -> Iterator[str]:
    if len(planes) < 7:
        return
    spectra = []
    for plane in planes:
        spectra.append(_spectrum(plane))
        yield ""
    shape = tuple(min(size, _SIDE) for size in planes[0].shape)
    found: dict[int, _Offset] = {}
    for slab in range(1, len(planes) - 1):
        found[slab] = _offset(spectra[slab - 1], spectra[slab], spectra[slab + 1], shape)
        yield ""
    moved = []
    for slab, offset in found.items():
        others = [found[other].pixels < MOVED / 2 for other in found if abs(other - slab) > 1]
        if offset.is_clear and sum(others) >= COHERENT * len(others):
            moved.append(slab)
    if moved:
        named = ", ".join(f"{slab + 1} (by about {found[slab].pixels:.0f} pixels)" for slab in moved[:4])
        word, lies = ("Slab", "lies") if len(moved) == 1 else ("Slabs", "lie")
        yield (
            f"{word} {named}{' …' if len(moved) > 4 else ''} of {len(planes)} {lies} sideways of the "
            "neighbours: the sample moved. Register the slabs first; depth near there is not to be trusted."
        )


@dataclass(frozen=True)
class _Offset:
    """How far a slab lies sideways of both neighbours, and whether that is more than chance."""

    pixels: float
    is_clear: bool


def _spectrum(plane: np.ndarray) -> np.ndarray:
    """Fourier transform of the middle of a slab, reduced to its structures, shape (h, w // 2 + 1)."""
    height, width = plane.shape
    y, x = max(0, (height - _SIDE) // 2), max(0, (width - _SIDE) // 2)
    middle = plane[y : y + _SIDE, x : x + _SIDE].astype(np.float32)
    low, high = np.percentile(middle, (5, 99.8))
    # The root, so that a few bright structures do not decide alone.
    seen = np.sqrt(np.clip((middle - low) / max(high - low, 1e-30), 0, 1))
    seen = (seen - seen.mean()) * np.outer(np.hanning(seen.shape[0]), np.hanning(seen.shape[1]))
    radius2 = np.fft.fftfreq(seen.shape[0])[:, None] ** 2 + np.fft.rfftfreq(seen.shape[1]) ** 2
    detail, ground = (np.exp(-2 * np.pi**2 * sigma**2 * radius2) for sigma in (_NOISE, _BRIGHTNESS))
    return np.asarray(np.fft.rfft2(seen) * (detail - ground))


def _offset(before: np.ndarray, own: np.ndarray, after: np.ndarray, shape: tuple[int, ...]) -> _Offset:
    """Where a slab lies above its neighbours, from their spectra.

    The sum of two cross-correlations, partly whitened: what shifts the slab against both neighbours alike
    adds up, what shifts from slab to slab does not.
    """
    farthest = min(FARTHEST, shape[0] // 4, shape[1] // 4)
    near = np.arange(-farthest, farthest + 1)
    parts = []
    for other in (before, after):
        cross = own * np.conj(other)
        size = np.abs(cross)
        cross /= (size + 1e-9 * size.max() + 1e-30) ** 0.25
        correlation = np.fft.irfft2(cross, shape)[np.ix_(near, near)]
        parts.append(correlation / (np.linalg.norm(correlation) + 1e-30))
    total = parts[0] + parts[1]
    at = np.unravel_index(int(np.argmax(total)), total.shape)
    away = np.hypot(near[:, None] - near[at[0]], near[None, :] - near[at[1]])
    pixels = float(np.hypot(near[at[0]], near[at[1]]))
    straight = total[np.abs(near) <= 1][:, np.abs(near) <= 1]
    is_clear = (
        pixels >= MOVED
        and total[at] > PEAK * total[away > MOVED + 1].max(initial=0)
        and total[at] > STRAIGHT * straight.max()
        and all(part[at] > SHARED * part.max() for part in parts)
    )
    return _Offset(pixels, bool(is_clear))
