"""What is known of a stack as a whole before any block of it is reconstructed."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from ..optics import IntensityScale
from ..optics.detector.denoising_error import DenoisingError
from ..optics.detector.noise import NoiseModel


@dataclass(frozen=True, eq=False)
class StackSurvey:
    """Facts of a whole stack, measured on a sample of it; None for what is still to be measured.

    Attributes
    ----------
    shape : tuple of int
        Slabs, rows and columns (N, H, W) of the stack.
    gains : ndarray, shape (N,)
        Light of each slab relative to what it should be.
    light_notice : str
        What was done about the light, or why nothing; empty where nothing was asked for.
    likely_noise : NoiseModel
        As stated or estimated, grey levels.
    missing_share : float
        Of the pixels, those without a value.
    noise : NoiseModel or None
        What is taken into account of it.
    scale, prior_scale : IntensityScale or None
    noise_share : float or None
    denoising_error : DenoisingError or None
        Where samples are drawn and there is noise.
    pedestal : float or None
    statistics, flipped_statistics : ndarray or None
    prior_weight : float or None
        With `self_test_error` what the prior is worth, where there is one.
    self_test_error : float or None
    """

    shape: tuple[int, int, int]
    gains: np.ndarray
    light_notice: str
    likely_noise: NoiseModel
    missing_share: float = 0.0
    noise: NoiseModel | None = None
    scale: IntensityScale | None = None
    prior_scale: IntensityScale | None = None
    noise_share: float | None = None
    denoising_error: DenoisingError | None = None
    pedestal: float | None = None
    statistics: np.ndarray | None = None
    flipped_statistics: np.ndarray | None = None
    prior_weight: float | None = None
    self_test_error: float | None = None

    def of_slabs(self, slabs: np.ndarray) -> Self:
        """The same for some of the slabs."""
        return replace(self, gains=self.gains[slabs])
