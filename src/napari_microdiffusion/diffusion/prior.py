"""A trained prior: the denoiser with all that is needed to use it and to say where it came from."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..errors import UserError
from ..io.checkpoints import load_checkpoint, save_checkpoint
from .calibration import Calibration
from .networks import SlabNetwork
from .older_priors import is_older, renewed
from .out_of_distribution import TrainingDistribution
from .preconditioning import Denoiser
from .slab import CONDITION_CHANNELS, GLOBALS, LINEAR_CHANNELS, ORDERS, PRIOR_KIND, STATISTICS

# No network of ours is near these; a header that asks for more is refused before memory is allocated.
_LARGEST = {"width": 512, "deep_width": 1024, "blocks": 16, "deep_blocks": 16, "embedding": 1024}
_DIRECTIONS, _MOST_DIRECTIONS = "tissue_directions", 256
_CLEAN_CODE = "network.if_clean.code"

_MISFIT = "the tensors do not fit the network in the header; the file is damaged"


@dataclass
class Prior:
    """A denoiser and its card.

    Attributes
    ----------
    denoiser : Denoiser
    card : dict
        Data, recipe, seed and metrics of the training, as in the checkpoint's header.
    distribution : TrainingDistribution or None
        What the training projections looked like, where that was recorded.
    calibration : Calibration or None
        What the spread of its samples is worth, where that was measured.
    """

    denoiser: Denoiser
    card: dict[str, Any]
    distribution: TrainingDistribution | None = None
    calibration: Calibration | None = None

    def save(self, path: str | Path) -> None:
        """Write a safetensors checkpoint; the card goes into its header."""
        tensors = {name: value.detach().cpu().numpy() for name, value in self.denoiser.state_dict().items()}
        header = {"network": self.denoiser.network.description(), "card": self.card}
        if self.distribution is not None:
            header["training_distribution"] = self.distribution.header()
        if self.calibration is not None:
            header["calibration"] = self.calibration.header()
        save_checkpoint(path, PRIOR_KIND, tensors, header)

    @classmethod
    def load(cls, path: str | Path) -> "Prior":
        """Read a checkpoint.

        Raises
        ------
        UserError
            If the file is no checkpoint of this kind or its tensors do not fit its header.
        """
        checkpoint = load_checkpoint(path, PRIOR_KIND)
        sizes, tensors = checkpoint.header.get("network"), checkpoint.tensors
        if isinstance(sizes, dict) and is_older(sizes):
            try:
                sizes, tensors = renewed(sizes, tensors)
            except (KeyError, ValueError):
                raise UserError(f"{path}: {_MISFIT}") from None
        if not isinstance(sizes, dict) or not _plausible(sizes):
            raise UserError(
                f"{path}: the header does not describe a slab network as this version knows it; "
                "choose a prior that its `train` made"
            )
        denoiser = new_denoiser(sizes)
        own = denoiser.state_dict()
        if _CLEAN_CODE in own:
            # At first clean projections changed the last layers alone.
            tensors = {_CLEAN_CODE: np.zeros(own[_CLEAN_CODE].shape, np.float32)} | tensors
        if {k: tuple(v.shape) for k, v in own.items()} != {k: v.shape for k, v in tensors.items()}:
            raise UserError(f"{path}: {_MISFIT}")
        denoiser.load_state_dict({k: torch.from_numpy(np.array(v)) for k, v in tensors.items()})
        # Checkpoints before version 0.2 call it familiarity.
        known = checkpoint.header.get("training_distribution", checkpoint.header.get("familiarity"))
        distribution = TrainingDistribution.from_header(known) if isinstance(known, dict) else None
        measured = checkpoint.header.get("calibration")
        calibration = Calibration.from_header(measured) if isinstance(measured, dict) else None
        return cls(denoiser.eval(), dict(checkpoint.header.get("card", {})), distribution, calibration)


def new_denoiser(
    sizes: dict[str, Any], order_spread: np.ndarray | None = None, statistics: np.ndarray | None = None
) -> Denoiser:
    """An untrained denoiser for the slab problem's channels; `sizes` may set the network's widths."""
    settings = {k: v for k, v in sizes.items() if k in (*_LARGEST, "knows_clean", _DIRECTIONS)}
    network = SlabNetwork(ORDERS, CONDITION_CHANNELS, GLOBALS, LINEAR_CHANNELS, **settings)
    spread = np.ones(ORDERS) if order_spread is None else np.asarray(order_spread)
    usual = np.stack([np.zeros(STATISTICS), np.ones(STATISTICS)]) if statistics is None else statistics
    return Denoiser(
        network,
        torch.as_tensor(spread, dtype=torch.float32),
        torch.as_tensor(usual, dtype=torch.float32),
    )


def resized(denoiser: Denoiser, **sizes: Any) -> Denoiser:
    """A new denoiser of other sizes, with the weights of this one where both have them."""
    other = new_denoiser({**denoiser.network.description(), **sizes})
    own = other.state_dict()
    known = {k: v for k, v in denoiser.state_dict().items() if k in own and v.shape == own[k].shape}
    other.load_state_dict(own | known)
    return other


def _plausible(sizes: dict[str, Any]) -> bool:
    channels = {
        "state_channels": ORDERS,
        "condition_channels": CONDITION_CHANNELS,
        "global_features": GLOBALS,
        "linear_channels": LINEAR_CHANNELS,
    }
    return (
        all(sizes.get(name) == value for name, value in channels.items())
        and all(
            isinstance(sizes.get(name), int) and 1 <= sizes[name] <= most for name, most in _LARGEST.items()
        )
        # Priors from before know nothing of either.
        and isinstance(sizes.get("knows_clean", False), bool)
        and isinstance(sizes.get(_DIRECTIONS, 0), int)
        and 0 <= sizes.get(_DIRECTIONS, 0) <= _MOST_DIRECTIONS
    )
