"""Adapting a prior in closed form: its last linear layers, solved by ridge regression on reference volumes.

A trained network turns what it is shown into features, of which its last layers take linear combinations:
one of the condition itself, pixel by pixel, and one of the features around each pixel. On a reference the
answers are known, and the change of those combinations that errs least is the solution of linear equations.
How far it may go from the weights before is decided by the two halves of the references, each of which
judges what the other taught; where neither gains, the prior stays as it is.
"""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..diffusion.preconditioning import Denoiser
from ..diffusion.prior import Prior
from ..diffusion.slab import LINEAR_CHANNELS, MAX_DIFFUSION_STEP_LENGTH, ORDERS, network_inputs, slab_orders
from ..diffusion.statistics import statistics
from ..errors import UserError
from ..interpolation import choose_pedestal, logspline
from ..optics import IntensityScale, ProjectionOperator

# Step lengths that are learned from where none is asked for.
STEP_LENGTHS: tuple[int, ...] = (4, 6, 8)
# Strengths of the ridge that are tried, for features of mean square one.
_RIDGES = tuple(float(r) for r in 10.0 ** np.arange(-4, 1.1, 0.5))
# Columns between the halves that count for neither, slabs and pixels along a side at most of a stack.
_GAP, _SLABS, _SIDE = 8, 16, 128
# Starts within a slab that a reference is cut at, as far as so many voxels in all allow.
_STARTS, _VOXELS = 3, 8_000_000
# Share of what an order misses that must be explained across the halves to be believed.
_LEAST_GAIN = 2e-3
_OUTPUTS = ORDERS - 1


@dataclass(frozen=True, eq=False)
class ClosedForm:
    """An adapted prior, and what it is worth.

    Attributes
    ----------
    prior : Prior
    gain : float
        In dB on halves of the references that took no part, of what lies within slabs; 0 where the prior
        stays as it is.
    ridges : tuple of float or None
        Strength of the ridge for each order from 1; None for those that stay as they are.
    seconds : float
    """

    prior: Prior
    gain: float
    ridges: tuple[float | None, ...]
    seconds: float


class Equations:
    """Normal equations of weighted least squares, for each of the pixels of a block of 2 x 2 its own.

    All share the features around the block; each has the condition of its own pixel beside them.
    """

    def __init__(self, around: int) -> None:
        self.around = around
        size = around + 4 * LINEAR_CHANNELS
        self.normal = torch.zeros(size, size, dtype=torch.float64)
        self.right = torch.zeros(size, 4 * _OUTPUTS, dtype=torch.float64)
        # What each order is missing, its square summed over all pixels.
        self.energy = torch.zeros(_OUTPUTS, dtype=torch.float64)

    def add(self, around: Tensor, own: Tensor, missing: Tensor, weight: Tensor) -> None:
        """Take blocks: features (P, A), conditions (P, 4, L), what is missing (P, O, 4), weights (P,)."""
        root = weight.sqrt()[:, None]
        features = torch.cat([around, own.flatten(1)], 1) * root
        rest = missing.flatten(1) * root
        self.normal += (features.T @ features).double()
        self.right += (features.T @ rest).double()
        self.energy += rest.square().sum(0).double().unflatten(0, (-1, 4)).sum(1)

    def __add__(self, other: "Equations") -> "Equations":
        total = Equations(self.around)
        total.normal, total.right = self.normal + other.normal, self.right + other.right
        total.energy = self.energy + other.energy
        return total

    def _of_pixel(self, pixel: int) -> tuple[Tensor, Tensor]:
        first = self.around + pixel * LINEAR_CHANNELS
        index = torch.cat([torch.arange(self.around), torch.arange(first, first + LINEAR_CHANNELS)])
        return self.normal[index][:, index], self.right[index][:, pixel::4]

    def solve(self, ridge: float) -> Tensor:
        """The ridge solution in features of mean square one, shape (4, A + L, O)."""
        solutions = []
        for pixel in range(4):
            normal, right = self._of_pixel(pixel)
            unit = normal.diagonal().clamp_min(1e-12 * float(normal.diagonal().max())).rsqrt()
            scaled = unit[:, None] * normal * unit
            eye = torch.eye(len(scaled), dtype=torch.float64)
            solutions.append(unit[:, None] * torch.linalg.solve(scaled + ridge * eye, unit[:, None] * right))
        return torch.stack(solutions)

    def explained(self, solution: Tensor) -> Tensor:
        """By how much a solution lowers what each order is missing, shape (O,)."""
        total = torch.zeros_like(self.energy)
        for pixel in range(4):
            normal, right = self._of_pixel(pixel)
            own = solution[pixel]
            total += 2 * (own * right).sum(0) - (own * (normal @ own)).sum(0)
        return total


