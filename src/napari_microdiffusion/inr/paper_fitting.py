"""Fitting the paper's field by its equation 2 alone."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from .fitted import FittedInr
from .settings import InrSettings
from .steps import FitStep, FitSteps, Projections

if TYPE_CHECKING:
    from torch import Tensor

    from .paper_field import PaperField

# Points of one step: a step stays well under 0.3 s on one processor core.
PAPER_POINTS = 1 << 13


def fit_paper(
    measured: Projections, profile: npt.NDArray[np.float64], settings: InrSettings, seed: int, device: str
) -> FitSteps:
    """Fit the paper's field as `fit_inr` says, to batches of random pixels."""
    import torch

    from .fields import build_field
    from .paper_field import PaperField

    count, height, width = measured.shape
    n = len(profile)
    field = build_field((count * n, height, width), n, settings, seed, device)
    assert isinstance(field, PaperField)
    fitted = FittedInr(field, settings, profile)
    weights = [tensor.requires_grad_() for name, tensor in field.tensors.items() if name != "frequencies"]
    optimiser = torch.optim.Adam(weights, lr=settings.rate)
    target = torch.from_numpy(measured.reshape(-1)).to(device)
    axial = torch.from_numpy(profile.astype(np.float32)).to(device)
    rng = np.random.default_rng(seed)
    batch = max(1, PAPER_POINTS // n)
    batches = -(-measured.size // batch)
    steps = settings.epochs_to_run * batches
    recent: deque[float] = deque(maxlen=batches)
    for epoch in range(settings.epochs_to_run):
        order = rng.permutation(measured.size)
        for index in range(batches):
            chosen = order[index * batch : (index + 1) * batch]
            loss = equation_2(field, chosen, height * width, target, axial)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            recent.append(float(loss.detach()))
            mean = float(np.mean(recent))
            yield FitStep(epoch * batches + index + 1, steps, mean, mean**0.5, fitted)


def equation_2(
    field: PaperField, chosen: npt.NDArray[np.int64], pixels: int, target: Tensor, axial: Tensor
) -> Tensor:
    """Mean squared misfit of some projection pixels, each synthesised from its n slices."""
    n = len(axial)
    depths = (chosen // pixels)[:, None] * n + np.arange(n)
    points = field.at(field.coordinates(depths, (chosen % pixels)[:, None]))
    return ((points * axial).sum(1) - target[chosen]).square().mean()
