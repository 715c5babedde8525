"""Adapting a prior in closed form: a step of its code, then its last linear layers by least squares.

The code is the network's description of the sample, by which all channels are scaled and shifted. On clean
projections of references it takes one step towards what they ask for (`tissue_code`).

A trained network turns what it is shown into features, of which its last layers take linear combinations:
one of the condition itself, pixel by pixel, and one of the features around each pixel. On a reference the
answers are known, and the change of those combinations that errs least is the solution of linear equations:
one for clean projections and one for those of little light, which teach different things. It is held to
change little on procedural tissue like that of the training: the features that vary there are those that any
sample may show. Each half of the references judges what the other taught, at every light for itself. Of the
changes that lose nowhere one that gains much is taken, but only a quarter to a half of it, and no more than
changes answers on usual tissue moderately: elsewhere the tissue is less like the halves than these are like
each other. Where every change loses somewhere, the prior stays as it is.
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice, product
from threading import local
from time import perf_counter

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ...diffusion.preconditioning import Denoiser
from ...diffusion.prior import Prior, resized
from ...diffusion.slab import LINEAR_CHANNELS
from ...errors import UserError
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
from .tissue_code import ERROR_FLOOR, CodeStep, code_step, coded, missing_of

# Step lengths that are learned from where none is asked for.
STEP_LENGTHS: tuple[int, ...] = (4, 6, 8)
# How strongly the change is held back on tissue like that of the training: those that are tried.
STRENGTHS: tuple[float, ...] = (0.03, 0.1, 0.3, 1.0, 4.0, 12.0, 36.0)
# How much of the solution is taken: those that are tried.
_SHARES: tuple[float, ...] = (0.25, 0.35, 0.5)
# Both halves together teach twice as much as the one by which strengths and shares are judged: they are held
# back half as strongly, and of what gains nearly most the largest share and the least strength are taken.
_OF_BOTH, _NEARLY = 0.5, 0.7
# Looks that are evaluated at once, at most; each takes some hundred megabytes.
_AT_ONCE = 4
# Slabs whose products are computed together: what does not fit into the processor's caches takes longer.
_SLABS = 4
# Pairs of clean looks that teach the code, and their share of the whole work.
_CODE_PAIRS, _FIRST = 4, 0.25
# Squared change of answers on usual tissue at most, relative to what is missing there.
_LARGEST_CHANGE = 0.13
# dB that halves have to gain at least, on average over lights.
_LEAST_GAIN = 0.02


@dataclass(frozen=True)
class Choice:
    """How strongly a change is held back, how much of it is taken, and what it gains, dB at every light."""

    strength: float
    share: float
    gains: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class ClosedForm:
    """An adapted prior, and what it is worth.

    Attributes
    ----------
    prior : Prior
    gain : float
        In dB on halves of the references that took no part, of what lies within slabs, the mean over lights;
        0 where the prior stays as it is.
    code : CodeStep or None
        The step of the code for projections without noise, where it helps.
    clean, noisy : Choice or None
        What was chosen for projections without noise and for those with it; None where nothing changes.
    seconds : float
    """

    prior: Prior
    gain: float
    code: CodeStep | None
    clean: Choice | None
    noisy: Choice | None
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
    looks = list(looks_at_halves(references, steps))
    taught = {clean: _Taught() for clean in (True, False)}
    with _executor() as executor:
        # Beside what comes first.
        drawn = executor.submit(list, looks_at_usual_tissue([k * n for k in (1, 2) for n in steps], rng))
        step, known = yield from _step_of_code(denoiser, looks, executor)
        denoiser = denoiser if step is None else coded(denoiser, step.change)
        usual_looks = drawn.result()
        count = len(looks) + len(usual_looks)
        everything = [*chain(*looks), *usual_looks]
        evaluate = partial(_equations, _Watched(denoiser), known)
        found_equations = executor.map(evaluate, everything, rng.spawn(len(everything)))
        for done, (first, _) in enumerate(looks):
            own = [half for half in islice(found_equations, 2) if half is not None]
            if len(own) == 2:
                taught[first.photons == 0].learn(first.photons, own)
            yield _FIRST + (1 - _FIRST) * (done + 1) / count
        for done, (look, equations) in enumerate(zip(usual_looks, found_equations, strict=True), len(looks)):
            if equations is not None:
                # Every specimen counts alike, however much it leaves unexplained.
                equations = equations.scaled(1 / max(float((physical * equations.energy).sum()), 1e-12))
                taught[look.photons == 0].hold_to(equations)
            yield _FIRST + (1 - _FIRST) * (done + 1) / count
        # Both at once.
        chosen = [executor.submit(taught[is_clean].chosen, physical) for is_clean in (True, False)]
        clean, noisy = (choice.result() for choice in chosen)
    found, gain = prior, 0.0
    if step is not None or clean is not None or noisy is not None:
        by_code = 0.0 if step is None else step.gain
        gains = [by_code + gain for gain in taught[True].gains(clean)] + [*taught[False].gains(noisy)]
        gain = float(np.mean(gains))
        card = {**prior.card, "adapted_in_closed_form": {"references": len(references), "gain_db": gain}}
        solutions = (taught[True].solution(clean), taught[False].solution(noisy))
        found = replace(prior, denoiser=_changed(denoiser, *solutions), card=card)
    yield ClosedForm(found, gain, step, clean, noisy, perf_counter() - started)


def _step_of_code(
    denoiser: Denoiser, looks: Sequence[tuple[Look, Look]], executor: Executor
) -> Generator[float, None, tuple[CodeStep | None, dict[Look, Shown | None]]]:
    """What the first clean looks ask the code for, and those looks as they were shown."""
    pairs = [pair for pair in looks if pair[0].photons == 0][:_CODE_PAIRS]
    known: dict[Look, Shown | None] = {}
    for look, tissue in zip(chain(*pairs), executor.map(shown, chain(*pairs)), strict=True):
        known[look] = tissue
        yield _FIRST / 2 * len(known) / (2 * len(pairs))
    halves = [[tissue for look in half if (tissue := known[look])] for half in zip(*pairs, strict=True)]
    step = yield from code_step(denoiser, halves, executor, (_FIRST / 2, _FIRST))
    return step, known


class _Taught:
    """What references teach of projections without noise, or with it: equations of both halves, by light."""

    def __init__(self) -> None:
        self.lights: dict[float, list[NormalEquations]] = {}
        self.usual: NormalEquations | None = None

    def learn(self, photons: float, own: list[NormalEquations]) -> None:
        before = self.lights.get(photons)
        total = own if before is None else [a + b for a, b in zip(before, own, strict=True)]
        self.lights[photons] = total

    def hold_to(self, usual: NormalEquations) -> None:
        """Change little on such tissue."""
        self.usual = usual if self.usual is None else self.usual + usual

    @property
    def halves(self) -> list[NormalEquations]:
        """Over all lights."""
        return [_total(parts) for parts in zip(*self.lights.values(), strict=True)]

    def chosen(self, physical: Tensor) -> Choice | None:
        if self.usual is None or not self.lights:
            return None
        return _chosen(list(self.lights.values()), self.halves, self.usual, physical)

    def gains(self, choice: Choice | None) -> tuple[float, ...]:
        """At every light, dB; nothing where nothing changes."""
        return (0.0,) * len(self.lights) if choice is None else choice.gains

    def solution(self, choice: Choice | None) -> Tensor | None:
        """What both halves teach, shape (4, A + L, O)."""
        if choice is None or self.usual is None:
            return None
        return choice.share * _total(self.halves).solve(self.usual, [_OF_BOTH * choice.strength])[0]


def can_adapt(references: Sequence[np.ndarray], step_length: int | None = None) -> bool:
    """Whether any of the references is large enough."""
    return bool(large_enough(references, (step_length,) if step_length else STEP_LENGTHS))


def _chosen(
    lights: Sequence[Sequence[NormalEquations]],
    halves: Sequence[NormalEquations],
    usual: NormalEquations,
    physical: Tensor,
) -> Choice | None:
    """The largest share, and the least strength, that gain nearly most where no half loses at any light.

    None where each change loses somewhere: one half may gain much by what does harm in the other, and one
    light by what does harm at another.

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
    fair: list[Choice] = []
    limit = _LARGEST_CHANGE * float((physical * usual.energy).sum())
    taught = [half.solve(usual, STRENGTHS) for half in halves[::-1]]
    for strength, *solutions in zip(STRENGTHS, *taught, strict=True):
        # (lights, halves, shares)
        gains = np.array(
            [
                [
                    [_gain(half, explained, physical) for explained in half.explained(own, _SHARES)]
                    for half, own in zip(light, solutions, strict=True)
                ]
                for light in lights
            ]
        )
        at_lights = gains.mean(1).T.tolist()
        change = np.mean([float((physical * usual.changed(own)).sum()) for own in solutions])
        fair += [
            Choice(strength, share, tuple(own))
            for share, own, least in zip(_SHARES, at_lights, gains.min((0, 1)), strict=True)
            if least > 0 and np.mean(own) > _LEAST_GAIN and share**2 * change <= limit
        ]
    most = max((float(np.mean(choice.gains)) for choice in fair), default=0.0)
    near = [choice for choice in fair if np.mean(choice.gains) >= _NEARLY * most]
    return max(near, key=lambda choice: (choice.share, -choice.strength), default=None)


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


