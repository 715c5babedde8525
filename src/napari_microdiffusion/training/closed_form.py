"""Adapting a prior in closed form: its last linear layers, solved by least squares on reference volumes.

A trained network turns what it is shown into features, of which its last layers take linear combinations:
one of the condition itself, pixel by pixel, and one of the features around each pixel. On a reference the
answers are known, and the change of those combinations that errs least, clean and at little light, is the
solution of linear equations. It is held to change little on procedural tissue like that of the training: the
features that vary there are those that any sample may show. How far it may go is decided by the two halves of
the references, each of which judges what the other taught: what serves the half that gains least is taken.
Where one would lose by all of them, the prior stays as it is.
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
from ..diffusion.slab import LINEAR_CHANNELS, MAX_DIFFUSION_STEP_LENGTH, network_inputs, slab_orders
from ..diffusion.statistics import statistics
from ..errors import UserError
from ..interpolation import choose_pedestal, logspline
from ..optics import IntensityScale, ProjectionOperator
from ..optics.detector.denoising import denoise
from ..optics.detector.noise import NoiseModel
from ..specimens import TISSUES, draw_conditions, image_specimen
from .detector import Detector
from .normal_equations import OUTPUTS, NormalEquations
from .recordings import noise_left

# Step lengths that are learned from where none is asked for.
STEP_LENGTHS: tuple[int, ...] = (4, 6, 8)
# How strongly the change is held back on tissue like that of the training: those that are tried.
STRENGTHS: tuple[float, ...] = (4.0, 12.0, 36.0, 100.0)
# How much of the solution is taken: those that are tried. Half-way errs far less where tissue varies.
_SHARES: tuple[float, ...] = (0.5, 1.0)
# Columns between the halves that count for neither, slabs and pixels along a side at most of a stack.
_GAP, _SLABS, _SIDE = 8, 16, 96
# Starts within a slab that a reference is cut at, as far as so many pixels of slabs in all allow.
_STARTS, _PIXELS = 3, 250_000
# Photons, where projections are brightest, of every other look at a reference, in turn; and the read noise.
_LIGHTS, _READ_NOISE = (100.0, 40.0), 0.01
# Size of a specimen of the usual tissue, and how many there are of every kind.
_SPECIMEN, _OF_A_KIND = (48, 48, 48), 2
# dB that each half has to gain at least.
_LEAST_GAIN = 0.02


@dataclass(frozen=True, eq=False)
class ClosedForm:
    """An adapted prior, and what it is worth.

    Attributes
    ----------
    prior : Prior
    gain : float
        In dB on halves of the references that took no part, of what lies within slabs; 0 where the prior
        stays as it is.
    strength : float or None
        How strongly the change is held back on usual tissue; None where there is none.
    seconds : float
    """

    prior: Prior
    gain: float
    strength: float | None
    seconds: float


@dataclass(frozen=True, eq=False)
class Look:
    """A volume (Z, H, W) to be projected over so many slices, by so many photons; endless ones where 0."""

    volume: np.ndarray
    step_length: int
    photons: float = 0.0


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
        If no reference holds three slabs and enough columns for two halves.
    """
    started = perf_counter()
    steps = (step_length,) if step_length else STEP_LENGTHS
    looks = list(_looks(references, steps))
    if not looks:
        raise UserError(
            f"the references are too small to adapt to: {3 * min(steps)} slices and {4 * _GAP} columns at "
            "least are needed"
        )
    denoiser, rng = prior.denoiser, np.random.default_rng(0)
    physical = denoiser.order_spread[1:].double().square()
    usual_looks = list(_usual([k * n for k in (1, 2) for n in steps], rng))
    halves: list[NormalEquations] = []
    usual: NormalEquations | None = None
    for done, look in enumerate([*looks, *usual_looks]):
        is_usual = done >= len(looks)
        own = _equations(denoiser, look, rng, 1 if is_usual else 2)
        if is_usual:
            # Every specimen counts alike, however much it leaves unexplained.
            own[0] = own[0].scaled(1 / max(float((physical * own[0].energy).sum()), 1e-12))
            usual = own[0] if usual is None else usual + own[0]
        else:
            halves = own if not halves else [a + b for a, b in zip(halves, own, strict=True)]
        yield (done + 1) / (len(looks) + len(usual_looks))
    assert usual is not None, "there are specimens for every step length"
    strength, share, gain = _chosen(halves, usual, physical)
    found = prior
    if strength is not None:
        solution = share * (halves[0] + halves[1]).solve(usual, strength)
        card = {**prior.card, "adapted_in_closed_form": {"references": len(references), "gain_db": gain}}
        found = replace(prior, denoiser=_changed(denoiser, solution, usual.around), card=card)
    yield ClosedForm(found, gain, strength, perf_counter() - started)


def can_adapt(references: Sequence[np.ndarray], step_length: int | None = None) -> bool:
    """Whether any of the references is large enough."""
    return any(_looks(references, (step_length,) if step_length else STEP_LENGTHS))


