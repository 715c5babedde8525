"""Adapting a prior in closed form: its last linear layers, solved by least squares on reference volumes.

A trained network turns what it is shown into features, of which its last layers take linear combinations:
one of the condition itself, pixel by pixel, and one of the features around each pixel. On a reference the
answers are known, and the change of those combinations that errs least, clean and at little light, is the
solution of linear equations. It is held to change little on procedural tissue like that of the training: the
features that vary there are those that any sample may show. Each half of the references judges what the other
taught, at every light for itself. Of the changes that lose nowhere the one that gains most is taken, but only
a quarter to a half of it: elsewhere the tissue is less like the halves than these are like each other.
Where every change loses somewhere, the prior stays as it is.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice
from time import perf_counter

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..diffusion.precision import has_bfloat16
from ..diffusion.preconditioning import Denoiser
from ..diffusion.prior import Prior
from ..diffusion.slab import LINEAR_CHANNELS
from ..errors import UserError
from .looks import (
    LEAST_SIDE,
    Look,
    Shown,
    large_enough,
    looks_at_halves,
    looks_at_usual_tissue,
    shown,
)
from .normal_equations import OUTPUTS, NormalEquations

# Step lengths that are learned from where none is asked for.
STEP_LENGTHS: tuple[int, ...] = (4, 6, 8)
# How strongly the change is held back on tissue like that of the training: those that are tried.
STRENGTHS: tuple[float, ...] = (0.3, 1.0, 4.0, 12.0, 36.0)
# How much of the solution is taken: those that are tried.
_SHARES: tuple[float, ...] = (0.25, 0.35, 0.5)
# Looks that are evaluated at once, at most; each takes some hundred megabytes.
_AT_ONCE = 4
# Added to the squared error of a slab, relative to the range: quality is judged in dB, slice by slice.
_ERROR_FLOOR = 2e-6
# dB that halves have to gain at least, on average over lights.
_LEAST_GAIN = 0.02


@dataclass(frozen=True, eq=False)
class ClosedForm:
    """An adapted prior, and what it is worth.

    Attributes
    ----------
    prior : Prior
    gain : float
        In dB on halves of the references that took no part, of what lies within slabs, the mean over lights;
        0 where the prior stays as it is.
    strength : float or None
        How strongly the change is held back on usual tissue; None where there is none.
    seconds : float
    """

    prior: Prior
    gain: float
    strength: float | None
    seconds: float


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
        To learn. At twice as much, at which a run measures what the prior is worth, it stays as it was.

    Raises
    ------
    UserError
        If no reference holds three slabs and enough pixels for two halves.
    """
    started = perf_counter()
    steps = (step_length,) if step_length else STEP_LENGTHS
    if not can_adapt(references, step_length):
        raise UserError(
            f"the references are too small to adapt to: {3 * min(steps)} slices and {LEAST_SIDE} pixels "
            "along one side are needed at least"
        )
    denoiser, rng = prior.denoiser, np.random.default_rng(0)
    physical = denoiser.order_spread[1:].double().square()
    looks = list(looks_at_halves(references, steps, rng))
    usual_looks = list(looks_at_usual_tissue([k * n for k in (1, 2) for n in steps], rng))
    count = len(looks) + len(usual_looks)
    found_equations = _equations_in_turn(denoiser, [*chain(*looks), *usual_looks], rng)
    # By light, each with its two halves.
    learned: dict[float, list[NormalEquations]] = {}
    for done, (first, _) in enumerate(looks):
        own = [half for half in islice(found_equations, 2) if half is not None]
        if len(own) == 2:
            before = learned.get(first.photons)
            total = own if before is None else [a + b for a, b in zip(before, own, strict=True)]
            learned[first.photons] = total
        yield (done + 1) / count
    usual: NormalEquations | None = None
    for done, equations in enumerate(found_equations, len(looks)):
        if equations is not None:
            # Every specimen counts alike, however much it leaves unexplained.
            equations = equations.scaled(1 / max(float((physical * equations.energy).sum()), 1e-12))
            usual = equations if usual is None else usual + equations
        yield (done + 1) / count
    assert usual is not None, "there are specimens for every step length"
    halves = [_total(parts) for parts in zip(*learned.values(), strict=True)]
    strength, share, gain = _chosen(list(learned.values()), halves, usual, physical)
    found = prior
    if strength is not None:
        solution = share * _total(halves).solve(usual, strength)
        card = {**prior.card, "adapted_in_closed_form": {"references": len(references), "gain_db": gain}}
        found = replace(prior, denoiser=_changed(denoiser, solution, usual.around), card=card)
    yield ClosedForm(found, gain, strength, perf_counter() - started)


def can_adapt(references: Sequence[np.ndarray], step_length: int | None = None) -> bool:
    """Whether any of the references is large enough."""
    return bool(large_enough(references, (step_length,) if step_length else STEP_LENGTHS))


def _chosen(
    lights: Sequence[Sequence[NormalEquations]],
    halves: Sequence[NormalEquations],
    usual: NormalEquations,
    physical: Tensor,
) -> tuple[float | None, float, float]:
    """The strength and the share that gain most where no half loses at any light, and the gain in dB.

    No strength where each loses somewhere: one half may gain much by what does harm in the other, and clean
    projections by what does harm at little light.

    Parameters
    ----------
    lights : sequence of pairs of NormalEquations
        Both halves, at every light.
    halves : sequence of NormalEquations
        Over all lights.
    usual : NormalEquations
    physical : Tensor
        Squares of the units of the orders.
    """
    best: tuple[float | None, float, float] = (None, 0.0, 0.0)
    for strength in STRENGTHS if lights else ():
        solutions = [half.solve(usual, strength) for half in halves[::-1]]
        # Of every half at every light, what each share gains.
        gains = np.array(
            [
                [_gain(half, explained, physical) for explained in half.explained(own, _SHARES)]
                for light in lights
                for half, own in zip(light, solutions, strict=True)
            ]
        )
        for share, least, mean in zip(_SHARES, gains.min(0), gains.mean(0), strict=True):
            if least > 0 and mean > max(best[2], _LEAST_GAIN):
                best = (strength, share, float(mean))
    return best


