"""Pixels without a value (NaN), as registration leaves them at the borders of a stack."""

import numpy as np


def fill_missing(projections: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """Projections whose missing pixels have the value of the nearest known one of their image.

    An image without any known pixel is that of the nearest slab that has some.

    Parameters
    ----------
    projections : ndarray, shape (N, H, W), float32
    missing : ndarray of bool, shape (N, H, W)
        Not all true.

    Returns
    -------
    ndarray, shape (N, H, W), float32
    """
    from scipy.ndimage import distance_transform_edt

    filled = np.array(projections, dtype=np.float32)
    lost = np.asarray(missing.all((1, 2)))
    for image, gaps in zip(filled, missing, strict=True):
        if gaps.any() and not gaps.all():
            nearest = distance_transform_edt(gaps, return_distances=False, return_indices=True)
            image[...] = image[tuple(nearest)]
    known = np.flatnonzero(~lost)
    for slab in np.flatnonzero(lost):
        filled[slab] = filled[known[np.argmin(np.abs(known - slab))]]
    return filled


def whole_rectangle(missing: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns, in the middle of the images, in which no image has a gap.

    Found by taking away, again and again, the edge that misses most. Where gaps lie within, so that less than
    a quarter of the image is left, all of it: gaps are then few and small, or nothing better is to be had.

    Parameters
    ----------
    missing : ndarray of bool, shape (N, H, W)
    """
    gaps = np.asarray(missing[~np.asarray(missing.all((1, 2)))].any(0))
    height, width = gaps.shape
    top, bottom, left, right = 0, height, 0, width
    while top < bottom and left < right and gaps[top:bottom, left:right].any():
        inner = gaps[top:bottom, left:right]
        shares = [edge.mean() for edge in (inner[0], inner[-1], inner[:, 0], inner[:, -1])]
        worst = int(np.argmax(shares))
        if not shares[worst]:
            break
        top, bottom = top + (worst == 0), bottom - (worst == 1)
        left, right = left + (worst == 2), right - (worst == 3)
    is_whole = not gaps[top:bottom, left:right].any()
    if not is_whole or 4 * (bottom - top) * (right - left) < height * width:
        return slice(0, height), slice(0, width)
    return slice(top, bottom), slice(left, right)
