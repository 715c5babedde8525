"""The slab diffusion as stages of a run: the posterior mean first, then samples for the uncertainty."""

from collections.abc import Generator
from typing import TYPE_CHECKING

import numpy as np

from ..diffusion.slab import compose, local_amplitude, null_orders
from ..diffusion.statistics import statistics
from ..errors import RunFailed
from ..optics import Acquisition
from .borders import mend_borders
from .device import choose_device, free_memory, limit_threads
from .events import Event, Events, Notice, SliceReady, StageStarted
from .fallback import DeviceLost, Trouble, named_troubles
from .posing import PosedWindow, pose_window
from .priors import load_prior
from .run import Clock, Run
from .tiling import TilePlan, Window
from .trusting import measure_trust, unfamiliar
from .uncertainty import slab_deviation

if TYPE_CHECKING:
    from torch import Tensor


# Slab pixels read by one evaluation, and the working memory set aside for each: on the safe side of what
# benchmarks/memory_and_time.py measures.
PIXELS_ON_CPU = 400_000
PIXELS_ON_GPU = 2_000_000
BYTES_PER_PIXEL = 2_600

# Slab pixels of a stack up to which inputs are kept from one evaluation to the next, about 400 bytes each.
KEPT_PIXELS = 1_000_000

# Trust in the prior below which the person is told.
LITTLE_TRUST = 0.5

# Passes of the posterior mean through a straight beam that leaves its slab, more bring hardly 0.1 dB; and
# through a bent one, where slab means are too uncertain to be improved on.
STRAIGHT_PASSES, BENT_PASSES = 3, 1

# Noise level around the posterior mean that samples start from: well above what is open, in units of the
# state, and still among those that training sees often.
SIGMA_START = 3.0

# Rows of a sample that are made of its state at a time.
COMPOSED_ROWS = 16

# Slabs that the posterior mean finishes at a time.
STREAMED_SLABS = 8


