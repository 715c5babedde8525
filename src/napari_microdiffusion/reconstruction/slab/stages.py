"""The slab diffusion as stages of a run: the posterior mean first, then samples for the uncertainty."""

from collections.abc import Generator
from typing import TYPE_CHECKING

import numpy as np

from ...diffusion.slab import compose, local_amplitude, null_orders
from ...optics import Acquisition
from ..events import Event, Events, SliceReady, StageStarted
from ..recovery import Trouble, named_troubles
from ..run import Clock, Run
from .borders import SMOOTH, TEXTURED, Mending, mend_borders
from .network import SlabNetwork
from .prior_weight import measure_trust, unfamiliar
from .tiling import Window
from .uncertainty import slab_deviation

if TYPE_CHECKING:
    from torch import Tensor

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
        self.network = SlabNetwork(run)

    def posterior_mean(self) -> Events:
        """Evaluate E[volume | projections] and write it slab group by slab group.

        Through a beam that leaves its slab there are several passes: what the first made of slab means that
        were estimated serves to estimate them better.
        """
        run = self.run
        yield StageStarted("posterior mean", "Posterior mean")
        strange = unfamiliar(self.network.stack_statistics(), self.network.prior)
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
        clock = Clock("posterior mean", count * len(self.network.new_plan(STREAMED_SLABS).windows()))
        for number in range(count):
            run.cancel.check()
            before = run.guide, run.projections, run.trust
            if number:
                yield from run.settle("posterior mean", is_last=False)
                run.condition_on_volume()
            self.network.forget()
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
        self.network.plan = self.network.new_plan(STREAMED_SLABS)
        done: set[tuple[int, ...]] = set()
        while True:
            try:
                for window in self.network.plan.windows():
                    if window.key in done:
                        continue
                    run.cancel.check()
                    slices = run.agree(self._expected(window), window.keep_slabs, window.keep)
                    yield from run.write(slices, window.keep_slabs, window.keep, "posterior mean")
                    done.add(window.key)
                    yield clock.advance()
                return
            except Trouble as trouble:
                yield self.network.retreat(trouble)
                done.clear()

    def _measure_trust(self) -> Events:
        while True:
            try:
                with named_troubles():
                    self.run.trust = measure_trust(self.run, self.network.denoiser, self.network.plan.side)
                return
            except Trouble as trouble:
                yield self.network.retreat(trouble)

    def samples(self) -> Events:
        """Draw samples; their spread around the posterior mean is the uncertainty, updated after each."""
        import torch

        from ...diffusion.preconditioning import SIGMA_MIN
        from ...diffusion.samplers import dpm_solver_2m, karras_sigmas

        run, config = self.run, self.run.config
        yield StageStarted("samples", f"{config.samples} samples for the uncertainty")
        self.network.plan = self.network.new_plan()
        self.network.forget()
        sigmas = karras_sigmas(config.steps, SIGMA_MIN, SIGMA_START)
        clock = Clock("samples", (1 + config.samples * config.steps) * len(self.network.plan.windows()))
        shape = (
            *run.projections.shape[:1],
            len(self.network.denoiser.order_spread),
            *run.projections.shape[1:],
        )
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
                for window in self.network.plan.windows():
                    self.run.cancel.check()
                    posed = self.network.posed(window)
                    read = state[window.read_slabs, :, *window.read.index]
                    normal = self.network.evaluate(posed, read, sigma)[1]
                    slabs, rows, columns = window.inner
                    clean[window.keep_slabs, :, *window.keep.index] = normal[slabs, :, rows, columns].cpu()
                    yield clock.advance()
                return clean
            except Trouble as trouble:
                yield self.network.retreat(trouble)

    def _accumulate(self, state: "Tensor", number: int, squares: np.ndarray) -> Events:
        """Turn a finished sample into slices and update the uncertainty of every slab."""
        run = self.run
        n = run.acquisition.step_length
        rng = np.random.default_rng([_seed(run.config.seed, number), 1])
        sample = np.empty_like(run.volume)
        spread = self.network.denoiser.order_spread.cpu().numpy()[:, None, None]
        for top in range(0, run.volume.shape[1], COMPOSED_ROWS):
            run.cancel.check()
            rows = np.s_[:, top : top + COMPOSED_ROWS]
            unit = run.prior_scale.to_unit(run.projections[rows])
            amplitude = local_amplitude(unit, run.prior_noise)
            residual = state[:, :, top : top + COMPOSED_ROWS].numpy() * (amplitude * spread)
            orders = null_orders(run.prior_scale.to_unit(run.guide[rows]), run.operator) + residual
            sample[rows] = self._mended(compose(unit, orders, run.operator), amplitude, TEXTURED)
        for i in range(len(run.projections)):
            run.cancel.check()
            slab, part = slice(i, i + 1), slice(i * n, (i + 1) * n)
            sample[part] = run.agree(run.prior_scale.to_grey(sample[part]), slab, run.region, rng)
        sample = run.settled(sample, rng)
        squares += np.square(sample - run.volume)
        uncertainty = np.empty_like(run.volume)
        calibration, known = self.network.prior.calibration, self.network.stack_statistics()
        for i in range(len(run.projections)):
            part = slice(i * n, (i + 1) * n)
            # Deviations from the posterior mean, which is known, so one sample already counts.
            uncertainty[part] = slab_deviation(
                run, i, squares[part] / (number + 1), number + 1, calibration, known
            )
        if run.config.keep_samples:
            run.samples.append(sample)
        run.uncertainty = uncertainty
        for z, plane in enumerate(uncertainty):
            yield SliceReady(z, run.region, plane, "uncertainty", "samples")

    def _mended(self, slices: np.ndarray, amplitude: np.ndarray, mending: Mending) -> np.ndarray:
        """Slices, unit intensities, with the borders of slabs that were recorded each for itself mended."""
        run = self.run
        # Where slab means are yet to lose their noise, borders step by it, and no slice should follow that.
        if run.beam is not None or run.consistency == "noise":
            return slices
        return mend_borders(slices, amplitude[:, 0], run.operator, run.prior_noise, mending)

    def _expected(self, window: Window) -> np.ndarray:
        """The posterior mean of a window's kept slices, grey levels.

        A stack turned over has its volume turned over for an answer. The network knows that only nearly, so
        it is asked both ways: the mean of its two answers errs less than either.
        """
        run, n = self.run, self.run.acquisition.step_length
        answers = []
        for is_turned in (False, True):
            posed = self.network.pose(window, is_turned=is_turned)
            answers.append(posed.slices(run.trust * self.network.evaluate(posed, None, float("inf"))[0]))
        unit = run.prior_scale.to_unit(run.projections[window.read_slabs, *window.read.index])
        light = local_amplitude(unit, run.prior_noise)
        slices = self._mended((answers[0] + answers[1]) / 2, light, SMOOTH)
        slabs, rows, columns = window.inner
        return run.prior_scale.to_grey(slices[slabs.start * n : slabs.stop * n, rows, columns])


def passes(acquisition: Acquisition) -> int:
    """How often the posterior mean is evaluated for a beam; 0 where the guide is the better volume."""
    if acquisition.is_disjoint:
        return 1
    if acquisition.views > 1:
        # On procedural specimens the prior took 1 to 4 dB away from what parallax had located.
        return 0
    return STRAIGHT_PASSES if acquisition.sampled_beam.is_straight else BENT_PASSES


def _seed(seed: int, sample: int) -> int:
    """A seed for each sample, so that the first samples are the same however many are drawn."""
    return int(np.random.SeedSequence([seed, sample]).generate_state(1)[0])