def adapt_in_closed_form(
    prior: Prior, references: Sequence[np.ndarray], step_length: int | None = None
) -> Iterator[float | ClosedForm]:
    """Adapt a prior to reference volumes, yielding how far it is, 0 to 1, and last the `ClosedForm`.

    Parameters
    ----------
    prior : Prior
        Stays as it is.
    references : sequence of ndarray, shape (Z, H, W)
        Point-scanned volumes, in voxels like those that will be reconstructed.
    step_length : int, optional
        To learn; at twice as much, too, where the prior serves that.

    Raises
    ------
    UserError
        If no reference holds three slabs and enough columns for two halves.
    """
    started = perf_counter()
    steps = STEP_LENGTHS
    if step_length:
        # The weight that a run gives the prior is measured at twice its step length.
        steps = tuple(n for n in (step_length, 2 * step_length) if n <= MAX_DIFFUSION_STEP_LENGTH)
    tasks = list(_tasks(references, steps))
    if not tasks:
        raise UserError(
            f"the references are too small to adapt to: {3 * min(steps)} slices and {4 * _GAP} columns at "
            "least are needed"
        )
    halves: list[Equations] = []
    for done, (volume, n) in enumerate(tasks):
        own = _equations(prior.denoiser, volume, n)
        halves = own if not halves else [a + b for a, b in zip(halves, own, strict=True)]
        yield (done + 1) / len(tasks)
    solution, ridges, gain = _solution(halves, prior.denoiser.order_spread[1:].double())
    found = prior
    if gain > 0:
        card = {**prior.card, "adapted_in_closed_form": {"references": len(references), "gain_db": gain}}
        found = replace(prior, denoiser=_changed(prior.denoiser, solution, halves[0].around), card=card)
    yield ClosedForm(found, gain, ridges, perf_counter() - started)


