"""Priors from before order 0 belonged to the state: as networks of today that leave slab means alone."""

from typing import Any

import numpy as np

from .slab import BEAM_GLOBALS, CONDITION_CHANNELS, GLOBALS, LINEAR_CHANNELS, NOISE_GLOBALS, ORDERS

_OLD_ORDERS = ORDERS - 1
_OLD_CONDITION = LINEAR_CHANNELS + 5 + 1
_OLD_SIZES = {
    "state_channels": _OLD_ORDERS,
    "condition_channels": _OLD_CONDITION,
    "global_features": GLOBALS - NOISE_GLOBALS + 1,
    "linear_channels": LINEAR_CHANNELS,
}
# Spread of what denoising leaves open of slab means, in units of the noise.
SPREAD_OF_MEANS = 0.35
# A network sees pixels in squares of this many.
_SQUARE = 4


def is_older(sizes: dict[str, Any]) -> bool:
    """Whether the sizes of a network are those from before."""
    return all(sizes.get(name) == value for name, value in _OLD_SIZES.items())


def renewed(
    sizes: dict[str, Any], tensors: dict[str, np.ndarray]
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Sizes and tensors of the network of today that answers alike.

    What is new in the input has no weight, and order 0 no answer, until that is trained.

    Parameters
    ----------
    sizes : dict
        For which `is_older` holds.
    tensors : dict of ndarray
        By name, of a denoiser.

    Returns
    -------
    sizes, tensors : dict
    """
    state = list(range(1, ORDERS))
    condition = [ORDERS + c for c in (*range(_OLD_CONDITION - 1), CONDITION_CHANNELS - 1)]
    embedded = [
        0,
        1,
        *(2 + g for g in range(BEAM_GLOBALS + 1)),
        *range(2 + BEAM_GLOBALS + NOISE_GLOBALS, 2 + GLOBALS),
    ]
    places = {
        "network.stem.weight": (1, _squares(state + condition), _SQUARE * (ORDERS + CONDITION_CHANNELS)),
        "network.head.weight": (0, _squares(state), _SQUARE * ORDERS),
        "network.head.bias": (0, _squares(state), _SQUARE * ORDERS),
        "network.embed.0.weight": (1, embedded, 2 + GLOBALS),
    }
    new = dict(tensors)
    for name, (axis, kept, size) in places.items():
        new[name] = _spread_out(tensors[name], axis, kept, size)
    new["order_spread"] = np.concatenate([[np.float32(SPREAD_OF_MEANS)], tensors["order_spread"]])
    today = {
        "state_channels": ORDERS,
        "condition_channels": CONDITION_CHANNELS,
        "global_features": GLOBALS,
    }
    return sizes | today, new


def _squares(channels: list[int]) -> list[int]:
    """Places of channels whose pixels were taken together in squares."""
    return [_SQUARE * c + pixel for c in channels for pixel in range(_SQUARE)]


def _spread_out(tensor: np.ndarray, axis: int, kept: list[int], size: int) -> np.ndarray:
    """The tensor with zeros between what it had along an axis."""
    shape = list(tensor.shape)
    shape[axis] = size
    larger = np.zeros(shape, tensor.dtype)
    larger[(slice(None),) * axis + (kept,)] = tensor
    return larger
