"""How close a reconstruction is to the ground truth: one function, `compare`, and what it is made of.

One affine map, taken from the truth alone, serves both volumes: its 0.5 and 99.9 percentiles become 0 and
255, values are clipped and rounded. Nothing is ever rescaled per method or per slice, so that a wrong
brightness costs what it should.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import UsageError, UserError
from ..optics import MAX_STEP_LENGTH, MIN_STEP_LENGTH, ProjectionOperator
from .intensity import ByteVolume, IntensityRange, Volume, otsu
from .structure import axial_centroid_errors, border_inner_step_ratio

SSIM_WINDOW = 7
# An error-free slice would have an infinite PSNR and drown the mean of all others.
PSNR_CAP = 60.0
# Shares of the work, as measured: slices with their SSIM, then the 3-D SSIM, then the slabs.
_BEFORE_SLICES, _AFTER_SLICES, _AFTER_SSIM_3D, _AFTER_SLABS = 0.05, 0.3, 0.75, 0.9
# Voxels of one block of the 3-D SSIM, which needs some ten arrays of that size.
_BLOCK_VOXELS = 1 << 22


def compare(
    reconstruction: ArrayLike,
    truth: ArrayLike,
    n: int | None = None,
    *,
    profile: ArrayLike | None = None,
) -> dict[str, Any]:
    """Measure a reconstruction against the ground truth.

    Parameters
    ----------
    reconstruction : array_like, shape (Z, H, W)
        The volume to judge, in the intensity unit of the truth.
    truth : array_like, shape (at least Z, H, W)
        What a point scan saw. Slices beyond the reconstruction's are dropped.
    n : int, optional
        Step length in slices, 2 to 64, a divisor of Z. Without it what depends on slabs is left out.
    profile : array_like, shape (n,), optional
        Axial weights of the beam, sum 1; uniform by default.

    Returns
    -------
    dict
        Ready for JSON; None stands for a figure that is not defined.

        ``psnr``, ``ssim``
            Means over the slices: peak signal-to-noise ratio in dB with peak 255, at most 60 a slice, and
            structural similarity in 7×7 windows (Wang et al., IEEE Trans. Image Process. 13 (2004) 600).
        ``dice``, ``dice_per_slice_otsu``
            2 |A∩B| / (|A| + |B|) of the foregrounds: above one Otsu threshold from the whole truth, and above
            a threshold of its own for every slice of each volume, which is arbitrary on empty slices.
        ``psnr_foreground``, ``ssim_3d``
            PSNR over the truth's foreground voxels alone, and structural similarity in 7×7×7 windows.
        ``slices``, ``slices_dropped``, ``intensity_range``
            What was compared, and the intensities mapped to 0 and 255.
        ``per_slice``
            Lists ``psnr``, ``ssim`` and ``dice``, one entry a slice; a slice with no foreground in either
            volume has no Dice.

        With n also:

        ``null_space_r2``
            1 − ‖P(x̂ − x)‖² / ‖P(x − x_nearest)‖², P the projector on what no projection sees, both volumes
            clipped to the range: 0 for repeated projections, 1 for the truth. ``per_slice`` has it as well,
            both sums taken over the slice alone.
        ``reprojection_rmse``, ``reprojection_max``
            Difference of the projections of both volumes, in units of the range.
        ``axial_centroid_error_median``, ``axial_centroid_error_p90``
            In slices; see `structure.axial_centroid_errors`.
        ``border_inner_step_ratio``
            That of the reconstruction over that of the truth; see `structure.border_inner_step_ratio`.

    Raises
    ------
    UserError
        If the shapes cannot match, or a volume is constant or not finite.
    UsageError
        If n or the profile cannot be.
    """
    *_, last = comparing(reconstruction, truth, n, profile=profile)
    assert last.metrics is not None
    return last.metrics


@dataclass(frozen=True, eq=False)
class ComparisonStep:
    """How much of a comparison is done, 0 to 1; the last step has the metrics."""

    fraction: float
    metrics: dict[str, Any] | None = None


def comparing(
    reconstruction: ArrayLike,
    truth: ArrayLike,
    n: int | None = None,
    *,
    profile: ArrayLike | None = None,
) -> Iterator[ComparisonStep]:
    """As `compare`, in steps of a fraction of a second, between which it may be left."""
    metrics: dict[str, Any] = {}
    for fraction in _measure_into(metrics, np.asarray(reconstruction), np.asarray(truth), n, profile):
        yield ComparisonStep(fraction)
    yield ComparisonStep(1.0, metrics)


def _measure_into(
    metrics: dict[str, Any],
    reconstruction: Volume,
    truth: Volume,
    n: int | None,
    profile: ArrayLike | None,
) -> Iterator[float]:
    """Fill in what `compare` returns; yields how much is done."""
    rec, gt, dropped = _matched(reconstruction, truth)
    operator = None if n is None else _operator(rec.shape, n, profile)
    scale = IntensityRange.of(gt)
    yield 0.02
    g = scale.to_bytes(gt)
    yield 0.04
    r = scale.to_bytes(rec)
    threshold = otsu(g)
    foreground, found = g > threshold, r > threshold
    psnr = [_psnr(a, b) for a, b in zip(g, r, strict=True)]
    ssim = yield from _ssim_per_slice(g, r)
    per_slice: dict[str, Sequence[float | None] | None] = {
        "psnr": psnr,
        "ssim": ssim,
        "dice": [_dice(a, b) if a.any() or b.any() else None for a, b in zip(foreground, found, strict=True)],
    }
    metrics |= {
        "psnr": float(np.mean(psnr)),
        "ssim": None if ssim is None else float(np.mean(ssim)),
        "dice": _dice(foreground, found),
        "dice_per_slice_otsu": _dice(_above_slice_otsu(g), _above_slice_otsu(r)),
        "psnr_foreground": _psnr(g[foreground], r[foreground]),
        "ssim_3d": (yield from _ssim_3d(g, r)),
    }
    if operator is not None:
        slabs, per_slice["null_space_r2"] = yield from _null_space_and_reprojection(rec, gt, scale, operator)
        metrics |= slabs
        errors = axial_centroid_errors(rec, gt, operator, scale.low, scale.high)
        metrics["axial_centroid_error_median"] = _percentile(errors, 50)
        metrics["axial_centroid_error_p90"] = _percentile(errors, 90)
        ratio, true_ratio = (border_inner_step_ratio(v, operator.step_length) for v in (rec, gt))
        metrics["border_inner_step_ratio"] = ratio / true_ratio if ratio is not None and true_ratio else None
    metrics["slices"] = len(rec)
    metrics["slices_dropped"] = dropped
    metrics["intensity_range"] = [scale.low, scale.high]
    metrics["per_slice"] = per_slice


def _matched(reconstruction: Volume, truth: Volume) -> tuple[Volume, Volume, int]:
    shapes = f"the reconstruction is {_shape(reconstruction)}, the ground truth {_shape(truth)}"
    if reconstruction.ndim != 3 or truth.ndim != 3:
        raise UserError(f"{shapes}; both must be volumes with axes (z, y, x).")
    if 0 in reconstruction.shape:
        raise UserError(f"{shapes}; there is nothing to compare.")
    for name, volume in (("reconstruction", reconstruction), ("ground truth", truth)):
        if volume.dtype.kind not in "uif":
            raise UserError(
                f"the {name} is of type {volume.dtype}; intensities as whole or real numbers are needed."
            )
    if reconstruction.shape[1:] != truth.shape[1:]:
        raise UserError(f"{shapes}; both must have the same height and width.")
    if len(truth) < len(reconstruction):
        raise UserError(f"{shapes}; the ground truth must not have fewer slices than the reconstruction.")
    if not np.isfinite(reconstruction.sum(dtype=np.float64)):
        raise UserError("the reconstruction holds values that are not finite; it should hold intensities.")
    depth = len(reconstruction)
    return reconstruction, truth[:depth], len(truth) - depth


def _shape(volume: Volume) -> str:
    return "×".join(str(length) for length in volume.shape) or "a single number"


def _operator(shape: tuple[int, ...], n: int, profile: ArrayLike | None) -> ProjectionOperator:
    if isinstance(n, bool) or int(n) != n or not MIN_STEP_LENGTH <= n <= MAX_STEP_LENGTH:
        raise UsageError(
            f"the step length must be a whole number from {MIN_STEP_LENGTH} to {MAX_STEP_LENGTH}, not {n!r}."
        )
    if shape[0] % n:
        raise UserError(
            f"the reconstruction has {shape[0]} slices, which is no whole number of slabs of {n}: "
            "check the step length."
        )
    weights = np.full(n, 1 / n) if profile is None else np.asarray(profile, dtype=np.float64)
    if weights.shape != (n,):
        raise UsageError(
            f"the axial profile must hold one weight for each of {n} slices, not {weights.shape}."
        )
    try:
        return ProjectionOperator(weights)
    except ValueError as error:
        raise UsageError(f"the axial profile cannot be used: {error}.") from error


def _psnr(a: ByteVolume, b: ByteVolume) -> float:
    squared = np.square(a.astype(np.int32) - b)
    floor = 255**2 / 10 ** (PSNR_CAP / 10)
    return float(10 * np.log10(255**2 / max(float(squared.mean()), floor)))


def _ssim_per_slice(g: ByteVolume, r: ByteVolume) -> Generator[float, None, list[float] | None]:
    from skimage.metrics import structural_similarity

    if min(g.shape[1:]) < SSIM_WINDOW:
        return None
    values = []
    for z, (a, b) in enumerate(zip(g, r, strict=True)):
        values.append(float(structural_similarity(a, b, data_range=255, win_size=SSIM_WINDOW)))
        yield _BEFORE_SLICES + (_AFTER_SLICES - _BEFORE_SLICES) * (z + 1) / len(g)
    return values


def _ssim_3d(g: ByteVolume, r: ByteVolume) -> Generator[float, None, float | None]:
    from skimage.metrics import structural_similarity

    if min(g.shape) < SSIM_WINDOW:
        return None
    halo = SSIM_WINDOW // 2
    inner = len(g) - 2 * halo
    step = max(1, _BLOCK_VOXELS // g[0].size)
    total = 0.0
    # Blocks of slices with a halo: the windows of each lie within it, so their mean is that of the whole.
    for start in range(0, inner, step):
        stop = min(start + step, inner)
        a, b = (v[start : stop + 2 * halo].astype(np.float32) for v in (g, r))
        mean = float(structural_similarity(a, b, data_range=255, win_size=SSIM_WINDOW))
        total += mean * (stop - start)
        yield _AFTER_SLICES + (_AFTER_SSIM_3D - _AFTER_SLICES) * stop / inner
    return total / inner


def _dice(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    return float(2 * (a & b).sum() / max(int(a.sum()) + int(b.sum()), 1))


def _above_slice_otsu(volume: ByteVolume) -> NDArray[np.bool_]:
    return np.stack([image > otsu(image) for image in volume])


def _null_space_and_reprojection(
    rec: Volume, gt: Volume, scale: IntensityRange, operator: ProjectionOperator
) -> Generator[float, None, tuple[dict[str, float | None], list[float | None]]]:
    n = operator.step_length
    unexplained, missing = np.zeros(len(rec)), np.zeros(len(rec))
    squared = largest = 0.0
    # One slab at a time: slabs are disjoint, and so no volume of float64 is ever needed.
    for start in range(0, len(rec), n):
        slab = slice(start, start + n)
        x_hat, x = (np.asarray(v[slab], dtype=np.float64) for v in (rec, gt))
        difference = operator.project(x_hat - x)
        squared += float(np.square(difference).sum())
        largest = max(largest, float(np.abs(difference).max()))
        x_hat, x = scale.clip(x_hat), scale.clip(x)
        by_nearest = np.repeat(operator.project(x), n, axis=0)
        unexplained[slab] = np.square(operator.null_space(x_hat - x)).sum((1, 2))
        missing[slab] = np.square(operator.null_space(x - by_nearest)).sum((1, 2))
        yield _AFTER_SSIM_3D + (_AFTER_SLABS - _AFTER_SSIM_3D) * (start + n) / len(rec)
    pixels = rec.size / n
    of_all = {
        "null_space_r2": _explained(unexplained.sum(), missing.sum()),
        "reprojection_rmse": float(np.sqrt(squared / pixels)) / scale.span,
        "reprojection_max": largest / scale.span,
    }
    return of_all, [_explained(*sums) for sums in zip(unexplained, missing, strict=True)]


def _explained(unexplained: float, missing: float) -> float | None:
    return float(1 - unexplained / missing) if missing else None


def _percentile(values: NDArray[np.float32], percent: float) -> float | None:
    return float(np.percentile(values, percent)) if values.size else None
