"""What a run leaves behind, and what came of it in one honest sentence."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ..inr.fitted import FittedInr

# A re-projection this close is rounding (float32), as a fraction of the projections' range.
ROUNDING = 1e-4
KEPT = {
    "posterior mean": "the final volume",
    "guide": "the starting estimate",
    "preview": "the quick preview",
}
"""What slabs of a stopped run hold, by the last stage that they reached."""


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
    reference : ndarray or None
        The reference of the run, registered and in the projections' grey levels, same shape; None where there
        is none of this tissue.
    samples : list of ndarray
        The single samples, only where the settings ask to keep them.
    axes : str
        The letters of the volume's axes; several time points or channels come before the slices.
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
    misfit_correlation : float or None
        Of that difference between neighbouring pixels, about 0 where nothing but noise is left.
    noise : dict
        Photon gain, read noise and dark level in the projections' grey levels, stated or estimated.
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
    reference: np.ndarray | None = None
    samples: list[np.ndarray] = field(default_factory=list)
    axes: str = "zyx"
    stopped: bool = False
    reached: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    reprojection_max: float = 0.0
    misfit: float | None = None
    misfit_correlation: float | None = None
    noise: dict[str, Any] = field(default_factory=dict)
    device: str = "cpu"
    notices: list[str] = field(default_factory=list)
    provenance: dict[str, Any] = field(default_factory=dict)


def describe_outcome(
    result: ReconstructionResult, median_uncertainty: float | None, metrics: dict[str, Any] | None
) -> str:
    """The line under a finished run."""
    time = duration(sum(result.seconds.values()))
    if result.stopped:
        return f"Stopped after {time}. Kept: {_kept(result)}."
    text = (
        f"Done in {time}. Averaged along the beam, the result reproduces your images {_how_well([result])}."
    )
    if median_uncertainty is None:
        text += " Depth inside each slab is an estimate; uncertainty draws would tell how sure it is."
    else:
        share = f"± {100 * median_uncertainty:.0f} %"
        text += f" Depth inside each slab is an estimate, typically {share} of the brightness."
    if metrics is not None:
        text += f" Against the ground truth: PSNR {metrics['psnr']:.1f} dB"
        r2 = metrics.get("null_space_r2")
        text += "." if r2 is None else f", depth recovered {100 * max(r2, 0.0):.0f} %."
    return text


def describe_series(results: Sequence[ReconstructionResult], count: int, noun: str) -> str:
    """The line under a finished series of runs, `count` of them if it was not stopped before."""
    done, seconds = len(results), sum(sum(result.seconds.values()) for result in results)
    text = f"Done in {duration(seconds)}: {count} {noun}s."
    if done < count or results[-1].stopped:
        text = f"Stopped after {duration(seconds)}. Kept: {done} of {count} {noun}s"
        text += f", of the last {_kept(results[-1])}." if results[-1].stopped else "."
    text += f" Averaged along the beam, they reproduce your images {_how_well(results)}."
    return f"{text} Depth inside each slab is an estimate."


def _how_well(results: Sequence[ReconstructionResult]) -> str:
    """How closely volumes reproduce their projections, in words."""
    misfits = [result.misfit for result in results if result.misfit is not None]
    if misfits:
        shown = " to ".join(dict.fromkeys(f"{misfit:.2f}" for misfit in (min(misfits), max(misfits))))
        return f"within their noise (difference {shown} times the noise)"
    worst = max(result.reprojection_max for result in results)
    return "exactly" if worst <= ROUNDING else f"within {100 * worst:.2g} % of their range of brightness"


def _kept(result: ReconstructionResult) -> str:
    """What there was when a run was stopped, in words."""
    parts, count = [], len(result.reached)
    for stage, words in KEPT.items():
        if slabs := result.reached.count(stage):
            parts.append(f"{words} of {'all ' if slabs == count else ''}{slabs} slabs")
    text = " and ".join(parts)
    return text if result.uncertainty is None else f"{text}, with the uncertainty of the draws so far"


def duration(seconds: float) -> str:
    """A measured time, e.g. "38 s"."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"