def _looks(references: Sequence[np.ndarray], steps: Sequence[int]) -> Iterator[Look]:
    """Volumes and step lengths to learn from, as many as take some seconds, each in turn.

    Every further round cuts the tissue into slabs at another slice; every other looks from the other side,
    and at little light: what is learned of clean projections alone errs on noisy ones.
    """
    left = _PIXELS
    for number in range(2 * _STARTS):
        for index, volume in enumerate(references):
            is_noisy = (number + index) % 2 == 1
            photons = _LIGHTS[number // 2 % len(_LIGHTS)] if is_noisy else 0.0
            for n in steps:
                own = volume[::-1] if is_noisy else volume
                own = own[number // 2 * n // _STARTS :]
                if left <= 0 or len(own) < 3 * n or own.shape[2] < 4 * _GAP:
                    continue
                left -= min(len(own) // n, _SLABS) * min(own.shape[1], _SIDE) * min(own.shape[2], _SIDE)
                yield Look(own, n, photons)


def _usual(steps: Sequence[int], rng: np.random.Generator) -> Iterator[Look]:
    """Tissue like that of the training: every kind, the step lengths and lights in turn."""
    served = [n for n in steps if n <= MAX_DIFFUSION_STEP_LENGTH]
    for number, structure_of in enumerate(_OF_A_KIND * list(TISSUES.values())):
        n, (depth, height, width) = served[number % len(served)], _SPECIMEN
        structure = structure_of(rng, (max(depth, 4 * n), height, width))
        volume = image_specimen(structure, draw_conditions(rng), rng)
        if np.ptp(volume) > 0:
            yield Look(volume, n, (0.0, *_LIGHTS)[number % 3])


def _chosen(
    halves: list[NormalEquations], usual: NormalEquations, physical: Tensor
) -> tuple[float | None, float, float]:
    """The strength and the share that serve best the half that gains least, and the gain of both in dB.

    One half may gain much by what does harm in the other, and elsewhere. No strength where one gains nothing.
    """
    best: tuple[float | None, float, float] = (None, 0.0, 0.0)
    least = _LEAST_GAIN
    for strength in STRENGTHS:
        solutions = [half.solve(usual, strength) for half in halves[::-1]]
        for share in _SHARES:
            explained = [h.explained(share * own) for h, own in zip(halves, solutions, strict=True)]
            lesser = min(_gain([h], [part], physical) for h, part in zip(halves, explained, strict=True))
            if lesser > least:
                least, best = lesser, (strength, share, _gain(halves, explained, physical))
    return best


def _gain(halves: list[NormalEquations], explained: list[Tensor], physical: Tensor) -> float:
    """By how many dB less the halves are missing; 0 where not less."""
    before = sum(float((physical * half.energy).sum()) for half in halves)
    left = before - sum(float((physical * part).sum()) for part in explained)
    return float(10 * np.log10(before / left)) if 0 < left < before else 0.0


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


@torch.inference_mode()
def _equations(denoiser: Denoiser, look: Look, rng: np.random.Generator, parts: int) -> list[NormalEquations]:
    """The equations of a volume, or of its left and its right half."""
    condition, seen, missing, weight = _evaluated(denoiser, look, rng)
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
    halves = (slice(0, columns // 2 - _GAP // 4), slice(columns // 2 + _GAP // 4, columns))
    for part in halves if parts == 2 else (slice(None),):
        equations = NormalEquations(around.shape[1])
        equations.add(
            around[..., part].movedim(1, -1).flatten(0, 2),
            own[..., part].permute(0, 3, 4, 2, 1).flatten(0, 2),
            rest[..., part].permute(0, 3, 4, 1, 2).flatten(0, 2),
            share[..., part].flatten(),
        )
        found.append(equations)
    return found


def _evaluated(
    denoiser: Denoiser, look: Look, rng: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Condition and features of a stack, what the prior misses (N, ORDERS - 1, H, W), weights (N, H, W).

    In the normalised state; the weights turn its squares into physical ones, orders counting alike.
    """
    volume, n = look.volume, look.step_length
    depth, height, width = volume.shape
    slabs = min(depth // n, _SLABS)
    first = (depth - slabs * n) // 2
    y, x = (slice(max(0, (size - _SIDE) // 2), (size + _SIDE) // 2) for size in (height, width))
    operator = ProjectionOperator(np.full(n, 1 / n))
    cut = np.ascontiguousarray(volume[first : first + slabs * n, y, x], np.float32)
    scale = IntensityScale.of(operator.project(cut))
    truth = scale.to_unit(cut)
    measured = np.asarray(operator.project(truth), np.float32)
    projections, noise = measured, NoiseModel()
    if look.photons:
        detector = Detector(look.photons, read_noise=_READ_NOISE)
        measured = detector.record(measured, 0.0, rng)
        noise = detector.noise_model()
        projections = denoise(measured, noise)
        # From here on in the unit of what the prior sees.
        seen_scale = IntensityScale.of(projections).widened(projections)
        noise = noise.scaled(seen_scale.background, seen_scale.span)
        truth, measured, projections = (seen_scale.to_unit(part) for part in (truth, measured, projections))
    left = noise_left(noise)
    guide = logspline(projections, operator, left, pedestal=choose_pedestal(projections, operator, left))
    problem = network_inputs(projections, guide, operator, noise, statistics(projections, n), measured)
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
