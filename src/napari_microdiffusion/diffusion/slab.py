"""The slab problem: what the slab diffusion chooses, what it is conditioned on, and in which units.

A stack of N projections becomes a grid of N slabs by H by W pixels. The state on that grid is the residual
from a first estimate in cosine orders 0 to 15, each divided by sqrt(n) so that an order means the same for
every step length. Orders 1 and up, the null space, are residuals from the guide, in units of a local
amplitude, so that bright and faint places look alike. Order 0, the slab means, is the residual from the
denoised projections, in units of each pixel's own noise: where there is none, nothing is open, and whatever
the state, the volume made from it re-projects onto the projections. Orders that a step length does not have
are masked.
"""

from dataclasses import dataclass

import numpy as np

from ..optics.detector.noise import MID_LIGHT, NoiseModel
from ..optics.operators.disjoint_slabs import ProjectionOperator
from . import statistics as whole_stack

# What the checkpoint of a prior for this problem is called.
PRIOR_KIND = "slab-prior"

ORDERS = 16
MAX_DIFFUSION_STEP_LENGTH = ORDERS

# Channels: denoised projections of slabs i-2..i+2 and the guide's null-space orders of i-1..i+1, both linear
# in intensity; then the projections' square roots, what denoising took away from slabs i-1..i+1 in units of
# the noise, the noise relative to the amplitude, and the amplitude's logarithm.
LINEAR_CHANNELS = 5 + 3 * (ORDERS - 1)
ROOT_CHANNELS, NOISE_CHANNELS = 5, 4
CONDITION_CHANNELS = LINEAR_CHANNELS + ROOT_CHANNELS + NOISE_CHANNELS + 1
# Numbers that describe step length and beam, those that describe the noise, and the statistics of the stack.
STATISTICS = len(whole_stack.STATISTICS)
BEAM_GLOBALS, NOISE_GLOBALS = 5, 3
GLOBALS = BEAM_GLOBALS + NOISE_GLOBALS + STATISTICS

# The amplitude below which places count as empty, relative to the projections' range.
AMPLITUDE_FLOOR = 0.03
# What denoising leaves of the noise, roughly: it raises that floor.
NOISE_LEFT = 0.4
# The noise, relative to the range, up to which the first number that describes it grows.
_MOST_NOISE = 0.1
# In units of the noise: what is further off is no noise.
_FARTHEST = 8.0


@dataclass(frozen=True)
class NetworkInputs:
    """One stack as the network takes it; arrays are float32."""

    condition: np.ndarray
    """Shape (N, CONDITION_CHANNELS, H, W)."""
    globals: np.ndarray
    """Step length, beam, noise and the statistics of the stack, shape (GLOBALS,)."""
    unit: np.ndarray
    """Unit of order 0, the noise's deviation, and of all others, the local amplitude: (N, 2, H, W)."""
    first_orders: np.ndarray
    """The first estimate's orders over sqrt(n): 0 of the denoised projections, 1 to n-1 of the guide, masked
    to ORDERS, shape (N, ORDERS, H, W)."""
    order_mask: np.ndarray
    """1 for the orders that the step length has, shape (ORDERS,)."""


def network_inputs(
    projections: np.ndarray,
    guide: np.ndarray,
    operator: ProjectionOperator,
    noise: NoiseModel | None = None,
    statistics: np.ndarray | None = None,
    measured: np.ndarray | None = None,
) -> NetworkInputs:
    """The inputs of the network for a stack of slabs.

    Parameters
    ----------
    projections : ndarray, shape (N, H, W)
        Denoised where there is noise; background-subtracted, spanning about [0, 1].
    guide : ndarray, shape (N*n, H, W)
        First estimate in the same units.
    operator : ProjectionOperator
    noise : NoiseModel, optional
        Of the projections as they were measured, in the same units; none where None.
    statistics : ndarray, shape (STATISTICS,), optional
        Of the whole stack, of which the projections may be a piece; unknown where None.
    measured : ndarray, shape (N, H, W), optional
        The projections before they were denoised; the same where None.

    Returns
    -------
    NetworkInputs
    """
    noise = noise or NoiseModel()
    x = np.asarray(projections, dtype=np.float32)
    orders = first_orders(x, guide, operator)
    deviation = noise.deviation(x)[:, None]
    amplitude = local_amplitude(x, deviation[:, 0])
    window = [_neighbour(x, d)[:, None] for d in (-2, -1, 0, 1, 2)]
    roots = [np.sqrt(np.clip(w, 0, None)) for w in window]
    guides = [4 * _neighbour(orders[:, 1:], d) for d in (-1, 0, 1)]
    taken = _in_noise(x if measured is None else measured, x, deviation)
    residues = [_neighbour(taken, d) for d in (-1, 0, 1)]
    relative = np.log(np.square(deviation / amplitude) + np.float32(1e-4)) / 4
    condition = np.concatenate(
        [*window, *guides, *roots, *residues, relative, np.log(amplitude)], axis=1, dtype=np.float32
    )
    mask = (np.arange(ORDERS) < operator.step_length).astype(np.float32)
    known = np.full(STATISTICS, np.nan, np.float32) if statistics is None else statistics
    globals_ = np.concatenate([_beam_globals(operator), _noise_globals(noise), known], dtype=np.float32)
    return NetworkInputs(condition, globals_, order_units(x, operator, noise), orders, mask)


