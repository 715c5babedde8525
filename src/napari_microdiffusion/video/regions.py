"""Regions of a volume that may be active each for itself."""

import numpy as np
from scipy.ndimage import gaussian_filter

# Widths in voxels of what stands out, boutons and cells, from surroundings so many times as wide.
_WIDTHS, _AROUND = (0.8, 1.4), 1.6
# The fewest voxels of a region.
_FEWEST = 4


def find_regions(volume: np.ndarray, most: int = 1000) -> np.ndarray:
    """Regions around what stands out of a volume, by watershed.

    Standing out, by differences of Gaussians (Lindeberg 1998), is what tells a bouton beside a bright cell.

    Parameters
    ----------
    volume : ndarray, shape (Z, H, W)
        Any unit.
    most : int
        Regions at most; the brightest count.

    Returns
    -------
    ndarray, shape (Z, H, W), int32
        0 outside, else the number of the region from 1.
    """
    from skimage.feature import peak_local_max
    from skimage.filters import threshold_otsu
    from skimage.segmentation import relabel_sequential, watershed

    image = np.asarray(volume, np.float32)
    fine, coarse = (
        [gaussian_filter(image, factor * width) for width in _WIDTHS] for factor in (1.0, _AROUND)
    )
    outstanding = np.maximum(np.max(np.subtract(fine, coarse), axis=0), 0)
    if float(outstanding.max()) <= 0:
        return np.zeros(volume.shape, np.int32)
    # The square root, so that the brightest structures do not set the threshold alone.
    root = np.sqrt(outstanding)
    mask = root > threshold_otsu(root)
    peaks = peak_local_max(outstanding, labels=mask.astype(np.int32), num_peaks=most)
    seeds = np.zeros(volume.shape, np.int32)
    seeds[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    labels = watershed(-outstanding, seeds, mask=mask)
    sizes = np.bincount(labels.ravel())
    labels[sizes[labels] < _FEWEST] = 0
    return np.asarray(relabel_sequential(labels)[0], np.int32)