def _tasks(references: Sequence[np.ndarray], steps: Sequence[int]) -> Iterator[tuple[np.ndarray, int]]:
    """Volumes and step lengths to learn from, as many as take some seconds, each in turn.

    Every further round cuts the tissue into slabs at another slice; every other looks from the other side.
    """
    left = _VOXELS
    for number in range(2 * _STARTS):
        for volume in references:
            for n in steps:
                own = volume[::-1] if number % 2 else volume
                own = own[number // 2 * n // _STARTS :]
                if left <= 0 or len(own) < 3 * n or own.shape[2] < 4 * _GAP:
                    continue
                left -= min(len(own), _SLABS * n) * min(own.shape[1], _SIDE) * min(own.shape[2], _SIDE)
                yield own, n


def _solution(halves: list[Equations], spread: Tensor) -> tuple[Tensor, tuple[float | None, ...], float]:
    """The solution of both halves, each order with the ridge that serves it best across the halves.

    Returns
    -------
    solution : Tensor, shape (4, A + L, O)
    ridges : tuple
        Of each order; None where it stays as it is.
    gain : float
        Across the halves, in dB of physical error.
    """
    both = halves[0] + halves[1]
    across = torch.stack(
        [halves[0].explained(halves[1].solve(r)) + halves[1].explained(halves[0].solve(r)) for r in _RIDGES]
    )
    best = across.max(0)
    kept = best.values > _LEAST_GAIN * both.energy
    solution = torch.zeros_like(both.solve(1.0))
    for index in set(best.indices[kept].tolist()):
        orders = kept & (best.indices == index)
        solution[:, :, orders] = both.solve(_RIDGES[index])[:, :, orders]
    ridges = tuple(_RIDGES[i] if on else None for i, on in zip(best.indices, kept, strict=True))
    physical = spread.square()
    before = float((physical * both.energy).sum())
    left = before - float((physical * best.values * kept).sum())
    return solution, ridges, float(10 * np.log10(before / left)) if 0 < left < before else 0.0


def _changed(denoiser: Denoiser, solution: Tensor, around: int) -> Denoiser:
    """A copy with the last layers changed by a solution; those of order 0 stay."""
    copy = deepcopy(denoiser)
    own = solution.float()
    with torch.no_grad():
        head, readout = copy.network.head, copy.network.readout
        # Rows of the head: order by order, each with the four pixels of a block.
        rows = own[:, :around].permute(2, 0, 1).reshape(4 * _OUTPUTS, around)
        assert head.bias is not None
        head.weight[4:] += rows[:, :-1].reshape(head.weight[4:].shape)
        head.bias[4:] += rows[:, -1]
        # All pixels share the coefficients of the condition.
        readout.bias.add_(own[:, around:].mean(0).T.reshape(-1))
    return copy


@torch.inference_mode()
def _equations(denoiser: Denoiser, volume: np.ndarray, n: int) -> list[Equations]:
    """The equations of the left and of the right half of a volume at a step length."""
    condition, seen, missing, weight = _evaluated(denoiser, volume, n)
    height, width = (size // 2 * 2 for size in missing.shape[2:])
    around = functional.unfold(seen, 3, padding=1).unflatten(2, seen.shape[2:])
    around = torch.cat([around, torch.ones_like(around[:, :1])], 1)[:, :, : height // 2, : width // 2]
    linear = condition[:, :LINEAR_CHANNELS] * torch.exp(-condition[:, -1:])
    own, rest = (
        functional.pixel_unshuffle(part[:, :, :height, :width], 2).unflatten(1, (-1, 4))
        for part in (linear, missing)
    )
    share = functional.avg_pool2d(weight[:, None, :height, :width], 2)[:, 0]
    columns, found = width // 2, []
    for part in (slice(0, columns // 2 - _GAP // 4), slice(columns // 2 + _GAP // 4, columns)):
        equations = Equations(around.shape[1])
        equations.add(
            around[..., part].movedim(1, -1).flatten(0, 2),
            own[..., part].permute(0, 3, 4, 2, 1).flatten(0, 2),
            rest[..., part].permute(0, 3, 4, 1, 2).flatten(0, 2),
            share[..., part].flatten(),
        )
        found.append(equations)
    return found


def _evaluated(denoiser: Denoiser, volume: np.ndarray, n: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Condition and features of a stack, what the prior misses (N, ORDERS - 1, H, W), weights (N, H, W).

    In the normalised state; the weights turn its squares into physical ones, orders counting alike.
    """
    depth, height, width = volume.shape
    slabs = min(depth // n, _SLABS)
    first = (depth - slabs * n) // 2
    y, x = (slice(max(0, (size - _SIDE) // 2), (size + _SIDE) // 2) for size in (height, width))
    operator = ProjectionOperator(np.full(n, 1 / n))
    cut = np.ascontiguousarray(volume[first : first + slabs * n, y, x], np.float32)
    scale = IntensityScale.of(operator.project(cut))
    truth = scale.to_unit(cut)
    projections = np.asarray(operator.project(truth), np.float32)
    guide = logspline(projections, operator, pedestal=choose_pedestal(projections, operator))
    problem = network_inputs(projections, guide, operator, None, statistics(projections, n))
    residual = slab_orders(truth, operator) - problem.first_orders
    arrays = {"condition": problem.condition, "globals": problem.globals, "mask": problem.order_mask}
    inputs = {name: torch.from_numpy(array)[None] for name, array in arrays.items()}
    unit = denoiser.scale(torch.from_numpy(problem.unit)[None])
    seen: list[Tensor] = []
    hook = denoiser.network.head.register_forward_pre_hook(lambda _, given: seen.append(given[0].clone()))
    try:
        answer = denoiser.posterior_mean(
            inputs["condition"], inputs["globals"], inputs["mask"], torch.from_numpy(problem.unit)[None]
        )
    finally:
        hook.remove()
    missing = (torch.from_numpy(residual) - answer[0]) * inputs["mask"][0][:, None, None]
    own = unit[0].clamp_min(1e-9)
    # Orders have spreads of their own; relative to them the weight of a pixel is its amplitude alone.
    spread = denoiser.order_spread
    amplitude = own[:, 1] / spread[1]
    return inputs["condition"][0], seen[0], (missing / own)[:, 1:], amplitude.square()
