"""Regions of a volume that may be active each for itself."""

import numpy as np
from scipy.ndimage import gaussian_filter

# Width in voxels within which two peaks are one region, and the fewest voxels of a region.
_APART, _FEWEST = 3, 12
_WIDTH = 1.0


def find_regions(volume: np.ndarray, most: int = 1000) -> np.ndarray:
    """Regions around the bright places of a volume, by watershed.

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

    smooth = gaussian_filter(np.asarray(volume, np.float32), _WIDTH)
    if float(smooth.max()) <= float(smooth.min()):
        return np.zeros(volume.shape, np.int32)
    # The square root, so that the brightest structures do not set the threshold alone.
    root = np.sqrt(smooth - smooth.min())
    mask = root > threshold_otsu(root)
    peaks = peak_local_max(smooth, min_distance=_APART, labels=mask.astype(np.int32), num_peaks=most)
    seeds = np.zeros(volume.shape, np.int32)
    seeds[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    labels = watershed(-smooth, seeds, mask=mask)
    sizes = np.bincount(labels.ravel())
    labels[sizes[labels] < _FEWEST] = 0
    return np.asarray(relabel_sequential(labels)[0], np.int32)
