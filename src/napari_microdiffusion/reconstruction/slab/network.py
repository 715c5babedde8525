"""The prior's network as a run asks it: window by window, on a device that may be full or lost."""

from typing import TYPE_CHECKING

import numpy as np

from ...diffusion.statistics import statistics
from ...errors import RunFailed
from ..device import choose_device, free_memory, limit_threads
from ..events import Notice
from ..priors import load_prior
from ..recovery import DeviceLost, Trouble, named_troubles
from ..run import Run
from .inputs import PosedWindow, pose_window
from .tiling import TilePlan, Window

if TYPE_CHECKING:
    from torch import Tensor

# Slab pixels read by one evaluation, and the working memory set aside for each: on the safe side of what
# benchmarks/memory_and_time.py measures.
PIXELS_ON_CPU = 400_000
PIXELS_ON_GPU = 2_000_000
BYTES_PER_PIXEL = 2_600

# Slab pixels of a stack up to which inputs are kept from one evaluation to the next, about 400 bytes each.
KEPT_PIXELS = 1_000_000


class SlabNetwork:
    """Answers of a run's prior for windows of its projections.

    Parameters
    ----------
    run : Run
        Whose guide is ready.

    Attributes
    ----------
    prior : Prior
    denoiser : Denoiser
        On `device`.
    device : torch.device
    plan : TilePlan
        Smaller after a full memory.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        limit_threads(run.config.threads)
        self.device = choose_device(run.config.device)
        self._load_prior()
        run.device = self.device.type
        self.plan = self.new_plan()
        self._posed: dict[tuple[int, ...], PosedWindow] = {}
        self._known: dict[bool, np.ndarray] = {}

    def _load_prior(self) -> None:
        from ...diffusion.networks import SlabBlock

        run = self.run
        self.prior = load_prior(run.config.prior)
        with named_troubles():
            self.denoiser = self.prior.denoiser.to(self.device)
        for block in self.denoiser.modules():
            if isinstance(block, SlabBlock):
                # An evaluation of a large tile can take seconds; this lets it end at the next block.
                block.register_forward_pre_hook(lambda *_: run.cancel.check())

    def new_plan(self, slab_group: int | None = None) -> TilePlan:
        """Windows that fit into memory, of at most so many slabs each."""
        return TilePlan.for_budget(self.run.projections.shape, self._budget(), slab_group)

    def _budget(self) -> int:
        pixels = PIXELS_ON_CPU if self.device.type == "cpu" else PIXELS_ON_GPU
        if self.run.config.memory_gb is not None:
            free = self.run.config.memory_gb * 1e9 - working_bytes(
                self.run.volume.shape, self.run.config.samples
            )
            pixels = min(pixels, int(free / BYTES_PER_PIXEL))
        return pixels

    def forget(self) -> None:
        """Forget the inputs that were kept: the run has changed what they are made of."""
        self._posed.clear()
        self._known.clear()

    def pose(self, window: Window, *, is_turned: bool = False) -> PosedWindow:
        """A window's inputs, or those of the window turned over."""
        known = self.stack_statistics(is_turned=is_turned)
        return pose_window(self.run, window, self.denoiser, known, is_turned=is_turned)

    def posed(self, window: Window) -> PosedWindow:
        """A window's inputs, kept for the next evaluation of the same window while there are few."""
        if window.key in self._posed:
            return self._posed[window.key]
        posed = self.pose(window)
        if self.run.projections.size <= KEPT_PIXELS:
            self._posed[window.key] = posed
        return posed

    def stack_statistics(self, *, is_turned: bool = False) -> np.ndarray:
        """The statistics of the whole stack, which every window is told; of the stack turned over."""
        if is_turned not in self._known:
            stack = self.run.projections[::-1] if is_turned else self.run.projections
            unit = self.run.prior_scale.to_unit(np.ascontiguousarray(stack))
            self._known[is_turned] = statistics(unit, self.run.acquisition.step_length)
        return self._known[is_turned]

    def evaluate(
        self, posed: PosedWindow, state: "Tensor | None", sigma: float
    ) -> "tuple[np.ndarray, Tensor]":
        """The denoised residual of a window: in unit intensities (array) and normalised (tensor)."""
        import torch

        with torch.inference_mode(), named_troubles():
            noisy = torch.zeros_like(posed.scale) if state is None else state.to(self.device)[None]
            level = torch.full((1,), sigma, device=self.device)
            normal = self.denoiser(noisy, level, posed.condition, posed.globals, posed.mask)
            return (normal * posed.scale)[0].cpu().numpy(), normal[0]

    def retreat(self, trouble: Trouble) -> Notice:
        """After a full memory smaller tiles, after the smallest or a lost card the CPU, then give up."""
        import torch

        self._posed.clear()
        is_lost = isinstance(trouble, DeviceLost)
        if not is_lost:
            free_memory(self.device)
            if (smaller := self.plan.smaller()) is not None:
                self.plan = smaller
                return self.run.notice(f"Out of memory on {self.device.type}: going on with smaller tiles.")
        if self.device.type == "cpu":
            if is_lost:
                raise RunFailed(f"the processor reported an error: {trouble}") from trouble
            raise RunFailed(
                "out of memory, even with the smallest tiles; close other programs or crop the image"
            ) from trouble
        self.device = torch.device("cpu")
        self.run.device = "cpu"
        # Nothing can be copied from a card that is gone, so the weights are read again.
        self._load_prior()
        self.plan = self.new_plan()
        reason = "The graphics card answers no more" if is_lost else "Out of memory on the GPU"
        return self.run.notice(f"{reason}: going on with the CPU.")


def working_bytes(volume_shape: tuple[int, ...], samples: int) -> int:
    """Memory that a run holds besides one evaluation: volumes, and the states of a sampler."""
    voxels = int(np.prod(volume_shape))
    states = 5 * 15 * 4 * voxels // 6 if samples else 0
    return 4 * voxels * (4 if samples else 2) + states + 500_000_000
