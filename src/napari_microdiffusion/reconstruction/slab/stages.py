"""The slab diffusion as stages of a run: the posterior mean first, then samples for the uncertainty."""

from collections.abc import Generator
from typing import TYPE_CHECKING

import numpy as np

from ...diffusion.precision import has_bfloat16
from ...diffusion.slab import compose, first_orders, in_intensities, local_amplitude, order_units
from ...optics.detector.noise import MID_LIGHT
from ..conditioning import Conditioning, conditioned_on_volume
from ..data_consistency import DataConsistency
from ..device import DeviceError, device_errors, until_done
from ..events import Event, Events, Region, SliceReady, StageStarted
from ..facts import StackFacts
from ..run_state import RunState, StageClock
from .borders import SMOOTH, TEXTURED, Mending, mend_borders
from .evaluations import STREAMED_SLABS, passes
from .out_of_distribution import out_of_distribution_score, out_of_distribution_warning
from .positioned_noise import noise_at
from .prior_weight import SelfTest, measure_prior_weight
from .tile_evaluator import TileEvaluator
from .tiling import Window
from .uncertainty import open_share, slab_deviation, unseen_of_slab_means

if TYPE_CHECKING:
    from torch import Tensor

# Weight of the prior below which a run says so.
LITTLE_WEIGHT = 0.5

# Noise level around the posterior mean that samples start from: well above what is open, in units of the
# state, and still among those that training sees often.
SIGMA_START = 3.0

# Rows of a sample that are made of its state at a time.
COMPOSED_ROWS = 16


