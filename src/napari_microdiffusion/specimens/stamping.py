"""Drawing soft-edged balls into a volume, of which every specimen is made, and hollowing what they make."""

import numpy as np
from scipy.ndimage import distance_transform_edt

# Voxel-times-ball pairs worked on at once; bounds the memory of one stamp to some tens of megabytes.
_PAIRS = 1_500_000
# What is brighter than this is inside a structure.
_INSIDE = 0.15


def stamp_balls(
    volume: np.ndarray, centres: np.ndarray, radii: np.ndarray, values: np.ndarray | float = 1.0
) -> None:
    """Draw balls with a one-voxel soft edge into `volume`, keeping the brighter value where they overlap.

    Parameters
    ----------
    volume : ndarray, shape (Z, H, W), float32
        Drawn into, in place.
    centres : ndarray, shape (M, 3)
        In voxels; may lie outside the volume.
    radii : ndarray, shape (M,)
        In voxels. Below half a voxel a ball keeps its size and loses brightness instead.
    values : float or ndarray, shape (M,)
        Brightness at the centre.
    """
    centres = np.asarray(centres, dtype=np.float32).reshape(-1, 3)
    radii = np.broadcast_to(np.asarray(radii, dtype=np.float32), len(centres))
    thin = np.minimum(radii / 0.5, 1)
    glow = np.broadcast_to(np.asarray(values, dtype=np.float32), len(centres)) * thin**2
    radii = np.maximum(radii, 0.5)
    reach = np.ceil(radii + 0.5).astype(int)
    limits = np.array(volume.shape)
    inside = ((centres > -reach[:, None]) & (centres < limits + reach[:, None])).all(1)
    flat = volume.reshape(-1)
    for r in np.unique(reach[inside]):
        chosen = np.flatnonzero(inside & (reach == r))
        axis = np.arange(-r, r + 1)
        offsets = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
        offsets = offsets[(offsets**2).sum(1) <= (r + 0.9) ** 2].astype(np.int32)
        at_once = max(1, _PAIRS // len(offsets))
        for start in range(0, len(chosen), at_once):
            rows = chosen[start : start + at_once]
            nearest = np.rint(centres[rows]).astype(np.int32)
            voxels = nearest[:, None] + offsets
            shift = (nearest - centres[rows]).astype(np.float32)
            distance = np.sqrt(((shift[:, None] + offsets) ** 2).sum(-1))
            ink = np.clip(radii[rows, None] + 0.5 - distance, 0, 1) * glow[rows, None]
            keep = (ink > 0) & ((voxels >= 0) & (voxels < limits)).all(-1)
            index = np.ravel_multi_index(tuple(voxels[keep].T), volume.shape)
            np.maximum.at(flat, index, ink[keep])


def hollowed(volume: np.ndarray, wall: float, darkness: float) -> np.ndarray:
    """Structures stained at their surface: walls of vessels, cells around dark nuclei, envelopes.

    Parameters
    ----------
    volume : ndarray, shape (Z, H, W)
        Brightness about 0 to 1.
    wall : float
        Thickness of what stays, in voxels. Structures thinner than two walls stay as they are.
    darkness : float
        Share of the brightness within the walls that is taken away, 0 to 1.

    Returns
    -------
    ndarray, shape (Z, H, W), float32
    """
    depth = distance_transform_edt(volume > _INSIDE)
    core = np.clip(depth - wall, 0, 1).astype(np.float32)
    return np.asarray(volume * (1 - np.float32(darkness) * core))
