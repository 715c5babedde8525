"""Evaluates a prior's network tile by tile, on a device that may be full or lost."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ...diffusion.precision import has_bfloat16
from ...errors import RunFailed
from ..conditioning import Conditioning
from ..device import (
    DeviceError,
    DeviceLost,
    NotFinite,
    choose_device,
    device_errors,
    free_memory,
    limit_threads,
)
from ..events import Notice, Region
from ..facts import StackFacts
from ..priors import load_prior
from ..run_state import RunState
from .evaluations import (
    BYTES_PER_PIXEL,
    PIXELS_ON_CPU,
    PIXELS_ON_GPU,
    STORED_PIXELS,
    block_pixels,
    working_bytes,
)
from .inputs import TileInputs, tile_inputs
from .tiling import TilePlan, Window

if TYPE_CHECKING:
    from torch import Tensor


class TileEvaluator:
    """The network of a run's prior.

    Parameters
    ----------
    facts : StackFacts
    state : RunState
        Where devices and what went wrong on them are recorded.

    Attributes
    ----------
    prior : Prior
    denoiser : Denoiser
        On `device`.
    device : torch.device
    plan : TilePlan
        Smaller after a full memory.
    """

    def __init__(self, facts: StackFacts, state: RunState) -> None:
        self.facts, self.state = facts, state
        limit_threads(facts.config.threads)
        self.device = choose_device(facts.config.device)
        self._load_prior()
        state.device = self.device.type
        self.plan = self.new_plan()
        self._stored: dict[tuple[int, ...], TileInputs] = {}
        self._not_finite = 0

    def _load_prior(self) -> None:
        cancel = self.state.cancel
        self.prior = load_prior(self.facts.config.prior)
        with device_errors():
            self.denoiser = self.prior.denoiser.to(self.device)
        for layer in self.denoiser.modules():
            if not list(layer.children()):
                # An evaluation of a large tile can take seconds; this lets it end at the next layer.
                layer.register_forward_pre_hook(lambda *_: cancel.check())

    def new_plan(self, slab_group: int | None = None, inner: Region | None = None) -> TilePlan:
        """Windows that fit into memory, of at most so many slabs each; those of the inner part of a block."""
        shape = self.facts.shape
        if self.facts.survey is None:
            return TilePlan.for_budget(shape, self._budget(), slab_group)
        # The same tiles as if there were no blocks.
        whole = TilePlan.for_budget(self.facts.survey.shape, self._budget(), slab_group)
        corner = self.facts.corner
        return replace(whole, height=shape[1], width=shape[2], inner=inner, corner=corner)

    def _budget(self) -> int:
        pixels = PIXELS_ON_CPU if self.device.type == "cpu" else PIXELS_ON_GPU
        config = self.facts.config
        if self.facts.survey is not None:
            # The same for every block, or their tiles would differ.
            return min(pixels, block_pixels(config))
        if config.memory_gb is not None:
            free = config.memory_gb * 1e9 - working_bytes(self.facts.volume_shape, config.samples)
            pixels = min(pixels, int(free / BYTES_PER_PIXEL))
        return pixels

    def inputs(self, conditioning: Conditioning, window: Window, *, is_flipped: bool = False) -> TileInputs:
        """The network inputs of a window, or of the window flipped along z."""
        return tile_inputs(conditioning, window, self.denoiser, is_flipped=is_flipped)

    def stored_inputs(self, conditioning: Conditioning, window: Window) -> TileInputs:
        """The same, stored for the next evaluation of this window where the stack is small.

        Every call must bring the same conditioning.
        """
        if window.key in self._stored:
            return self._stored[window.key]
        inputs = self.inputs(conditioning, window)
        if conditioning.projections.size <= STORED_PIXELS:
            self._stored[window.key] = inputs
        return inputs

    def evaluate(
        self, inputs: TileInputs, x: "Tensor | None", sigma: float, *, is_rough: bool = False
    ) -> "tuple[np.ndarray, Tensor]":
        """The denoised residual of a window: in unit intensities (array) and normalised (tensor).

        Where `is_rough`, convolutions are in bfloat16 if the device is made for it: that changes the residual
        by half a percent, far less than one sample differs from another.
        """
        import torch

        rough = torch.autocast(self.device.type, torch.bfloat16, is_rough and has_bfloat16(self.device))
        with torch.inference_mode(), device_errors(), rough:
            noisy = torch.zeros_like(inputs.scale) if x is None else x.to(self.device)[None]
            level = torch.full((1,), sigma, device=self.device)
            normal = self.denoiser(noisy, level, inputs.condition, inputs.globals, inputs.mask)
            residual: np.ndarray = (normal.float() * inputs.scale)[0].cpu().numpy()
            if not np.isfinite(residual.sum()):
                raise NotFinite("the prior's answer holds values that are no numbers")
            self._not_finite = 0
            return residual, normal[0].float()

    def retreat(self, error: DeviceError) -> Notice:
        """After a full memory smaller tiles, after the smallest or a lost card the CPU, then give up.

        What is no number is computed once more before that, from weights that are read again.
        """
        self._stored.clear()
        is_lost = isinstance(error, DeviceLost)
        if isinstance(error, NotFinite):
            return self._compute_again(error)
        if not is_lost:
            free_memory(self.device)
            if (smaller := self.plan.smaller()) is not None:
                self.plan = smaller
                return self.state.notice(f"Out of memory on {self.device.type}: going on with smaller tiles.")
        if self.device.type == "cpu":
            if is_lost:
                raise RunFailed(f"the processor reported an error: {error}") from error
            raise RunFailed(
                "out of memory, even with the smallest tiles; close other programs or crop the image"
            ) from error
        self._go_to_cpu()
        reason = "The graphics card answers no more" if is_lost else "Out of memory on the GPU"
        return self.state.notice(f"{reason}: going on with the CPU.")

    def _go_to_cpu(self) -> None:
        import torch

        self.device = torch.device("cpu")
        self.state.device = "cpu"
        # Nothing can be copied from a card that is gone, so the weights are read again.
        self._load_prior()
        self.plan = self.new_plan()

    def _compute_again(self, error: NotFinite) -> Notice:
        self._not_finite += 1
        if self._not_finite == 1:
            self._load_prior()
            return self.state.notice(
                "The prior's answer held values that are no numbers: computing it again."
            )
        if self.device.type == "cpu":
            raise RunFailed(
                "the prior answers with values that are no numbers, and did so again; choose another prior, "
                "or check this computer's memory"
            ) from error
        self._not_finite = 0
        self._go_to_cpu()
        return self.state.notice("The GPU computes values that are no numbers: going on with the CPU.")
