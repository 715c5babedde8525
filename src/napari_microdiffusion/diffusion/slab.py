"""The slab problem: what the slab diffusion chooses, what it is conditioned on, and in which units.

A stack of N projections becomes a grid of N slabs by H by W pixels. The state on that grid is the residual
from the guide in cosine orders 1 to 15, each divided by sqrt(n) so that an order means the same for every
step length, and by a local amplitude so that bright and faint places look alike. Orders that a step length
does not have are masked. Order 0 is measured and never touched: whatever the state, the volume made from it
re-projects onto the projections.
"""

from dataclasses import dataclass

import numpy as np

from ..optics.operators.disjoint_slabs import ProjectionOperator
from . import statistics as whole_stack

# What the checkpoint of a prior for this problem is called.
PRIOR_KIND = "slab-prior"

ORDERS = 15
MAX_DIFFUSION_STEP_LENGTH = ORDERS + 1

# Channels: projections of slabs i-2..i+2 and guide orders of i-1..i+1, both linear in intensity; then the
# projections' square roots, and the amplitude's logarithm.
LINEAR_CHANNELS = 5 + 3 * ORDERS
CONDITION_CHANNELS = LINEAR_CHANNELS + 5 + 1
# Numbers that describe step length, beam and noise, and then the statistics of the whole stack.
STATISTICS = len(whole_stack.STATISTICS)
GLOBALS = 6 + STATISTICS

# The amplitude below which places count as empty, relative to the projections' range.
AMPLITUDE_FLOOR = 0.03


@dataclass(frozen=True)
class NetworkInputs:
    """One stack as the network takes it; arrays are float32."""

    condition: np.ndarray
    """Shape (N, CONDITION_CHANNELS, H, W)."""
    globals: np.ndarray
    """Step length, beam, noise and the statistics of the stack, shape (GLOBALS,)."""
    amplitude: np.ndarray
    """Local amplitude sqrt(X^2 + floor^2), shape (N, 1, H, W)."""
    guide_orders: np.ndarray
    """The guide's orders 1 to n-1 over sqrt(n), masked to ORDERS, shape (N, ORDERS, H, W)."""
    order_mask: np.ndarray
    """1 for the orders that the step length has, shape (ORDERS,)."""


def network_inputs(
    projections: np.ndarray,
    guide: np.ndarray,
    operator: ProjectionOperator,
    noise: float = 0.0,
    statistics: np.ndarray | None = None,
) -> NetworkInputs:
    """The inputs of the network for a stack of slabs.

    Parameters
    ----------
    projections : ndarray, shape (N, H, W)
        Background-subtracted, spanning about [0, 1].
    guide : ndarray, shape (N*n, H, W)
        First estimate in the same units.
    operator : ProjectionOperator
    noise : float
        Standard deviation of the projections' noise in the same units; it raises the amplitude's floor.
    statistics : ndarray, shape (STATISTICS,), optional
        Of the whole stack, of which the projections may be a piece; unknown where None.

    Returns
    -------
    NetworkInputs
    """
    orders = null_orders(guide, operator)
    x = np.asarray(projections, dtype=np.float32)
    amplitude = local_amplitude(x, noise)
    window = [_neighbour(x, d)[:, None] for d in (-2, -1, 0, 1, 2)]
    roots = [np.sqrt(np.clip(w, 0, None)) for w in window]
    guides = [4 * _neighbour(orders, d) for d in (-1, 0, 1)]
    condition = np.concatenate([*window, *guides, *roots, np.log(amplitude)], axis=1, dtype=np.float32)
    mask = (np.arange(1, ORDERS + 1) < operator.step_length).astype(np.float32)
    known = np.full(STATISTICS, np.nan, np.float32) if statistics is None else statistics
    globals_ = np.concatenate([_globals(operator, noise), known], dtype=np.float32)
    return NetworkInputs(condition, globals_, amplitude, orders, mask)


def local_amplitude(projections: np.ndarray, noise: float = 0.0) -> np.ndarray:
    """sqrt(X^2 + floor^2), the unit of the state at each pixel: (N, H, W) to (N, 1, H, W), float32."""
    light = np.square(np.maximum(projections, 0, dtype=np.float32))
    return np.sqrt(light + np.float32(AMPLITUDE_FLOOR**2 + noise**2))[:, None]


def null_orders(volume: np.ndarray, operator: ProjectionOperator) -> np.ndarray:
    """Orders 1 to n-1 of a volume (N*n, H, W) over sqrt(n), zero-padded: shape (N, ORDERS, H, W), float32."""
    n = operator.step_length
    if n > MAX_DIFFUSION_STEP_LENGTH:
        raise ValueError(f"the slab diffusion serves step lengths up to {MAX_DIFFUSION_STEP_LENGTH}, not {n}")
    orders = operator.to_orders(np.asarray(volume, dtype=np.float32)) / np.float32(np.sqrt(n))
    padded = np.zeros((orders.shape[1], ORDERS, *orders.shape[2:]), np.float32)
    padded[:, : n - 1] = orders[1:].swapaxes(0, 1)
    return padded


def compose(projections: np.ndarray, orders: np.ndarray, operator: ProjectionOperator) -> np.ndarray:
    """The volume (N*n, H, W) with the given null-space orders (N, ORDERS, H, W) that re-projects onto X."""
    n = operator.step_length
    full = np.empty((n, *projections.shape), np.float32)
    full[0] = projections / np.float32(np.sqrt(operator.squared_norm))
    full[1:] = orders[:, : n - 1].swapaxes(0, 1) * np.float32(np.sqrt(n))
    return np.asarray(operator.from_orders(full))


def _neighbour(array: np.ndarray, offset: int) -> np.ndarray:
    """The array of each slab's neighbour `offset` slabs further; the ends repeat."""
    index = np.clip(np.arange(len(array)) + offset, 0, len(array) - 1)
    return np.asarray(array[index])


def _globals(operator: ProjectionOperator, noise: float) -> np.ndarray:
    """Numbers that describe step length, axial profile and noise, each of order one."""
    n, w = operator.step_length, operator.profile
    depth = (np.arange(n) + 0.5) / n - 0.5
    centre = float(w @ depth)
    width = float(np.sqrt(w @ (depth - centre) ** 2))
    return np.array(
        [n / 8, 4 / n, 4 * centre, 10 * (width - 0.2887), n * operator.squared_norm - 1, 20 * noise],
        np.float32,
    )
