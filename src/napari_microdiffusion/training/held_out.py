"""A part of each reference volume that takes no part in the training, and so can judge what was learned."""

from collections.abc import Sequence

import numpy as np

# Of the longer side of a plane, and what must be left on either side of the cut, in pixels.
SHARE, LEAST = 0.2, 16


def held_out(references: Sequence[np.ndarray]) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
    """Cut a strip off every volume that is wide enough for it.

    Parameters
    ----------
    references : sequence of ndarray, shape (Z, H, W)

    Returns
    -------
    to_learn, to_judge : tuple of ndarray
        Views; the second is empty where no volume is wide enough.
    """
    to_learn, to_judge = [], []
    for volume in references:
        axis = 1 if volume.shape[1] >= volume.shape[2] else 2
        strip = max(LEAST, round(SHARE * volume.shape[axis]))
        kept = volume.shape[axis] - strip
        if kept < 2 * strip:
            to_learn.append(volume)
            continue
        learned, judged = np.split(volume, [kept], axis)
        to_learn.append(learned)
        # A strip without structure judges nothing.
        if np.ptp(judged) > 0:
            to_judge.append(judged)
    return tuple(to_learn), tuple(to_judge)