def _total(parts: Sequence[NormalEquations]) -> NormalEquations:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def _gain(half: NormalEquations, explained: Tensor, physical: Tensor) -> float:
    """By how many dB less a half is missing; negative where it misses more."""
    before = max(float((physical * half.energy).sum()), 1e-30)
    left = before - float((physical * explained).sum())
    return float(10 * np.log10(before / max(left, 1e-6 * before)))


def _changed(denoiser: Denoiser, solution: Tensor, around: int) -> Denoiser:
    """A copy with the last layers changed by a solution; those of order 0 stay."""
    copy = deepcopy(denoiser)
    own = solution.float()
    with torch.no_grad():
        head, readout = copy.network.head, copy.network.readout
        # Rows of the head: order by order, each with the four pixels of a block.
        rows = own[:, :around].permute(2, 0, 1).reshape(4 * OUTPUTS, around)
        assert head.bias is not None
        head.weight[4:] += rows[:, :-1].reshape(head.weight[4:].shape)
        head.bias[4:] += rows[:, -1]
        # All pixels share the coefficients of the condition.
        readout.bias.add_(own[:, around:].mean(0).T.reshape(-1))
    return copy


def _equations_in_turn(
    denoiser: Denoiser, looks: Sequence[Look], rng: np.random.Generator
) -> Iterator[NormalEquations | None]:
    """The equations of every look, None where it shows no structure; several looks at once.

    Half of the work is NumPy's, on one core, so that as many looks as there are cores take less time than one
    after the other on all of them.
    """
    threads = torch.get_num_threads()
    workers = min(threads, _AT_ONCE)
    pool = ThreadPoolExecutor(workers, "looks", torch.set_num_threads, (threads // workers,))
    try:
        yield from pool.map(partial(_equations, denoiser), looks, rng.spawn(len(looks)))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        # What the threads have set would count for threads that are yet to come.
        torch.set_num_threads(threads)


@torch.inference_mode()
def _equations(denoiser: Denoiser, look: Look, rng: np.random.Generator) -> NormalEquations | None:
    """The equations of a volume; slabs count by which factor their error falls."""
    tissue = shown(look, rng)
    if tissue is None:
        return None
    condition, seen, missing, weight = _evaluated(denoiser, tissue)
    spread = denoiser.order_spread[1:, None, None]
    error = ((spread * missing).square().sum(1) * weight).mean((1, 2))
    weight = weight / (error + _ERROR_FLOOR)[:, None, None]
    height, width = (size // 2 * 2 for size in missing.shape[2:])
    around = functional.unfold(seen, 3, padding=1).unflatten(2, seen.shape[2:])
    around = torch.cat([around, torch.ones_like(around[:, :1])], 1)[:, :, : height // 2, : width // 2]
    linear = condition[:, :LINEAR_CHANNELS] * torch.exp(-condition[:, -1:])
    own, rest = (
        functional.pixel_unshuffle(part[:, :, :height, :width], 2).unflatten(1, (-1, 4))
        for part in (linear, missing)
    )
    equations = NormalEquations(around.shape[1])
    equations.add(
        around.movedim(1, -1).flatten(0, 2),
        own.permute(0, 3, 4, 2, 1).flatten(0, 2),
        rest.permute(0, 3, 4, 1, 2).flatten(0, 2),
        functional.avg_pool2d(weight[:, None, :height, :width], 2).flatten(),
    )
    return equations


def _evaluated(denoiser: Denoiser, tissue: Shown) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Condition and features of a stack, what the prior misses (N, ORDERS - 1, H, W), weights (N, H, W).

    In the normalised state; the weights turn its squares into physical ones, orders counting alike.
    """
    problem = tissue.inputs
    arrays = {"condition": problem.condition, "globals": problem.globals, "mask": problem.order_mask}
    inputs = {name: torch.from_numpy(array)[None] for name, array in arrays.items()}
    unit = denoiser.scale(torch.from_numpy(problem.unit)[None])
    seen: list[Tensor] = []
    # Another thread may be using the same.
    denoiser = deepcopy(denoiser)
    denoiser.network.head.register_forward_pre_hook(
        lambda _, given: seen.append(given[0].to(torch.float32, copy=True))
    )
    # Least squares over so many pixels do not see the difference.
    rough = torch.autocast("cpu", torch.bfloat16, has_bfloat16(torch.device("cpu")))
    with rough:
        answer = denoiser.posterior_mean(
            inputs["condition"], inputs["globals"], inputs["mask"], torch.from_numpy(problem.unit)[None]
        )
    missing = (torch.from_numpy(tissue.residual) - answer[0]) * inputs["mask"][0][:, None, None]
    own = unit[0].clamp_min(1e-9)
    # Orders have spreads of their own; relative to them the weight of a pixel is its amplitude alone.
    spread = denoiser.order_spread
    amplitude = own[:, 1] / spread[1]
    return inputs["condition"][0], seen[0], (missing / own)[:, 1:], amplitude.square()
