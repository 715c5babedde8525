"""Training batches: projections of a specimen, guide and residual; every nuisance varied widely."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ..diffusion.loss import SlabBatch
from ..diffusion.slab import (
    MAX_DIFFUSION_STEP_LENGTH,
    ORDERS,
    STATISTICS,
    NetworkInputs,
    network_inputs,
    null_orders,
)
from ..diffusion.statistics import statistics
from ..errors import UserError
from ..interpolation import INTERPOLATIONS, choose_pedestal, logspline
from ..optics import Acquisition, IntensityScale, ProjectionOperator
from .pool import SpecimenPool
from .settings import BatchSettings

# The log-spline without a pedestal stands in for the INR, whose default field it starts, and takes a
# hundredth of its time.
_GUIDES = ("logspline", "histospline", "linear", "cubic", "nearest")
_GUIDE_SHARES = (0.8, 0.08, 0.04, 0.03, 0.05)
# How often the log-spline's pedestal is chosen as for a whole stack.
_PEDESTAL_SHARE = 0.8
# What stands for a stack where every pixel would say no more.
_SPARSE = np.s_[:, ::7, ::7]
# Step lengths up to 16; the usual ones more often.
_STEP_LENGTHS = np.arange(2, MAX_DIFFUSION_STEP_LENGTH + 1)
_STEP_SHARES = np.array([1, 1, 3, 2, 10, 2, 4, 2, 3, 1, 3, 1, 1, 1, 2], float) / 37
# Added to the squared error of the guide, relative to the range: what is at 40 dB already counts half.
_ERROR_FLOOR = 1e-4


def batches(settings: BatchSettings, seed: int) -> Iterator[SlabBatch]:
    """Endless batches; the same settings and seed give the same sequence."""
    pool = SpecimenPool(settings, seed)
    rng = np.random.default_rng([seed, 1_000_004])
    while True:
        yield collate([draw_stack(pool.volumes, settings, rng) for _ in range(settings.stacks)])
        pool.renew()


@dataclass(frozen=True)
class TrainingStack:
    """One stack of a batch."""

    problem: NetworkInputs
    residual: np.ndarray
    weight: float


def draw_stack(
    volumes: Sequence[np.ndarray], settings: BatchSettings, rng: np.random.Generator
) -> TrainingStack:
    """Project a random volume at a random step length and cut a patch from it."""
    volume = volumes[int(rng.integers(len(volumes)))].astype(np.float32)
    acquisition = draw_acquisition(rng, len(volume) // 2, settings.step_length)
    n = acquisition.step_length
    operator = ProjectionOperator(acquisition.profile)
    first = rng.integers(len(volume) % n + 1)
    volume = volume[first : first + len(volume) // n * n]
    for axis in range(3):
        if rng.random() < 0.5:
            volume = np.flip(volume, axis)
    # A flipped volume seen by a lopsided beam is a new specimen, so flipping comes before projecting.
    if rng.random() < 0.5:
        volume = volume.swapaxes(1, 2)
    clean = operator.project(np.ascontiguousarray(volume))
    try:
        scale = IntensityScale.of(clean)
    except UserError:
        # So few structures that the projections of this draw hold none.
        return draw_stack(volumes, settings, rng)
    volume, clean = scale.to_unit(volume), scale.to_unit(clean)
    slabs, rows, columns = _corner(clean, settings, rng)
    truth = volume[slabs.start * n : slabs.stop * n, rows, columns]
    noisy, noise = add_noise(clean, scale.background / scale.span, rng)
    projections = noisy[slabs, rows, columns]
    guide = draw_guide(projections, operator, noise, rng, noisy)
    error = _guide_error(volume, noisy, operator, noise) + noise**2
    # From here on in the unit of what the prior sees.
    unit = np.float32(1 / IntensityScale(0, 1).widened(noisy).span)
    known = draw_statistics(unit * noisy, n, rng)
    problem = network_inputs(unit * projections, unit * guide, operator, float(unit * noise), known)
    residual = null_orders(unit * truth, operator) - problem.guide_orders
    # Quality is judged in dB: what counts is by which factor the error falls, noise that stays included.
    error *= float(unit**2)
    # The patch's own error takes part so that single patches with most of a specimen's do not rule the batch.
    error = (error + float(np.square(residual).sum(1).mean())) / 2
    return TrainingStack(problem, residual, 1 / (error + _ERROR_FLOOR))


def draw_statistics(projections: np.ndarray, step_length: int, rng: np.random.Generator) -> np.ndarray | None:
    """The statistics of a random piece, since users bring stacks of any size; now and then none."""
    if rng.random() < 0.05:
        return None
    sizes = [
        int(rng.integers(min(size, least), size + 1))
        for size, least in zip(projections.shape, (5, 48, 48), strict=True)
    ]
    starts = [
        int(rng.integers(whole - size + 1)) for whole, size in zip(projections.shape, sizes, strict=True)
    ]
    z, y, x = (slice(start, start + size) for start, size in zip(starts, sizes, strict=True))
    return statistics(projections[z, y, x], step_length)


def _guide_error(
    volume: np.ndarray, projections: np.ndarray, operator: ProjectionOperator, noise: float
) -> float:
    """Mean squared error of the log-spline within slabs, on some of the pixels."""
    guide = logspline(np.ascontiguousarray(projections[_SPARSE]), operator, noise, iterations=3)
    return float(np.square(null_orders(volume[_SPARSE] - guide, operator)).sum(1).mean())


def draw_acquisition(rng: np.random.Generator, longest: int, step_length: int | None = None) -> Acquisition:
    """A random step length, unless one is given, and, one time in five, a beam that is not uniform."""
    n = min(step_length or int(rng.choice(_STEP_LENGTHS, p=_STEP_SHARES)), longest)
    if rng.random() < 0.8:
        return Acquisition(step_length=n)
    depth = (np.arange(n) + 0.5) / n - 0.5
    width, shift = rng.uniform(0.5, 1.6), rng.choice([0, rng.uniform(-0.35, 0.35)])
    weights = np.exp(-4 * np.log(2) * ((depth - shift) / width) ** 2)
    return Acquisition(step_length=n, axial_profile=tuple(weights))


def add_noise(unit: np.ndarray, pedestal: float, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """Photon and read noise on projections in unit intensities, and the standard deviation at mid-range."""
    if rng.random() < 0.4:
        return unit, 0.0
    photons = float(np.exp(rng.uniform(np.log(40), np.log(4000))))
    read = float(rng.choice([0, rng.uniform(0, 0.01)]))
    variance = np.maximum(unit + max(pedestal, 0), 0) / photons + read**2
    noisy = unit + np.sqrt(variance) * rng.standard_normal(unit.shape)
    return noisy.astype(np.float32), float(np.sqrt(np.median(variance)))


def draw_guide(
    projections: np.ndarray,
    operator: ProjectionOperator,
    noise: float,
    rng: np.random.Generator,
    stack: np.ndarray | None = None,
) -> np.ndarray:
    """One of the guides, sometimes weakened, so that no particular guide is relied on.

    Where the projections are a piece of a stack, the pedestal is that of the stack, as it is in a run.
    """
    is_above_pedestal = rng.random() < _PEDESTAL_SHARE
    name, n = str(rng.choice(_GUIDES, p=_GUIDE_SHARES)), operator.step_length
    if name == "logspline":
        sparse = np.ascontiguousarray((projections if stack is None else stack)[_SPARSE])
        pedestal = choose_pedestal(sparse, operator, noise) if is_above_pedestal else 0.0
        guide = logspline(projections, operator, noise, iterations=3, pedestal=pedestal)
    else:
        guide = INTERPOLATIONS[name](projections, n)
    if rng.random() < 0.15:
        flat = np.repeat(projections, n, axis=0)
        guide = flat + np.float32(rng.uniform(0.5, 1.3)) * (guide - flat)
    return guide


def _corner(
    projections: np.ndarray, settings: BatchSettings, rng: np.random.Generator
) -> tuple[slice, slice, slice]:
    """A random patch; of two candidates the one with more structure, half of the time."""

    def candidate() -> tuple[slice, slice, slice]:
        sizes = (settings.slabs, settings.patch, settings.patch)
        starts = [int(rng.integers(max(s - p, 0) + 1)) for s, p in zip(projections.shape, sizes, strict=True)]
        a, b, c = (slice(s, s + p) for s, p in zip(starts, sizes, strict=True))
        return a, b, c

    one, other = candidate(), candidate()
    if rng.random() < 0.5 and projections[other].std() > projections[one].std():
        return other
    return one


def collate(stacks: Sequence[TrainingStack]) -> SlabBatch:
    """Stacks of one size to a batch of tensors; a stack with fewer slabs repeats its last one."""
    depth = max(len(s.residual) for s in stacks)

    def gather(arrays: Sequence[np.ndarray]) -> torch.Tensor:
        padded = [a[np.minimum(np.arange(depth), len(a) - 1)] for a in arrays]
        return torch.from_numpy(np.stack(padded))

    return SlabBatch(
        condition=gather([s.problem.condition for s in stacks]),
        globals=torch.from_numpy(np.stack([s.problem.globals for s in stacks])),
        amplitude=gather([s.problem.amplitude for s in stacks]),
        mask=torch.from_numpy(np.stack([s.problem.order_mask for s in stacks])),
        residual=gather([s.residual for s in stacks]),
        weight=torch.tensor([s.weight for s in stacks], dtype=torch.float32),
    )


def learn_units(settings: BatchSettings, seed: int, stacks: int = 192) -> tuple[np.ndarray, np.ndarray]:
    """What the denoiser's inputs are relative to, over some training stacks.

    Returns
    -------
    order_spread : ndarray, shape (ORDERS,)
        Spread of each order's residual relative to the local amplitude.
    statistics : ndarray, shape (2, STATISTICS)
        Mean and spread of the stacks' statistics.
    """
    pool = SpecimenPool(settings, seed)
    rng = np.random.default_rng([seed, 1_000_005])
    total, count = np.zeros(ORDERS), np.full(ORDERS, 1e-9)
    known: list[np.ndarray] = []
    for _ in range(stacks):
        stack = draw_stack(pool.volumes, settings, rng)
        pool.renew(images=0.5)
        mask, ratio = stack.problem.order_mask, stack.residual / stack.problem.amplitude
        total += mask * np.square(ratio).mean((0, 2, 3))
        count += mask
        known.append(stack.problem.globals[-STATISTICS:])
    usual = np.array([k for k in known if np.isfinite(k).all()] or [np.zeros(STATISTICS)])
    spread = np.sqrt(np.maximum(total / count, 1e-8))
    return spread, np.stack([usual.mean(0), usual.std(0) + 1e-3])
