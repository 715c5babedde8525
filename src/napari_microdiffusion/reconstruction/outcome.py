"""What came of a run, in one honest sentence."""

from typing import Any

from .result import ReconstructionResult

# A re-projection this close is rounding (float32), as a fraction of the projections' range.
ROUNDING = 1e-4


def describe_outcome(
    result: ReconstructionResult, median_uncertainty: float | None, metrics: dict[str, Any] | None
) -> str:
    """The line under a finished run."""
    time = duration(sum(result.seconds.values()))
    if result.stopped:
        stages = [stage for stage in dict.fromkeys(result.reached) if stage]
        parts = ", ".join(f"{result.reached.count(stage)} slabs at the stage {stage}" for stage in stages)
        text = f"Stopped after {time}; kept: {parts or 'nothing yet'}."
    else:
        text = f"Done in {time}."
    if result.misfit is not None:
        text += f" Reproduces the projections within their noise (misfit {result.misfit:.2f})"
    elif result.reprojection_max <= ROUNDING:
        text += " Re-projects onto the measurement (by construction)"
    else:
        text += f" Re-projects within {100 * result.reprojection_max:.2g} % of the projections' range"
    if median_uncertainty is not None:
        text += f"; depth within a slab is estimated: median uncertainty {100 * median_uncertainty:.0f} %."
    else:
        text += "; depth within a slab is estimated, here without a measure of its uncertainty."
    if metrics is not None:
        text += f" Against the ground truth: PSNR {metrics['psnr']:.1f} dB"
        r2 = metrics.get("null_space_r2")
        text += "." if r2 is None else f", null-space R² {r2:.2f}."
    return text


def duration(seconds: float) -> str:
    """A measured time, e.g. "38 s"."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"