class SlabDiffusion:
    """Chooses the null-space part of every slab with a trained prior.

    Parameters
    ----------
    run : Run
        Whose guide is ready.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        limit_threads(run.config.threads)
        self.device = choose_device(run.config.device)
        self._load_prior()
        run.device = self.device.type
        self.plan = self._new_plan()
        self._posed: dict[tuple[int, ...], PosedWindow] = {}
        self._known: dict[bool, np.ndarray] = {}

    def _load_prior(self) -> None:
        from ..diffusion.networks import SlabBlock

        run = self.run
        self.prior = load_prior(run.config.prior)
        with named_troubles():
            self.denoiser = self.prior.denoiser.to(self.device)
        for block in self.denoiser.modules():
            if isinstance(block, SlabBlock):
                # An evaluation of a large tile can take seconds; this lets it end at the next block.
                block.register_forward_pre_hook(lambda *_: run.cancel.check())

    def _new_plan(self, slab_group: int | None = None) -> TilePlan:
        return TilePlan.for_budget(self.run.projections.shape, self._budget(), slab_group)

    def _budget(self) -> int:
        pixels = PIXELS_ON_CPU if self.device.type == "cpu" else PIXELS_ON_GPU
        if self.run.config.memory_gb is not None:
            free = self.run.config.memory_gb * 1e9 - working_bytes(
                self.run.volume.shape, self.run.config.samples
            )
            pixels = min(pixels, int(free / BYTES_PER_PIXEL))
        return pixels

    def posterior_mean(self) -> Events:
        """Evaluate E[volume | projections] and write it slab group by slab group.

        Through a beam that leaves its slab there are several passes: what the first made of slab means that
        were estimated serves to estimate them better.
        """
        run = self.run
        yield StageStarted("posterior mean", "Posterior mean")
        strange = unfamiliar(self._statistics(), self.prior)
        if strange is not None:
            yield run.notice(strange)
        count = passes(run.acquisition)
        if not count:
            yield run.notice(
                "Two views locate structures better than the prior can: the volume is the first estimate, "
                "brought to agree with both; the prior serves the uncertainty alone."
            )
            yield from run.write(run.guide, slice(0, len(run.projections)), run.region, "guide")
            yield from run.settle("guide")
            return
        clock = Clock("posterior mean", count * len(self._new_plan(STREAMED_SLABS).windows()))
        for number in range(count):
            run.cancel.check()
            before = run.guide, run.projections, run.trust
            if number:
                yield from run.settle("posterior mean", is_last=False)
                run.condition_on_volume()
            self._posed.clear()
            self._known.clear()
            yield from self._measure_trust()
            if number and min(run.trust, before[2]) < LITTLE_TRUST:
                # Another pass would only exchange a guide through the true beam for one that knows no more
                # than slab means.
                run.guide, run.projections, run.trust = before
                yield clock.advance(clock.total - clock.done)
                break
            yield from self._one_pass(clock)
        yield from run.settle("posterior mean")
        if run.trust < LITTLE_TRUST:
            yield run.notice(
                f"Little of what the prior adds is confirmed by this sample (trust {run.trust:.2f} of 1): "
                "the volume stays near the first estimate."
            )

    def _one_pass(self, clock: Clock) -> Events:
        run = self.run
        # Smaller groups of slabs than would be quickest, so that slices arrive one group after the other.
        self.plan = self._new_plan(STREAMED_SLABS)
        done: set[tuple[int, ...]] = set()
        while True:
            try:
                for window in self.plan.windows():
                    if window.key in done:
                        continue
                    run.cancel.check()
                    slices = run.agree(self._expected(window), window.keep_slabs, window.keep)
                    yield from run.write(slices, window.keep_slabs, window.keep, "posterior mean")
                    done.add(window.key)
                    yield clock.advance()
                return
            except Trouble as trouble:
                yield self._retreat(trouble)
                done.clear()

    def _measure_trust(self) -> Events:
        while True:
            try:
                with named_troubles():
                    self.run.trust = measure_trust(self.run, self.denoiser, self.plan.side)
                return
            except Trouble as trouble:
                yield self._retreat(trouble)

    def samples(self) -> Events:
        """Draw samples; their spread around the posterior mean is the uncertainty, updated after each."""
        import torch

        from ..diffusion.preconditioning import SIGMA_MIN
        from ..diffusion.samplers import dpm_solver_2m, karras_sigmas

        run, config = self.run, self.run.config
        yield StageStarted("samples", f"{config.samples} samples for the uncertainty")
        self.plan = self._new_plan()
        self._posed.clear()
        self._known.clear()
        sigmas = karras_sigmas(config.steps, SIGMA_MIN, SIGMA_START)
        clock = Clock("samples", (1 + config.samples * config.steps) * len(self.plan.windows()))
        shape = (*run.projections.shape[:1], len(self.denoiser.order_spread), *run.projections.shape[1:])
        # At high noise the denoised state is the posterior mean; starting from it, a sample is spared the
        # levels where it would be little else.
        mean = yield from self._denoise(torch.zeros(shape), float("inf"), clock)
        squares = np.zeros_like(run.volume)
        for number in range(config.samples):
            generator = torch.Generator().manual_seed(_seed(config.seed, number))
            start = mean + float(sigmas[0]) * torch.randn(shape, generator=generator)
            solver = dpm_solver_2m(start, sigmas)
            request = next(solver)
            while True:
                clean = yield from self._denoise(*request, clock)
                try:
                    request = solver.send(clean)
                except StopIteration as finished:
                    yield from self._accumulate(finished.value, number, squares)
                    break

    def _denoise(self, state: "Tensor", sigma: float, clock: Clock) -> Generator[Event, None, "Tensor"]:
        """One evaluation of the whole stack, window by window."""
        import torch

        while True:
            try:
                clean = torch.empty_like(state)
                for window in self.plan.windows():
                    self.run.cancel.check()
                    posed = self._pose(window)
                    read = state[window.read_slabs, :, *window.read.index]
                    normal = self._evaluate(posed, read, sigma)[1]
                    slabs, rows, columns = window.inner
                    clean[window.keep_slabs, :, *window.keep.index] = normal[slabs, :, rows, columns].cpu()
                    yield clock.advance()
                return clean
            except Trouble as trouble:
                yield self._retreat(trouble)

    def _accumulate(self, state: "Tensor", number: int, squares: np.ndarray) -> Events:
        """Turn a finished sample into slices and update the uncertainty of every slab."""
        run = self.run
        n = run.acquisition.step_length
        rng = np.random.default_rng([_seed(run.config.seed, number), 1])
        sample = np.empty_like(run.volume)
        spread = self.denoiser.order_spread.cpu().numpy()[:, None, None]
        for top in range(0, run.volume.shape[1], COMPOSED_ROWS):
            run.cancel.check()
            rows = np.s_[:, top : top + COMPOSED_ROWS]
            unit = run.prior_scale.to_unit(run.projections[rows])
            amplitude = local_amplitude(unit, run.prior_noise)
            residual = state[:, :, top : top + COMPOSED_ROWS].numpy() * (amplitude * spread)
            orders = null_orders(run.prior_scale.to_unit(run.guide[rows]), run.operator) + residual
            sample[rows] = self._mended(compose(unit, orders, run.operator), amplitude)
        for i in range(len(run.projections)):
            run.cancel.check()
            slab, part = slice(i, i + 1), slice(i * n, (i + 1) * n)
            sample[part] = run.agree(run.prior_scale.to_grey(sample[part]), slab, run.region, rng)
        sample = run.settled(sample, rng)
        squares += np.square(sample - run.volume)
        uncertainty = np.empty_like(run.volume)
        for i in range(len(run.projections)):
            part = slice(i * n, (i + 1) * n)
            # Deviations from the posterior mean, which is known, so one sample already counts.
            uncertainty[part] = slab_deviation(
                run, i, squares[part] / (number + 1), number + 1, self.prior.calibration, self._statistics()
            )
        if run.config.keep_samples:
            run.samples.append(sample)
        run.uncertainty = uncertainty
        for z, plane in enumerate(uncertainty):
            yield SliceReady(z, run.region, plane, "uncertainty", "samples")

    def _mended(self, slices: np.ndarray, amplitude: np.ndarray) -> np.ndarray:
        """Slices, unit intensities, with the borders of slabs that were recorded each for itself mended."""
        run = self.run
        return slices if run.beam is not None else mend_borders(slices, amplitude[:, 0], run.operator)

    def _pose(self, window: Window) -> PosedWindow:
        """A window's inputs, kept for the next evaluation of the same window while there are few."""
        if window.key in self._posed:
            return self._posed[window.key]
        posed = pose_window(self.run, window, self.denoiser, self._statistics())
        if self.run.projections.size <= KEPT_PIXELS:
            self._posed[window.key] = posed
        return posed

    def _statistics(self, *, is_turned: bool = False) -> np.ndarray:
        """The statistics of the whole stack, which every window is told; of the stack turned over."""
        if is_turned not in self._known:
            stack = self.run.projections[::-1] if is_turned else self.run.projections
            unit = self.run.prior_scale.to_unit(np.ascontiguousarray(stack))
            self._known[is_turned] = statistics(unit, self.run.acquisition.step_length)
        return self._known[is_turned]

    def _evaluate(
        self, posed: PosedWindow, state: "Tensor | None", sigma: float
    ) -> "tuple[np.ndarray, Tensor]":
        """The denoised residual of a window: in unit intensities (array) and normalised (tensor)."""
        import torch

        with torch.inference_mode(), named_troubles():
            noisy = torch.zeros_like(posed.scale) if state is None else state.to(self.device)[None]
            level = torch.full((1,), sigma, device=self.device)
            normal = self.denoiser(noisy, level, posed.condition, posed.globals, posed.mask)
            return (normal * posed.scale)[0].cpu().numpy(), normal[0]

    def _expected(self, window: Window) -> np.ndarray:
        """The posterior mean of a window's kept slices, grey levels.

        A stack turned over has its volume turned over for an answer. The network knows that only nearly, so
        it is asked both ways: the mean of its two answers errs less than either.
        """
        run, n = self.run, self.run.acquisition.step_length
        answers = []
        for is_turned in (False, True):
            known = self._statistics(is_turned=is_turned)
            posed = pose_window(run, window, self.denoiser, known, is_turned=is_turned)
            answers.append(posed.slices(run.trust * self._evaluate(posed, None, float("inf"))[0]))
        unit = run.prior_scale.to_unit(run.projections[window.read_slabs, *window.read.index])
        slices = self._mended((answers[0] + answers[1]) / 2, local_amplitude(unit, run.prior_noise))
        slabs, rows, columns = window.inner
        return run.prior_scale.to_grey(slices[slabs.start * n : slabs.stop * n, rows, columns])

    def _retreat(self, trouble: Trouble) -> Notice:
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
        self.plan = self._new_plan()
        reason = "The graphics card answers no more" if is_lost else "Out of memory on the GPU"
        return self.run.notice(f"{reason}: going on with the CPU.")


def passes(acquisition: Acquisition) -> int:
    """How often the posterior mean is evaluated for a beam; 0 where the guide is the better volume."""
    if acquisition.is_disjoint:
        return 1
    if acquisition.views > 1:
        # On procedural specimens the prior took 1 to 4 dB away from what parallax had located.
        return 0
    return STRAIGHT_PASSES if acquisition.sampled_beam.is_straight else BENT_PASSES


def working_bytes(volume_shape: tuple[int, ...], samples: int) -> int:
    """Memory that a run holds besides one evaluation: volumes, and the states of a sampler."""
    voxels = int(np.prod(volume_shape))
    states = 5 * 15 * 4 * voxels // 6 if samples else 0
    return 4 * voxels * (4 if samples else 2) + states + 500_000_000


def _seed(seed: int, sample: int) -> int:
    """A seed for each sample, so that the first samples are the same however many are drawn."""
    return int(np.random.SeedSequence([seed, sample]).generate_state(1)[0])