def _changed(denoiser: Denoiser, clean: Tensor | None, noisy: Tensor | None) -> Denoiser:
    """A copy with the last layers changed by solutions; those of order 0 stay."""
    copy = resized(denoiser, knows_clean=True).eval()
    network, if_clean = copy.network, copy.network.if_clean
    assert if_clean is not None
    if noisy is not None:
        _change(network.head, network.readout.bias, noisy)
        _change(if_clean.head, if_clean.readout, -noisy)
    if clean is not None:
        _change(if_clean.head, if_clean.readout, clean)
    return copy


@torch.no_grad()
def _change(head: nn.Conv2d, readout: Tensor, solution: Tensor) -> None:
    own, around = solution.float(), head.weight[0].numel() + 1
    # Rows of the head: order by order, each with the four pixels of a block.
    rows = own[:, :around].permute(2, 0, 1).reshape(4 * OUTPUTS, around)
    assert head.bias is not None
    head.weight[4:] += rows[:, :-1].unflatten(1, (3, 3, -1)).movedim(-1, 1)
    head.bias[4:] += rows[:, -1]
    # All pixels share the coefficients of the condition.
    readout += own[:, around:].mean(0).T.reshape(-1)


@contextmanager
def _executor() -> Iterator[Executor]:
    """Threads for looks: as many at once as there are cores.

    Half of the work is NumPy's, on one core, so that this takes less time than one look after the other on
    all of them.
    """
    threads = torch.get_num_threads()
    workers = min(threads, _AT_ONCE)
    pool = ThreadPoolExecutor(workers, "looks", torch.set_num_threads, (threads // workers,))
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        # What the threads have set would count for threads that are yet to come.
        torch.set_num_threads(threads)


class _Watched:
    """A copy of a denoiser that keeps the features of its last evaluation, of every thread for itself."""

    def __init__(self, denoiser: Denoiser) -> None:
        # Others may be using the same.
        self.denoiser = deepcopy(denoiser)
        self._seen = local()
        self.denoiser.network.head.register_forward_pre_hook(self._keep)

    def _keep(self, _: nn.Module, given: tuple[Tensor]) -> None:
        self._seen.features = given[0]

    @property
    def features(self) -> Tensor:
        """What the last layer was given, shape (N, C, h, w)."""
        features: Tensor = self._seen.features
        return features


@torch.inference_mode()
def _equations(
    denoiser: _Watched, known: Mapping[Look, Shown | None], look: Look, rng: np.random.Generator
) -> NormalEquations | None:
    """The equations of a volume, None where it shows no structure; `known` is what has been shown already.

    Slabs count by which factor their error falls.
    """
    tissue = known[look] if look in known else shown(look, rng)
    if tissue is None:
        return None
    condition, seen, missing, weight = _evaluated(denoiser, tissue)
    spread = denoiser.denoiser.order_spread[1:, None, None]
    error = ((spread * missing).square().sum(1) * weight).mean((1, 2))
    weight = weight / (error + ERROR_FLOOR)[:, None, None]
    height, width = (size // 2 * 2 for size in missing.shape[2:])
    root = functional.avg_pool2d(weight[:, :height, :width], 2).sqrt()[..., None]
    linear = condition[:, :LINEAR_CHANNELS] * torch.exp(-condition[:, -1:])
    # Neither what is never shown nor orders that the step length does not have need any work.
    orders = torch.from_numpy(tissue.inputs.order_mask)[1:].nonzero()[:, 0]
    conditions = linear.square().sum((0, 2, 3)).nonzero()[:, 0]
    parts = seen, linear[:, conditions, :height, :width], missing[:, orders, :height, :width], root
    equations = NormalEquations(9 * seen.shape[1] + 1)
    equations.add(
        (_rows(*part) for part in zip(*(p.split(_SLABS) for p in parts), strict=True)), conditions, orders
    )
    return equations


def _rows(features: Tensor, own: Tensor, missing: Tensor, root: Tensor) -> Tensor:
    """One row for each block of 2 x 2 pixels, times a number of it, shape (P, columns).

    Parameters
    ----------
    features : Tensor, shape (N, C, h, w)
        Those around a block come first, place by place.
    own, missing : Tensor, shape (N, .., H, W)
        Those of the four pixels come after a one, the conditions pixel by pixel, what is missing order by
        order.
    root : Tensor, shape (N, h', w', 1)
        The numbers, of whole blocks alone.
    """
    height, width = root.shape[1:3]
    padded = functional.pad(features, (1, 1, 1, 1)).movedim(1, -1).contiguous()
    channels = padded.shape[-1]
    around, of_pixels = 9 * channels + 1, 4 * own.shape[1]
    rows = torch.empty(*root.shape[:3], around + of_pixels + 4 * missing.shape[1])
    for place, (y, x) in enumerate(product(range(3), repeat=2)):
        part = rows[..., place * channels : (place + 1) * channels]
        torch.mul(padded[:, y : y + height, x : x + width], root, out=part)
    rows[..., around - 1] = root[..., 0]
    rows[..., around : around + of_pixels] = (_blocks(own).movedim(3, -1) * root[..., None, None]).flatten(3)
    rows[..., around + of_pixels :] = (_blocks(missing) * root[..., None, None]).flatten(3)
    return rows.flatten(0, 2)


def _blocks(images: Tensor) -> Tensor:
    """Pixels of blocks of 2 x 2, (N, h, w, C, 2, 2), of images (N, C, H, W)."""
    return images.unflatten(3, (-1, 2)).unflatten(2, (-1, 2)).permute(0, 2, 4, 1, 3, 5)


def _evaluated(watched: _Watched, tissue: Shown) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Condition and features of a stack, what the prior misses (N, ORDERS - 1, H, W), weights (N, H, W).

    In the normalised state; the weights turn its squares into physical ones, orders counting alike.
    """
    problem, denoiser = tissue.inputs, watched.denoiser
    missing = missing_of(denoiser, tissue)
    own = denoiser.scale(torch.from_numpy(problem.unit)[None])[0].clamp_min(1e-9)
    # Orders have spreads of their own; relative to them the weight of a pixel is its amplitude alone.
    amplitude = own[:, 1] / denoiser.order_spread[1]
    return torch.from_numpy(problem.condition), watched.features, missing / own[:, 1:], amplitude.square()
