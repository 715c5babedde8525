"""What ruins a reconstruction and shows in the projections themselves: clipped pixels, drifting light."""

from collections.abc import Iterator
from typing import Any

import numpy as np

# Share of pixels at the top from which clipping costs more than a few voxels.
SATURATED_SHARE = 2e-4
# A slab whose background leaves the line between its neighbours' by more than this share of the range, and by
# this many times what is usual in the stack.
JUMP, UNUSUAL = 0.02, 8.0
# Rise or fall of the background from the first slabs to the last, as a share of the projections' range.
DRIFT = 0.1
_PIXELS_OF_A_SLAB = 65_536


def find_flaws(projections: Any) -> Iterator[str]:
    """Look at projections slab by slab, then say what is wrong with them.

    Saturation: the brightest value occurs far more often than the values just below it, as only a detector or
    a file format that clips makes it. Light is judged by the background, the lower quartile of each slab,
    since structures come and go from slab to slab in any sample. Flicker: the background of a slab leaves the
    line between its neighbours'. Drift: that of the last quarter of the slabs differs from the first's.

    Parameters
    ----------
    projections : array_like, shape (N, H, W)
        Read one slab at a time, so that it may be lazy.

    Yields
    ------
    str
        Empty after each slab, so that the search can be left; then one sentence for each flaw.
    """
    planes: list[np.ndarray] = []
    for slab in range(projections.shape[0]):
        planes.append(np.asarray(projections[slab]))
        yield ""
    yield from _saturation(planes)
    step = max(1, round((planes[0].size / _PIXELS_OF_A_SLAB) ** 0.5))
    seen = np.stack([plane[::step, ::step].astype(np.float32) for plane in planes])
    background = np.percentile(seen, 25, axis=(1, 2))
    low, high = background.min(), float(np.percentile(seen, 99.9))
    if high > low:
        yield from _flicker((background - low) / (high - low))
        yield from _drift((background - low) / (high - low))


def _saturation(planes: list[np.ndarray]) -> Iterator[str]:
    low, top = min(float(p.min()) for p in planes), max(float(p.max()) for p in planes)
    at_top = sum(int(np.count_nonzero(plane == top)) for plane in planes)
    share = at_top / sum(plane.size for plane in planes)
    if share < SATURATED_SHARE or not top > low:
        return
    # Without clipping a histogram thins out towards its end: more just below the top than at it.
    near = sum(int(np.count_nonzero(plane >= top - 0.02 * (top - low))) for plane in planes) - at_top
    if at_top > near:
        yield (
            f"{100 * share:.2g} % of the pixels are saturated at {top:g}: the volume will be too dim there. "
            "Record with less gain or laser power."
        )


def _flicker(background: np.ndarray) -> Iterator[str]:
    if len(background) < 5:
        return
    off_line = np.abs(background[1:-1] - (background[:-2] + background[2:]) / 2)
    usual = float(np.median(off_line))
    # The neighbours of a slab that stands out leave their line by half as much.
    peaks = off_line >= np.maximum(np.append(off_line[1:], 0), np.append(0, off_line[:-1]))
    slabs = [int(i) + 2 for i in np.flatnonzero(peaks & (off_line > JUMP) & (off_line > UNUSUAL * usual))]
    if slabs:
        shown = ", ".join(map(str, slabs[:4])) + (" …" if len(slabs) > 4 else "")
        word = "Slab" if len(slabs) == 1 else "Slabs"
        yield (
            f"{word} {shown} of {len(background)}: the background is unlike that of the neighbours. "
            "The light flickered; depth near there is not to be trusted."
        )


def _drift(background: np.ndarray) -> Iterator[str]:
    if len(background) < 4:
        return
    part = max(1, len(background) // 4)
    change = float(np.median(background[-part:]) - np.median(background[:part]))
    if abs(change) > DRIFT:
        word = "rises" if change > 0 else "falls"
        yield (
            f"The background {word} by {100 * abs(change):.0f} % of the range from the first slabs to the "
            "last: bleaching, or light from outside."
        )
