"""The log-spline through bent or tilted beams and several views, where pixel columns depend on each other."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from ..optics.operators.any_beam import BeamOperator
from ..optics.operators.banded import BandedFactor, banded_product, bands_of, factor_banded
from ..optics.operators.conjugate_gradients import conjugate_gradients, unchecked
from .logspline import (
    BEND,
    LARGEST_STEP,
    LOWEST_LOG,
    NOISE_FLOOR,
    OFFSET,
    bending,
    damped_bending,
)

# Steps of Richardson and Lucy that find a start, Gauss-Newton steps from there, and the conjugate gradients
# in each; more changed the volume by less than the noise floor.
_FIRST_STEPS = 60
_ITERATIONS = 4
_CONJUGATE_STEPS = 40

# Slabs solved together, and how many of them at each end are context only.
_SLABS = 16
_CONTEXT = 3


def bent_logspline_parts(
    projections: np.ndarray, operator: BeamOperator, noise: float = 0.0, check: Callable[[], None] = unchecked
) -> Iterator[tuple[tuple[slice, slice], np.ndarray]]:
    """The volume of smoothest log intensity along z that agrees with all views, some slabs at a time.

    The objective is that of `logspline`. A Gauss-Newton step is solved by conjugate gradients, since the
    displacement couples pixel columns; the bending along z stays one small dense matrix. It starts from a few
    steps of W. H. Richardson (J. Opt. Soc. Am. 62 (1972) 55) and L. B. Lucy (Astron. J. 79 (1974) 745).

    Parameters
    ----------
    projections : ndarray, shape (V*N, H, W)
        Unit intensities, those of the first view first.
    operator : BeamOperator
    noise : float
        Standard deviation of the projections' noise, in unit intensities.
    check : callable
        Called several times a second; may raise to leave.

    Yields
    ------
    (slices, rows), values : tuple of slice, and ndarray, float32
        Slices of the extended volume, all of its rows, and what they hold.
    """
    (count, height, width), n = operator.shape, operator.step_length
    virtual = operator.virtual_slabs
    context = max(_CONTEXT, virtual + 1)
    keep = max(_SLABS - 2 * context, 6)
    by_view = np.asarray(projections, np.float32).reshape(operator.views, count, height, width)
    for piece in _slab_pieces(count, virtual, context, keep):
        part = BeamOperator(operator.beams, n, (piece.stop - piece.start, height, width))
        measured = by_view[:, piece.start : piece.stop].reshape(-1, height, width)
        values = _solve(measured, part, 1 / (noise**2 + NOISE_FLOOR**2), check)
        yield (piece.slices(n), slice(None)), values[piece.own(n)]


@dataclass(frozen=True)
class _SlabPiece:
    """Slabs that are solved together, and which of them, counted with the virtual ones, are kept."""

    start: int
    """First projection read."""
    stop: int
    first: int
    """First slab kept, of the extended volume."""
    last: int

    def slices(self, n: int) -> slice:
        """The slices kept, of the extended volume."""
        return slice(self.first * n, self.last * n)

    def own(self, n: int) -> slice:
        """The same, of the extended volume of this piece."""
        return slice((self.first - self.start) * n, (self.last - self.start) * n)


def _slab_pieces(count: int, virtual: int, context: int, keep: int) -> Iterator[_SlabPiece]:
    """Pieces of `keep` slabs of `count`, read with `context` on either side.

    The outermost pieces bring the virtual slabs along.
    """
    for first in range(0, count, keep):
        last = min(first + keep, count)
        yield _SlabPiece(
            max(0, first - context),
            min(count, last + context),
            first + (virtual if first else 0),
            last + (2 * virtual if last == count else virtual),
        )


def _solve(
    measured: np.ndarray, operator: BeamOperator, precision: float, check: Callable[[], None]
) -> np.ndarray:
    depth = operator.extended_shape[0]
    bend = bands_of(bending(depth), BEND)
    straightening = _Straightening.of(depth)
    logs = np.log(first_estimate(measured, operator, check) + np.float32(OFFSET))
    for _ in range(_ITERATIONS):
        step = _GaussNewton(operator, np.exp(logs), straightening, precision, check)
        slope = banded_product(bend, logs.reshape(depth, -1)).reshape(logs.shape)
        misfit = operator.project(step.light) - np.float32(OFFSET) - measured
        logs = logs + np.clip(step.solve(slope, misfit), -LARGEST_STEP, LARGEST_STEP)
        logs = np.maximum(logs, np.float32(LOWEST_LOG))
    return np.asarray(np.exp(logs) - np.float32(OFFSET))


def first_estimate(
    measured: np.ndarray, operator: BeamOperator, check: Callable[[], None] = unchecked
) -> np.ndarray:
    """A volume through any beam in a moment, by the steps of Richardson and Lucy from a flat start.

    Parameters
    ----------
    measured : ndarray, shape (V*N, H, W)
        Unit intensities.
    operator : BeamOperator
    check : callable
        Called after every step; may raise to leave.

    Returns
    -------
    ndarray, shape `operator.extended_shape`, float32
        Above -OFFSET; near agreement with all views.
    """
    light = np.full(operator.extended_shape, measured.mean() + OFFSET, np.float32)
    target = np.maximum(measured, 0) + np.float32(OFFSET)
    reach = operator.adjoint(np.ones_like(measured))
    unseen = reach <= 1e-6
    for _ in range(_FIRST_STEPS):
        check()
        ratio = operator.adjoint(target / np.maximum(operator.project(light), 1e-6))
        light *= np.where(unseen, 1, ratio / np.maximum(reach, 1e-6))
    return np.maximum(light, np.exp(np.float32(LOWEST_LOG))) - np.float32(OFFSET)


@dataclass(frozen=True)
class _Straightening:
    """The inverse of the bending, for every pixel column the same."""

    factor: BandedFactor
    typical: np.float32
    """The mean of its diagonal."""

    @classmethod
    def of(cls, depth: int) -> "_Straightening":
        """For columns of so many slices."""
        factor = factor_banded(bands_of(damped_bending(depth), BEND)[:, :, None])
        return cls(factor, np.float32(np.diag(factor.solve(np.eye(depth))).mean()))

    def __call__(self, volume: np.ndarray) -> np.ndarray:
        """Applied to every pixel column of a volume (depth, ...)."""
        return self.factor.solve(volume.reshape(len(volume), -1)).reshape(volume.shape)


@dataclass
class _GaussNewton:
    """One linearised problem: J = A diag(light), K the inverse of the bending."""

    operator: BeamOperator
    light: np.ndarray
    straightening: _Straightening
    precision: float
    check: Callable[[], None]

    def solve(self, slope: np.ndarray, misfit: np.ndarray) -> np.ndarray:
        """The step along which the linearised objective is least.

        Written as the step of the bending alone, and what the misfit that this leaves adds: conjugate
        gradients that end early then fit the data less well, and do no other harm.
        """
        straightened = -self.straightening(slope)
        held = self._held(-misfit - self.operator.project(self.light * straightened))
        return straightened + self.straightening(self.light * self.operator.adjoint(held))

    def _held(self, right: np.ndarray) -> np.ndarray:
        operator, light = self.operator, self.light
        # Bending leaves neighbouring slices nearly equal, so a slab's own coupling is near this.
        own = self.straightening.typical * np.square(operator.project(light))
        scale = 1 / (own + 1 / self.precision)

        def apply(direction: np.ndarray) -> np.ndarray:
            reach = self.straightening(light * operator.adjoint(direction))
            return operator.project(light * reach) + direction / np.float32(self.precision)

        return conjugate_gradients(apply, right, scale, _CONJUGATE_STEPS, share=1e-6, check=self.check)
