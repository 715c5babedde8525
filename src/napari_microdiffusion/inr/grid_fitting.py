"""Fitting the grid field: a smooth logarithm consistent with the projections, tile by tile."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..interpolation import histospline
from ..optics import BeamOperator
from ..optics.detector.noise import estimate_noise
from .fitted import FittedInr
from .settings import InrSettings
from .steps import FitStep, FitSteps, Projections

if TYPE_CHECKING:
    from torch import Tensor

    from .fields import GridField

# Points of one step: a step stays well under 0.3 s on one processor core.
GRID_POINTS = 1 << 18
# No detector is trusted beyond this, relative to the projections' range; it keeps the data term finite.
NOISE_FLOOR = 0.005
# Decay of Adam's moments. The second is short since tens of steps must do.
BETAS = (0.9, 0.95)
# The network is shared by all tiles and so is moved more carefully than the features.
_NETWORK_RATE = 0.1
_LAST_RATE = 0.02
_PATIENCE = 5
# When the structures are measured, as fractions of the fit: coherence starts with the first.
_MEASUREMENTS = (0.4, 0.7)


def fit_grid(
    measured: Projections,
    profile: npt.NDArray[np.float64],
    settings: InrSettings,
    seed: int,
    device: str,
    start: npt.NDArray[np.float32] | None,
    shape: tuple[int, int, int],
    operator: BeamOperator | None,
) -> FitSteps:
    """Fit the grid field as `fit_inr` says, on a volume of `shape`, from `start` where one is given."""
    import torch

    from .fields import GridField, build_field

    field = build_field(shape, len(profile), settings, seed, device)
    assert isinstance(field, GridField)
    if start is None and settings.start == "histospline":
        start = histospline(measured, len(profile))
    if start is None:
        level = max(float(measured.mean()), 0.0) + settings.offset
        field.tensors["voxels"].fill_(math.log(level))
    else:
        # In place: a volume is the largest thing here, and passes over it are what the user waits for.
        volume = torch.from_numpy(start).clamp_(min=0).add_(settings.offset).log_()
        field.tensors["voxels"] = volume.to(device)
    del start
    fitted = FittedInr(field, settings, profile)
    objective = _GridObjective(field, measured, profile, settings, device, operator)
    moments = {name: (torch.zeros_like(t), torch.zeros_like(t)) for name, t in field.tensors.items()}
    # Two ways to cut the image, in turn, so that no seam stays where it is.
    cuts = [list(_tiles(shape, is_shifted)) for is_shifted in (False, True)]
    epochs = settings.epochs_to_run
    steps = sum(len(cuts[epoch % 2]) for epoch in range(epochs))
    measuring = {int(fraction * epochs) for fraction in _MEASUREMENTS} if settings.coherence else set()
    history: deque[float] = deque(maxlen=_PATIENCE + 1)
    seen: deque[tuple[float, float]] = deque(maxlen=len(cuts[0]))
    done, loss = 0, math.nan
    for epoch in range(epochs):
        rate = settings.rate * max(0.5 + 0.5 * math.cos(math.pi * epoch / epochs), _LAST_RATE)
        if epoch in measuring:
            history.clear()
        total, pixels = 0.0, 0
        for rows, columns in cuts[epoch % 2]:
            if epoch in measuring:
                objective.measure(rows, columns)
            objective_here, *misfit_here = objective.step(rows, columns, moments, rate, epoch)
            total += objective_here
            seen.append((misfit_here[0], misfit_here[1]))
            pixels += (rows.stop - rows.start) * (columns.stop - columns.start)
            done += 1
            # While the first epoch lasts, the loss of what it has seen; then that of whole epochs.
            loss = loss if epoch else total / pixels
            squares, count = (sum(part) for part in zip(*seen, strict=True))
            yield FitStep(done, steps, loss, math.sqrt(squares / max(count, 1)), fitted)
        loss = total / pixels
        history.append(loss)
        # The first epochs may climb while the moments warm up, so only a later standstill counts.
        standstill = len(history) > _PATIENCE and history[0] - loss < settings.tolerance * abs(history[0])
        if standstill and epoch >= 2 * _PATIENCE and all(epoch > start for start in measuring):
            return


class _GridObjective:
    """The objective of a grid field over one tile after the other, and the step that lowers it."""

    def __init__(
        self,
        field: GridField,
        measured: Projections,
        profile: npt.NDArray[np.float64],
        settings: InrSettings,
        device: str,
        operator: BeamOperator | None,
    ) -> None:
        import torch

        self.field = field
        self.operator = operator
        self.measured = torch.from_numpy(measured).to(device)
        self.profile = torch.from_numpy(profile.astype(np.float32)).to(device).reshape(1, -1, 1, 1)
        self.curvature = settings.curvature
        self.coherence = settings.coherence
        self.metric: Tensor | None = None
        self.precision = torch.from_numpy(_precision(measured, settings)).to(device)

    def measure(self, rows: slice, columns: slice) -> None:
        """Take the metric of a tile from the field as it is now."""
        import torch

        from .coherence import MARGIN, gradient_metric
        from .fields import TILE_ALIGNMENT

        if self.metric is None:
            shape = (6, *self.field.shape)
            # NumPy's zeros are mapped as they are touched, so that this large array costs no wait.
            self.metric = torch.from_numpy(np.zeros(shape, np.float16)).to(self.measured.device)
        above, left = (min(MARGIN, part.start) for part in (rows, columns))
        # What is evaluated must start where the levels have nodes, so it may be more than the margin.
        around = [
            slice(max(0, part.start - TILE_ALIGNMENT), min(part.stop + MARGIN, size))
            for part, size in zip((rows, columns), self.field.shape[1:], strict=True)
        ]
        with torch.no_grad():
            parts = {name: self.field.window(name, around[0], around[1]) for name in self.field.tensors}
            seen = self.field.log_intensity(parts).cpu().numpy()
        first_row, first_column = rows.start - above - around[0].start, columns.start - left - around[1].start
        metric = gradient_metric(seen[:, first_row:, first_column:])
        own = metric[:, :, above : above + rows.stop - rows.start, left : left + columns.stop - columns.start]
        self.metric[:, :, rows, columns] = torch.from_numpy(own).to(self.metric.device)

    def step(
        self, rows: slice, columns: slice, moments: dict[str, Any], rate: float, epoch: int
    ) -> tuple[float, float, int]:
        """Take one step of Adam on a tile; returns objective, squared misfit and its pixels before."""
        import torch

        parts = {name: self.field.window(name, rows, columns).detach() for name in self.field.tensors}
        for part in parts.values():
            part.requires_grad_()
        loss, misfit, pixels = self._loss(parts, rows, columns)
        loss.backward()
        with torch.no_grad():
            for name, part in parts.items():
                first, second = (self.field.window(name, rows, columns, m) for m in moments[name])
                shared = part.ndim < 3
                _adam(part, first, second, rate * (_NETWORK_RATE if shared else 1.0), epoch + 1)
        return float(loss.detach()), float(misfit.detach()), pixels

    def _loss(self, parts: dict[str, Tensor], rows: slice, columns: slice) -> tuple[Tensor, Tensor, int]:
        """The objective, the squared misfit in it in units of the noise, and the pixels of that."""
        from .coherence import coherence_energy

        log_intensity = self.field.log_intensity(parts)
        intensity = self.field.intensity(log_intensity)
        if self.operator is None:
            slabs = intensity.reshape(len(self.measured), self.profile.shape[1], *intensity.shape[1:])
            seen = (slabs * self.profile).sum(1)
        else:
            seen = self.operator.project_window(intensity)
        # Pixels that see nothing beyond the tile; the others are inside when the tiles lie elsewhere.
        pixels = tuple(
            slice(p.start, p.start + size) for p, size in zip((rows, columns), seen.shape[1:], strict=True)
        )
        residual = seen - self.measured[:, *pixels]
        precision = self.precision if self.precision.ndim == 0 else self.precision[:, *pixels]
        misfit = (residual.square() * precision).sum()
        bend = log_intensity[2:] - 2 * log_intensity[1:-1] + log_intensity[:-2]
        loss = misfit + self.curvature * bend.square().sum()
        if self.metric is None:
            return loss, misfit, residual.numel()
        loss = loss + self.coherence * coherence_energy(log_intensity, self.metric[:, :, rows, columns])
        return loss, misfit, residual.numel()


def _adam(part: Tensor, first: Tensor, second: Tensor, rate: float, count: int) -> None:
    """One step in place (D. Kingma and J. Ba, Adam, ICLR 2015), on windows of larger tensors."""
    gradient = part.grad
    assert gradient is not None
    first.lerp_(gradient, 1 - BETAS[0])
    second.mul_(BETAS[1]).addcmul_(gradient, gradient, value=1 - BETAS[1])
    scale = (second / (1 - BETAS[1] ** count)).sqrt_().add_(1e-8)
    part.addcdiv_(first, scale, value=-rate / (1 - BETAS[0] ** count))


def _precision(measured: Projections, settings: InrSettings) -> npt.NDArray[np.float32]:
    """One over the variance of each pixel, or of all where only one figure is known."""
    if settings.photon_gain or settings.read_noise:
        from scipy.ndimage import uniform_filter

        # Smoothed, so that a pixel that happens to be dark is not taken for a noiseless one.
        light = uniform_filter(np.maximum(measured, 0), size=(1, 3, 3), mode="nearest")
        variance = np.asarray(settings.photon_gain * light + settings.read_noise**2)
    else:
        variance = np.asarray(estimate_noise(measured) ** 2)
    return np.asarray(1 / (variance + NOISE_FLOOR**2), np.float32)


def _tiles(shape: tuple[int, int, int], is_shifted: bool) -> Iterator[tuple[slice, slice]]:
    """Lateral tiles of about GRID_POINTS voxels over the whole depth; shifted ones start half a tile in."""
    from .fields import TILE_ALIGNMENT

    depth, height, width = shape
    side = max(1, int(math.sqrt(GRID_POINTS / depth)) // TILE_ALIGNMENT) * TILE_ALIGNMENT
    shift = side // TILE_ALIGNMENT // 2 * TILE_ALIGNMENT if is_shifted else 0

    def cuts(size: int) -> list[slice]:
        edges = [0, *range(shift or side, size, side), size]
        return [slice(start, stop) for start, stop in pairwise(edges)]

    for rows in cuts(height):
        for columns in cuts(width):
            yield rows, columns
