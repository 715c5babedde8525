"""What a prior is adapted to in closed form, as it is shown to it.

Pieces of references, and tissue like that of the training.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ...diffusion.slab import MAX_DIFFUSION_STEP_LENGTH, NetworkInputs, network_inputs, slab_orders
from ...diffusion.statistics import statistics
from ...errors import UserError
from ...interpolation import choose_pedestal, logspline
from ...optics import IntensityScale, ProjectionOperator
from ...optics.detector.denoising import denoise
from ...optics.detector.noise import NoiseModel
from ...specimens import TISSUES, draw_conditions, image_specimen
from ..detector import Detector
from ..recordings import noise_left

# Pixels between the halves that count for neither, and those along the longer side of a reference at least.
_GAP, LEAST_SIDE = 8, 32
# Slabs of a reference at least; slabs of a piece at most, and pixels along the shorter side of a reference
# and along the longer one.
_LEAST_SLABS, _SLABS, _SIDES = 3, 14, (64, 96)
_GOLDEN = (5**0.5 - 1) / 2
# Photons, where projections are brightest, of one look after the other; endless ones for 0.
_LIGHTS = (0.0, 100.0, 0.0, 0.0, 30.0, 0.0, 0.0, 15.0, 0.0, 0.0)
# The same for usual tissue.
_USUAL_LIGHTS = (0.0, 100.0, 0.0, 40.0)
# Slabs and columns of a look that tell its pedestal about as well as all, and steps of its guide, for speed.
_TELLING, _ITERATIONS = np.s_[:8, ::8, ::8], 3
# Read noise of a look at little light, relative to the range.
_READ_NOISE = 0.01
# Size of a specimen of the usual tissue, and how many there are of every kind.
_SPECIMEN, _OF_A_KIND = (48, 48, 48), 2


@dataclass(frozen=True, eq=False)
class Look:
    """A volume (Z, H, W) to be projected over so many slices, by so many photons; endless ones where 0."""

    volume: np.ndarray
    step_length: int
    photons: float = 0.0


@dataclass(frozen=True, eq=False)
class Shown:
    """What the network is given, and the residual (N, ORDERS, H, W) that would be right."""

    inputs: NetworkInputs
    residual: np.ndarray


def large_enough(references: Sequence[np.ndarray], steps: Sequence[int]) -> list[tuple[np.ndarray, int]]:
    """References that can be halved, each with every step length that it is deep enough for."""
    return [
        (volume, n)
        for n in steps
        for volume in references
        if len(volume) >= _LEAST_SLABS * n and max(volume.shape[1:]) >= LEAST_SIDE
    ]


def looks_at_halves(references: Sequence[np.ndarray], steps: Sequence[int]) -> Iterator[tuple[Look, Look]]:
    """Pieces of both halves of the references in turn, in other slabs every time, from either side.

    The halves are cut before the network sees them: a piece has brightness and statistics of its own, as
    other tissue has. What is learned of clean projections alone errs on noisy ones, so light differs, too.
    """
    pairs = large_enough(references, steps)
    # Clean and noisy looks each go through all pairs, and then from the other side, as a run looks from both.
    # Laterally mirrored pieces would take away what the optics prefer.
    taken = {True: 0, False: 0}
    for number in range(max(len(_LIGHTS), len(pairs))):
        photons = _LIGHTS[number % len(_LIGHTS)]
        turn, place = divmod(taken[photons == 0], len(pairs))
        taken[photons == 0] += 1
        # However few they are, depths are visited evenly.
        depth = taken[photons == 0] * _GOLDEN % 1
        (volume, n), side = pairs[place], -1 if turn % 2 else 1
        first, second = (Look(_piece(half, n, depth)[::side], n, photons) for half in _halves(volume))
        yield first, second


def looks_at_usual_tissue(steps: Sequence[int], rng: np.random.Generator) -> Iterator[Look]:
    """Tissue like that of the training: every kind, the step lengths in turn, and the lights with each."""
    served = [n for n in steps if n <= MAX_DIFFUSION_STEP_LENGTH]
    for number, structure_of in enumerate(_OF_A_KIND * list(TISSUES.values())):
        n, (depth, height, width) = served[number % len(served)], _SPECIMEN
        structure = structure_of(rng, (max(depth, 4 * n), height, width))
        volume = image_specimen(structure, draw_conditions(rng), rng)
        if np.ptp(volume) > 0:
            yield Look(volume, n, _USUAL_LIGHTS[number // len(served) % len(_USUAL_LIGHTS)])


def shown(look: Look, rng: np.random.Generator | None = None) -> Shown | None:
    """A look as it is shown, noisy ones with noise of `rng`; None where there is no structure in it."""
    try:
        return _shown(look, rng or np.random.default_rng(0))
    except UserError:
        return None


def _shown(look: Look, rng: np.random.Generator) -> Shown:
    n = look.step_length
    operator = ProjectionOperator(np.full(n, 1 / n))
    cut = np.ascontiguousarray(look.volume[: len(look.volume) // n * n], np.float32)
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
    pedestal = choose_pedestal(np.ascontiguousarray(projections[_TELLING]), operator, left)
    guide = logspline(projections, operator, left, _ITERATIONS, pedestal=pedestal)
    inputs = network_inputs(projections, guide, operator, noise, statistics(projections, n), measured)
    return Shown(inputs, slab_orders(truth, operator) - inputs.first_orders)


def _halves(volume: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both halves along the longer side."""
    axis = 1 if volume.shape[1] >= volume.shape[2] else 2
    middle = volume.shape[axis] // 2
    first, _, second = np.split(volume, [middle - _GAP // 2, middle + _GAP // 2], axis)
    return first, second


def _piece(volume: np.ndarray, n: int, depth: float) -> np.ndarray:
    """Some slabs of the middle, from the first slices (0) to the last ones (1)."""
    slabs = min(len(volume) // n, _SLABS)
    z = int(depth * (len(volume) - slabs * n + 1))
    sizes = _SIDES if volume.shape[1] <= volume.shape[2] else _SIDES[::-1]
    y, x = (middle(size, most) for size, most in zip(volume.shape[1:], sizes, strict=True))
    return volume[z : z + slabs * n, y, x]


def middle(size: int, most: int) -> slice:
    """At most so many pixels in the middle of an axis."""
    return slice(max(0, (size - most) // 2), (size + most) // 2)
