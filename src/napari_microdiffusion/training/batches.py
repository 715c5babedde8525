"""Training batches: patches of recordings, with a guide and the residual from it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ..diffusion.loss import SlabBatch
from ..diffusion.slab import ORDERS, STATISTICS, NetworkInputs, network_inputs, slab_orders
from ..interpolation import INTERPOLATIONS, logspline
from ..optics import ProjectionOperator
from .pool import SpecimenPool
from .recordings import Recording, record
from .settings import BatchSettings

# The log-spline without a pedestal stands in for the INR, whose default field it starts, and takes a
# hundredth of its time.
_GUIDES = ("logspline", "histospline", "linear", "cubic", "nearest")
_GUIDE_SHARES = (0.8, 0.08, 0.04, 0.03, 0.05)
# How often the log-spline's pedestal is the one of the whole stack.
_PEDESTAL_SHARE = 0.8
# Added to the squared error of the first estimate, relative to the range: at 43 dB a slab counts half.
_ERROR_FLOOR = 5e-5
# How often a stack is told no statistics.
_UNKNOWN_SHARE = 0.05


def batches(settings: BatchSettings, seed: int) -> Iterator[SlabBatch]:
    """Endless batches; the same settings and seed give the same sequence."""
    pool = SpecimenPool(settings, seed)
    rng = np.random.default_rng([seed, 1_000_004])
    recordings: list[Recording] = []
    due = float(settings.first_recordings or settings.recordings)
    while True:
        while due >= 1:
            due -= 1
            recordings = [*recordings, record(pool.volumes, settings, rng)][-settings.recordings :]
        chosen = rng.choice(len(recordings), settings.stacks, replace=settings.stacks > len(recordings))
        yield collate([draw_stack(recordings[i], settings, rng) for i in chosen])
        due += settings.stacks / settings.patches_per_recording + (len(recordings) < settings.recordings)
        pool.renew()


@dataclass(frozen=True)
class TrainingStack:
    """One stack of a batch."""

    problem: NetworkInputs
    residual: np.ndarray
    weight: np.ndarray
    """Of each slab, shape (N,)."""


def draw_stack(recording: Recording, settings: BatchSettings, rng: np.random.Generator) -> TrainingStack:
    """Cut a random patch from a recording."""
    operator, n = recording.operator, recording.operator.step_length
    slabs, rows, columns = _corner(recording.denoised, settings, rng)
    truth = recording.volume[slabs.start * n : slabs.stop * n, rows, columns]
    projections = recording.denoised[slabs, rows, columns]
    guide = draw_guide(projections, operator, recording.noise_left, rng, recording.pedestal)
    known = None if rng.random() < _UNKNOWN_SHARE else recording.statistics
    measured = recording.measured[slabs, rows, columns]
    problem = network_inputs(projections, guide, operator, recording.noise, known, measured)
    residual = slab_orders(truth, operator) - problem.first_orders
    if recording.noise.is_negligible:
        # What rounding makes of the same projections.
        residual[:, 0] = 0
    # Quality is judged in dB: what counts is by which factor the error falls.
    # The patch's own error takes part so that single patches with most of a specimen's do not rule the batch.
    error = (recording.error + float(np.square(residual).sum(1).mean())) / 2
    # Slabs with little light err little, and are judged each for itself as well.
    faint = 1 / (error * recording.light[slabs] + _ERROR_FLOOR)
    weight = (1 / (error + _ERROR_FLOOR) + faint) / 2
    return TrainingStack(problem, residual, weight.astype(np.float32))


def draw_guide(
    projections: np.ndarray,
    operator: ProjectionOperator,
    noise_left: float,
    rng: np.random.Generator,
    pedestal: float = 0.0,
) -> np.ndarray:
    """One of the guides, sometimes weakened, so that no particular guide is relied on.

    Parameters
    ----------
    projections : ndarray, shape (N, H, W)
        Denoised, unit intensities.
    operator : ProjectionOperator
    noise_left : float
        Standard deviation of the noise that denoising left.
    rng : numpy.random.Generator
    pedestal : float
        That of the log-spline for the stack that the projections are a piece of, as it is in a run.

    Returns
    -------
    ndarray, shape (N*n, H, W)
    """
    is_above_pedestal = rng.random() < _PEDESTAL_SHARE
    name, n = str(rng.choice(_GUIDES, p=_GUIDE_SHARES)), operator.step_length
    if name == "logspline":
        above = pedestal if is_above_pedestal else 0.0
        guide = logspline(projections, operator, noise_left, iterations=3, pedestal=above)
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
        unit=gather([s.problem.unit for s in stacks]),
        mask=torch.from_numpy(np.stack([s.problem.order_mask for s in stacks])),
        residual=gather([s.residual for s in stacks]),
        weight=gather([s.weight for s in stacks]),
    )


def learn_units(settings: BatchSettings, seed: int, stacks: int = 192) -> tuple[np.ndarray, np.ndarray]:
    """What the denoiser's inputs are relative to, over some training stacks.

    Returns
    -------
    order_spread : ndarray, shape (ORDERS,)
        Spread of each order's residual relative to its unit.
    statistics : ndarray, shape (2, STATISTICS)
        Mean and spread of the stacks' statistics.
    """
    pool = SpecimenPool(settings, seed)
    rng = np.random.default_rng([seed, 1_000_005])
    total, count = np.zeros(ORDERS), np.full(ORDERS, 1e-9)
    known: list[np.ndarray] = []
    for _ in range(stacks):
        stack = draw_stack(record(pool.volumes, settings, rng), settings, rng)
        pool.renew(images=0.5)
        units = np.concatenate([stack.problem.unit, *[stack.problem.unit[:, 1:]] * (ORDERS - 2)], axis=1)
        # Where there is no noise order 0 has no unit.
        mask = stack.problem.order_mask * (units > 0).all((0, 2, 3))
        ratio = np.divide(stack.residual, units, out=np.zeros_like(units), where=units > 0)
        total += mask * np.square(ratio).mean((0, 2, 3))
        count += mask
        known.append(stack.problem.globals[-STATISTICS:])
    usual = np.array([k for k in known if np.isfinite(k).all()] or [np.zeros(STATISTICS)])
    spread = np.sqrt(np.maximum(total / count, 1e-8))
    return spread, np.stack([usual.mean(0), usual.std(0) + 1e-3])
