"""A step of a network's code towards a tissue.

The code scales and shifts all channels of the network. Tissues differ in the code that serves them best,
along some directions more than along others; these are learned with the prior, and how far answers on usual
tissue change along each. So the gradient of the error on a few pieces of a reference tells a whole step, as
Newton's method would take it, and few directions learn little by heart.
"""

from collections.abc import Generator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from ...diffusion.networks import TissueDirections
from ...diffusion.precision import has_bfloat16
from ...diffusion.preconditioning import Denoiser
from ...diffusion.prior import resized
from .looks import Shown, middle

# Pixels along a side of a piece at most.
_SIDE = 48
# Added to the squared error of a slab, relative to the range: quality is judged in dB, slice by slice.
ERROR_FLOOR = 2e-6
# Change of answers at most, in the unit of the directions. The halves of a reference are more alike than the
# tissue that will be recorded, so that what is best for them leads too far.
LARGEST_CHANGE = 0.11
# From a natural logarithm to dB.
_DB = 10 / np.log(10)


@dataclass(frozen=True, eq=False)
class CodeStep:
    """A change of the code, shape (embedding,), and its gain in dB on halves that it was not learned from."""

    change: Tensor
    gain: float


def code_step(
    denoiser: Denoiser,
    halves: Sequence[Sequence[Shown]],
    executor: Executor,
    span: tuple[float, float] = (0.0, 1.0),
) -> Generator[float, None, CodeStep | None]:
    """The step that both halves of references ask for; None where either loses by what the other asks for.

    Yields how far it is.

    Parameters
    ----------
    denoiser : Denoiser
        Stays as it is.
    halves : two sequences of Shown
        Clean projections.
    executor : Executor
        Evaluates several pieces at once.
    span : float, float
        How far a whole is before and after it.
    """
    if denoiser.network.tissues is None or not all(halves):
        return None
    pieces = [[_piece(shown) for shown in half] for half in halves]
    still = coded(denoiser)
    done, count = 0, 2 * sum(map(len, pieces))
    start, end = span
    errors: list[list[float]] = [[], []]
    slopes: list[list[Tensor]] = [[], []]
    for own in (0, 1):
        for error, own_slope in executor.map(partial(slope, still), pieces[own]):
            errors[own].append(error)
            slopes[own].append(own_slope)
            done += 1
            yield start + (end - start) * done / count
    means = [torch.stack(found).mean(0) for found in slopes]
    gains = []
    for own in (0, 1):
        changed = coded(denoiser, _step(denoiser.network.tissues, means[1 - own]))
        after = []
        for error in executor.map(partial(_error, changed), pieces[own]):
            after.append(error)
            done += 1
            yield start + (end - start) * done / count
        gains.append(float(_DB * (np.mean(errors[own]) - np.mean(after))))
    if min(gains) <= 0:
        return None
    return CodeStep(_step(denoiser.network.tissues, (means[0] + means[1]) / 2), float(np.mean(gains)))


def coded(denoiser: Denoiser, change: Tensor | None = None) -> Denoiser:
    """A copy whose code for clean projections is changed, if by anything, and has a gradient."""
    copy = resized(denoiser, knows_clean=True).eval().requires_grad_(False)
    code = _code(copy)
    if change is not None:
        code.add_(change)
    code.requires_grad_(True)
    return copy


def _code(denoiser: Denoiser) -> Tensor:
    assert denoiser.network.if_clean is not None
    return denoiser.network.if_clean.code


def _step(known: TissueDirections, uphill: Tensor) -> Tensor:
    """Where the error falls, with what usual tissue changes held below a limit; shape (embedding,)."""
    along = -known.trust * (known.directions @ uphill)
    return (along * (LARGEST_CHANGE / along.norm().clamp_min(LARGEST_CHANGE))) @ known.directions


def _piece(shown: Shown) -> Shown:
    """Pixels of the middle."""
    rows, columns = (middle(size, _SIDE) for size in shown.residual.shape[2:])
    inputs = replace(
        shown.inputs,
        condition=shown.inputs.condition[..., rows, columns],
        unit=shown.inputs.unit[..., rows, columns],
        first_orders=shown.inputs.first_orders[..., rows, columns],
    )
    return Shown(inputs, shown.residual[..., rows, columns])


def missing_of(denoiser: Denoiser, shown: Shown) -> Tensor:
    """What a denoiser misses of all orders but 0, shape (N, ORDERS - 1, H, W)."""
    # Neither gradients nor least squares over so many pixels see the difference.
    with torch.autocast("cpu", torch.bfloat16, has_bfloat16(torch.device("cpu"))):
        answer = denoiser.residual_of(shown.inputs)
    mask = torch.from_numpy(shown.inputs.order_mask)[:, None, None]
    return ((torch.from_numpy(shown.residual) - answer) * mask)[:, 1:]


def _errors(missing: Tensor) -> Tensor:
    """Of each slab, with the floor, shape (N,)."""
    return missing.square().sum(1).mean((1, 2)) + ERROR_FLOOR


@torch.inference_mode()
def _error(denoiser: Denoiser, shown: Shown) -> float:
    return float(_errors(missing_of(denoiser, shown)).log().mean())


def slope(denoiser: Denoiser, shown: Shown) -> tuple[float, Tensor]:
    """The mean logarithm of the squared error of slabs, and its slope along the code, shape (embedding,).

    Parameters
    ----------
    denoiser : Denoiser
        As `coded` gives it.
    shown : Shown
        Clean projections.
    """
    error = _errors(missing_of(denoiser, shown)).log().mean()
    (found,) = torch.autograd.grad(error, [_code(denoiser)])
    return float(error.detach()), found


def curvature(denoiser: Denoiser, shown: Shown, generator: torch.Generator, samples: int = 4) -> Tensor:
    """The curvature of the same along the code, as far as the answers are linear in it.

    An estimate without bias from random signs of the answers (Hutchinson's), shape (embedding, embedding).

    Parameters
    ----------
    denoiser : Denoiser
        As `coded` gives it.
    shown : Shown
        Clean projections.
    generator : torch.Generator
    samples : int
    """
    missing = missing_of(denoiser, shown)
    weight = (_errors(missing.detach()) * len(missing) * missing[0, 0].numel()).rsqrt()[:, None, None, None]
    found = []
    for _ in range(samples):
        signs = 2.0 * torch.randint(0, 2, missing.shape, generator=generator) - 1
        (along,) = torch.autograd.grad((missing * weight * signs).sum(), [_code(denoiser)], retain_graph=True)
        found.append(along)
    rows = torch.stack(found)
    return 2 * rows.T @ rows / samples