def first_orders(projections: np.ndarray, guide: np.ndarray, operator: ProjectionOperator) -> np.ndarray:
    """The orders of a guide (N*n, H, W) that is made to project onto the projections, (N, ORDERS, H, W)."""
    orders = slab_orders(guide, operator)
    orders[:, 0] = projections * np.float32(_unit_of_means(operator))
    return orders


def order_units(projections: np.ndarray, operator: ProjectionOperator, noise: NoiseModel) -> np.ndarray:
    """Unit of order 0, the noise's deviation, and of all others, the local amplitude: (N, 2, H, W)."""
    deviation = noise.deviation(projections)
    of_means = deviation * np.float32(_unit_of_means(operator))
    return np.concatenate([of_means[:, None], local_amplitude(projections, deviation)], axis=1)


def in_intensities(state: np.ndarray, units: np.ndarray, order_spread: np.ndarray) -> np.ndarray:
    """A normalised state (N, ORDERS, H, W), in the intensities of `order_units` (N, 2, H, W)."""
    physical = state * order_spread[:, None, None]
    physical[:, 0] *= units[:, 0]
    physical[:, 1:] *= units[:, 1:]
    return physical


def local_amplitude(projections: np.ndarray, deviation: np.ndarray | float = 0.0) -> np.ndarray:
    """sqrt(X^2 + floor^2), the unit of the null-space state: (N, H, W) to (N, 1, H, W), float32.

    The floor is higher where the noise, of the given standard deviation, leaves more open.
    """
    light = np.square(np.maximum(projections, 0, dtype=np.float32))
    floor = np.float32(AMPLITUDE_FLOOR**2) + np.square(NOISE_LEFT * np.asarray(deviation, np.float32))
    return np.asarray(np.sqrt(light + floor)[:, None], np.float32)


def slab_orders(volume: np.ndarray, operator: ProjectionOperator) -> np.ndarray:
    """Orders 0 to n-1 of a volume (N*n, H, W) over sqrt(n), zero-padded: shape (N, ORDERS, H, W), float32."""
    n = operator.step_length
    if n > MAX_DIFFUSION_STEP_LENGTH:
        raise ValueError(f"the slab diffusion serves step lengths up to {MAX_DIFFUSION_STEP_LENGTH}, not {n}")
    orders = operator.to_orders(np.asarray(volume, dtype=np.float32)) / np.float32(np.sqrt(n))
    padded = np.zeros((orders.shape[1], ORDERS, *orders.shape[2:]), np.float32)
    padded[:, :n] = orders.swapaxes(0, 1)
    return padded


def compose(orders: np.ndarray, operator: ProjectionOperator) -> np.ndarray:
    """The volume (N*n, H, W) with the given orders over sqrt(n), shape (N, ORDERS, H, W)."""
    n = operator.step_length
    return np.asarray(operator.from_orders(orders[:, :n].swapaxes(0, 1) * np.float32(np.sqrt(n))))


def _unit_of_means(operator: ProjectionOperator) -> float:
    """Order 0 over sqrt(n) of a slab whose projection is 1: 1 for a uniform beam."""
    return 1 / float(np.sqrt(operator.squared_norm * operator.step_length))


def _in_noise(measured: np.ndarray, denoised: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """What denoising took away, in units of the noise; nothing where there is none. Shape (N, 1, H, W)."""
    taken = np.asarray(measured, np.float32)[:, None] - denoised[:, None]
    ratio = np.divide(taken, deviation, out=np.zeros_like(taken), where=deviation > 0)
    return np.clip(ratio, -_FARTHEST, _FARTHEST)


def _neighbour(array: np.ndarray, offset: int) -> np.ndarray:
    """The array of each slab's neighbour `offset` slabs further; the ends repeat."""
    index = np.clip(np.arange(len(array)) + offset, 0, len(array) - 1)
    return np.asarray(array[index])


def _beam_globals(operator: ProjectionOperator) -> np.ndarray:
    """Numbers that describe step length and axial profile, each of order one."""
    n, w = operator.step_length, operator.profile
    depth = (np.arange(n) + 0.5) / n - 0.5
    centre = float(w @ depth)
    width = float(np.sqrt(w @ (depth - centre) ** 2))
    numbers = [n / 8, 4 / n, 4 * centre, 10 * (width - 0.2887), n * operator.squared_norm - 1]
    return np.array(numbers, np.float32)


def _noise_globals(noise: NoiseModel) -> np.ndarray:
    """Numbers that describe how strong the noise is, where there is light and where there is none."""
    dark, mid = (float(level) for level in noise.deviation(np.array([0, MID_LIGHT])))
    return np.array([20 * min(mid, _MOST_NOISE), np.log(20 * mid + 0.05), 10 * dark], np.float32)
