"""Procedural tissue: what the prior is trained on, what the demo and the sample data show."""

import numpy as np

from .imaging import ImagingConditions, draw_conditions, draw_plain_conditions, image_specimen
from .stamping import hollowed
from .tissue import TISSUES

KINDS = ("vasculature", "dendrites", "neurons", "nuclei")

__all__ = [
    "KINDS",
    "TISSUES",
    "ImagingConditions",
    "draw_conditions",
    "draw_plain_conditions",
    "hollowed",
    "image_specimen",
    "make_specimen",
]


def make_specimen(
    kind: str,
    shape: tuple[int, int, int] = (96, 128, 128),
    seed: int = 0,
    conditions: ImagingConditions | None = None,
) -> np.ndarray:
    """A procedural volume as a point-scanning microscope would record it, without noise by default.

    Parameters
    ----------
    kind : {"vasculature", "dendrites", "neurons", "nuclei"}
    shape : tuple of int
        Slices, rows, columns.
    seed : int
        The same seed gives the same specimen.
    conditions : ImagingConditions, optional
        Blur, background and so on; the default is a sharp, clean recording.

    Returns
    -------
    ndarray, shape (Z, H, W), float32
        Non-negative, brightest structures near 1.
    """
    if kind not in TISSUES:
        raise ValueError(f"unknown specimen {kind!r}; known are {', '.join(KINDS)}")
    rng = np.random.default_rng([seed, sorted(TISSUES).index(kind)])
    return image_specimen(TISSUES[kind](rng, shape), conditions or ImagingConditions(), rng)