class SlabDiffusion:
    """Chooses the null-space part of every slab with a trained prior.

    Parameters
    ----------
    facts : StackFacts
    state : RunState
    consistency : DataConsistency
    conditioning : Conditioning
        Another one follows each pass through a beam that leaves its slab.
    """

    def __init__(
        self,
        facts: StackFacts,
        state: RunState,
        consistency: DataConsistency,
        conditioning: Conditioning,
    ) -> None:
        self.facts, self.state = facts, state
        self.consistency = consistency
        self.conditioning = conditioning
        self.evaluator = TileEvaluator(facts, state)
        self._is_out_of_distribution = False

    def posterior_mean(self) -> Events:
        """Evaluate E[volume | projections] and write it slab group by slab group.

        Through a beam that leaves its slab there are several passes: what the first made of slab means that
        were estimated serves to estimate them better.
        """
        facts, state = self.facts, self.state
        yield StageStarted("posterior mean", "Refining the volume")
        known, own = self.evaluator.prior.distribution, self.conditioning.statistics
        state.out_of_distribution = out_of_distribution_score(own, known)
        if (warning := out_of_distribution_warning(own, known)) is not None:
            self._is_out_of_distribution = True
            yield state.notice(warning)
        count = passes(facts.acquisition, float(facts.prior_noise.deviation(np.array(MID_LIGHT))))
        if not count:
            yield state.notice(
                "Two views locate structures better than the prior can: the volume is the starting estimate, "
                "made consistent with both; the prior serves the uncertainty alone."
            )
            yield from state.write(state.guide, facts.slabs, facts.region, "guide")
            yield from self.consistency.enforce_on_volume(state, "guide")
            return
        windows = self.evaluator.new_plan(STREAMED_SLABS, facts.inner).windows()
        clock = StageClock("posterior mean", count * len(windows))
        for number in range(count):
            state.cancel.check()
            conditioning = self.conditioning
            if number:
                yield from self.consistency.enforce_on_volume(state, "posterior mean", is_last=False)
                conditioning = conditioned_on_volume(facts, self.consistency, state)
            test = yield from self._self_test(conditioning)
            if number and min(test.weight, state.prior_weight) < LITTLE_WEIGHT:
                # Another pass would only exchange a guide through the true beam for one that knows no more
                # than slab means.
                yield clock.skip_to_end()
                break
            self.conditioning = conditioning
            state.prior_weight, state.pedestal = test.weight, conditioning.pedestal
            state.self_test_error = test.error
            yield from self._one_pass(clock)
        yield from self.consistency.enforce_on_volume(state, "posterior mean")
        if state.prior_weight < LITTLE_WEIGHT:
            yield state.notice(
                "This sample confirms little of what the prior would add, so "
                f"{100 * state.prior_weight:.0f} % of it is used. The volume stays near the starting "
                "estimate."
            )

    def _one_pass(self, clock: StageClock) -> Events:
        # Smaller groups of slabs than would be quickest, so that slices arrive one group after the other.
        self.evaluator.plan = self.evaluator.new_plan(STREAMED_SLABS, self.facts.inner)
        done: set[tuple[int, ...]] = set()

        def attempt() -> Events:
            for window in self.evaluator.plan.windows():
                if window.key in done:
                    continue
                self.state.cancel.check()
                slabs, region = window.keep_slabs, window.keep
                slices = self._expected(window)
                slices = self.consistency.enforce_on_slabs(slices, slabs, region, knows_noise=True)
                yield from self.state.write(slices, slabs, region, "posterior mean")
                done.add(window.key)
                yield clock.advance()

        def recover(error: DeviceError) -> Event:
            plan = self.evaluator.plan
            notice = self.evaluator.retreat(error)
            if self.evaluator.plan is not plan:
                # The windows are others.
                done.clear()
            return notice

        yield from until_done(attempt, recover)

    def _self_test(self, conditioning: Conditioning) -> Generator[Event, None, SelfTest]:
        survey = self.facts.survey
        if survey is not None and survey.prior_weight is not None:
            return SelfTest(survey.prior_weight, survey.self_test_error)

        def attempt() -> Generator[Event, None, SelfTest]:
            yield from ()
            with device_errors():
                return measure_prior_weight(conditioning, self.evaluator.denoiser, self.evaluator.plan.side)

        return (yield from until_done(attempt, self.evaluator.retreat))

    def samples(self) -> Events:
        """Draw samples; their spread around the posterior mean is the uncertainty, updated after each."""
        import torch

        from ...diffusion.preconditioning import SIGMA_MIN
        from ...diffusion.samplers import dpm_solver_2m_step, karras_sigmas

        config = self.facts.config
        self.state.samples_in = "bfloat16" if has_bfloat16(self.evaluator.device) else "float32"
        yield StageStarted("samples", f"Uncertainty: {config.samples} draws")
        self.evaluator.plan = self.evaluator.new_plan()
        sigmas = karras_sigmas(config.steps, SIGMA_MIN, SIGMA_START)
        evaluations = 1 + config.samples * config.steps
        clock = StageClock("samples", evaluations * len(self.evaluator.plan.windows()))
        slabs, height, width = self.facts.shape
        shape = slabs, len(self.evaluator.denoiser.order_spread), height, width
        # At high noise the denoised state is the posterior mean; starting from it, a sample is spared the
        # levels where it would be little else.
        mean = yield from self._denoise(torch.zeros(shape), float("inf"), clock)
        self._surround(mean)
        squares, slab_squares = np.zeros_like(self.state.volume), np.zeros(self.facts.shape, np.float32)
        for number in range(config.samples):
            x, earlier = mean + float(sigmas[0]) * self._noise(number, shape), None
            for step, sigma in enumerate(sigmas[:-1]):
                clean = yield from self._denoise(x, float(sigma), clock)
                x, earlier = dpm_solver_2m_step(x, clean, earlier, sigmas, step), clean
            yield from self._accumulate(x, number, squares, slab_squares)

    def _noise(self, number: int, shape: tuple[int, ...]) -> "Tensor":
        """The noise that sample `number` starts from, standard deviation 1; in a block, that of its place."""
        import torch

        seed = _seed(self.facts.config.seed, number)
        if self.facts.survey is None:
            return torch.randn(shape, generator=torch.Generator().manual_seed(seed))
        return torch.from_numpy(noise_at(seed, shape, self.facts.corner))

    def _denoise(self, x: "Tensor", sigma: float, clock: StageClock) -> "Generator[Event, None, Tensor]":
        """One evaluation of the whole stack, window by window."""
        import torch

        def attempt() -> "Generator[Event, None, Tensor]":
            clean = torch.empty_like(x)
            for window in self.evaluator.plan.windows():
                self.state.cancel.check()
                inputs = self.evaluator.stored_inputs(self.conditioning, window)
                read = x[window.read_slabs, :, *window.read.index]
                normal = self.evaluator.evaluate(inputs, read, sigma, is_rough=True)[1]
                slabs, rows, columns = window.inner
                clean[window.keep_slabs, :, *window.keep.index] = normal[slabs, :, rows, columns].cpu()
                yield clock.advance()
            return clean

        return (yield from until_done(attempt, self.evaluator.retreat))

    def _accumulate(
        self, residual: "Tensor", number: int, squares: np.ndarray, slab_squares: np.ndarray
    ) -> Events:
        """Turn a finished sample into slices and update the uncertainty of every slab."""
        facts, state, n = self.facts, self.state, self.facts.step_length
        rng = np.random.default_rng([_seed(facts.config.seed, number), 1])
        sample = self.consistency.enforce_on_sample(self._consistent(residual.numpy()), rng)
        deviation = sample - state.volume
        squares += np.square(deviation)
        slab_squares += np.square(deviation.reshape(facts.shape[0], n, *facts.shape[1:]).mean(1))
        uncertainty = np.empty_like(state.volume)
        calibration, known = self.evaluator.prior.calibration, self.conditioning.statistics
        share = open_share(state.self_test_error, self._is_out_of_distribution)
        untold = np.ones(facts.shape[0]) if state.shared is None else 1 - state.shared.weight
        for i in range(facts.shape[0]):
            part = slice(i * n, (i + 1) * n)
            # Deviations from the posterior mean, which is known, so one sample already counts.
            uncertainty[part] = slab_deviation(
                facts,
                state.volume[part],
                i,
                squares[part] / (number + 1),
                number + 1,
                calibration,
                known,
                share * untold[i],
                unseen_of_slab_means(facts, i, slab_squares[i] / (number + 1), number + 1),
            )
        if state.shared is not None:
            uncertainty = np.hypot(uncertainty, state.shared.deviation(state.volume))
        if facts.config.keep_samples:
            state.samples.append(sample)
        state.uncertainty = uncertainty
        for z, plane in enumerate(uncertainty):
            yield SliceReady(z, facts.region, plane, "uncertainty", "samples")

    def _consistent(self, residual: np.ndarray) -> np.ndarray:
        """The slices of a state, grey levels, as consistent as slabs can be by themselves."""
        facts, n = self.facts, self.facts.step_length
        slices = self._composed(residual)
        for i in range(facts.shape[0]):
            self.state.cancel.check()
            slab, part = slice(i, i + 1), slice(i * n, (i + 1) * n)
            grey = self._with_reference(facts.prior_scale.to_grey(slices[part]), slab, facts.region)
            slices[part] = self.consistency.enforce_on_slabs(grey, slab, facts.region, knows_noise=True)
        return slices

    def _surround(self, mean: "Tensor") -> None:
        """Put what samples start from around the inner part of a block, where there is no posterior mean.

        The spread of neighbouring pixels counts a little, also across the border of the block.
        """
        inner = self.facts.inner
        if inner is not None:
            residual = mean.numpy().copy()
            residual[:, 1:] *= self.state.prior_weight
            known = self.state.volume[:, *inner.index].copy()
            self.state.volume[...] = self._consistent(residual)
            self.state.volume[:, *inner.index] = known

    def _composed(self, residual: np.ndarray) -> np.ndarray:
        """The slices of a sample's state, unit intensities."""
        facts, conditioning = self.facts, self.conditioning
        sample = np.empty_like(self.state.volume)
        spread = self.evaluator.denoiser.order_spread.cpu().numpy()
        for top in range(0, facts.shape[1], COMPOSED_ROWS):
            self.state.cancel.check()
            rows = np.s_[:, top : top + COMPOSED_ROWS]
            unit, guide = (
                facts.prior_scale.to_unit(part[rows])
                for part in (conditioning.projections, conditioning.guide)
            )
            units = order_units(unit, facts.operator, conditioning.noise)
            own = in_intensities(residual[:, :, top : top + COMPOSED_ROWS], units, spread)
            slices = compose(first_orders(unit, guide, facts.operator) + own, facts.operator)
            sample[rows] = self._mended(slices, units[:, 1], TEXTURED)
        return sample

    def _mended(self, slices: np.ndarray, amplitude: np.ndarray, mending: Mending) -> np.ndarray:
        """Slices, unit intensities, with the borders of slabs that were recorded each for itself mended."""
        facts = self.facts
        if not facts.acquisition.is_disjoint:
            return slices
        return mend_borders(slices, amplitude, facts.operator, facts.noise_level, mending)

    def _expected(self, window: Window) -> np.ndarray:
        """The posterior mean of a window's inner slices, grey levels.

        With z-flip test-time augmentation: the mean of the answers for the stack as it is and flipped along
        z errs less than either.
        """
        facts, n = self.facts, self.facts.step_length
        answers = []
        for is_flipped in (False, True):
            inputs = self.evaluator.inputs(self.conditioning, window, is_flipped=is_flipped)
            residual = self.evaluator.evaluate(inputs, None, float("inf"))[0]
            # The weight is about what lies within slabs; slab means are the noise's business.
            residual[:, 1:] *= self.state.prior_weight
            answers.append(inputs.slices(residual))
        unit = facts.prior_scale.to_unit(self.conditioning.projections[window.read_slabs, *window.read.index])
        light = local_amplitude(unit, self.conditioning.noise.deviation(unit))[:, 0]
        slices = self._mended((answers[0] + answers[1]) / 2, light, SMOOTH)
        slabs, rows, columns = window.inner
        grey = facts.prior_scale.to_grey(slices[slabs.start * n : slabs.stop * n, rows, columns])
        return self._with_reference(grey, window.keep_slabs, window.keep)

    def _with_reference(self, slices: np.ndarray, slabs: slice, region: Region) -> np.ndarray:
        """Slices, grey levels, with the part of a reference, where there is one."""
        shared = self.state.shared
        return slices if shared is None else shared.blended(slices, slabs, region.index)


def _seed(seed: int, sample: int) -> int:
    """A seed for each sample, so that the first samples are the same however many are drawn."""
    return int(np.random.SeedSequence([seed, sample]).generate_state(1)[0])
