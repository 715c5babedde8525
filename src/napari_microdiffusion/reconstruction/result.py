"""What a run leaves behind."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ..inr import FittedInr


@dataclass(eq=False)
class ReconstructionResult:
    """A reconstructed volume with everything needed to judge and repeat it.

    Attributes
    ----------
    volume : ndarray, shape (N*n, H, W), float32
        The posterior mean, in the projections' grey levels, or as far as the run got.
    uncertainty : ndarray or None
        Standard deviation of the posterior, same shape and unit; None without samples.
    guide : ndarray
        The first estimate the diffusion started from, same shape and unit.
    inr : FittedInr or None
        The fitted field where the guide is an INR.
    samples : list of ndarray
        The single samples, only where the settings ask to keep them.
    stopped : bool
        Whether the run was stopped before its end.
    reached : list of str
        The last stage that each slab of the volume reached.
    seconds : dict of str to float
        Time spent in each stage.
    reprojection_max : float
        Largest difference between the volume's projections and the measurement, as a fraction of the
        projections' range.
    misfit : float or None
        RMS difference between the volume's projections and the measurement in units of the noise, about 1
        where the volume is consistent within it; None where the data consistency in effect is another.
    device : str
        Where the networks ran.
    notices : list of str
        Warnings given during the run.
    provenance : dict
        Settings, versions, seed, input hash and timings: enough to run it again.
    """

    volume: np.ndarray
    guide: np.ndarray
    uncertainty: np.ndarray | None = None
    inr: "FittedInr | None" = None
    samples: list[np.ndarray] = field(default_factory=list)
    stopped: bool = False
    reached: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    reprojection_max: float = 0.0
    misfit: float | None = None
    device: str = "cpu"
    notices: list[str] = field(default_factory=list)
    provenance: dict[str, Any] = field(default_factory=dict)
