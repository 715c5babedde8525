"""The paper's diffusion as stages of a run: trained on the sample's projections, then sampled slice by slice.

The result is one sample, as in the paper, where the default method gives a mean.
"""

import time
from collections.abc import Callable, Generator, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from ...diffusion.fitting import FitSettings, Fitting
from ...diffusion.paper.model import (
    ImageConditions,
    PaperBatch,
    PaperModel,
    denoising_loss,
    draw_batch,
    predict_clean,
)
from ...diffusion.paper.unet import ResBlock
from ...errors import RunFailed
from ..conditioning import Conditioning
from ..data_consistency import DataConsistency
from ..device import choose_device, limit_threads
from ..events import Event, Events, LossPoint, SliceReady, StageStarted
from ..facts import StackFacts
from ..provenance import digest
from ..run_state import RunState, StageClock
from .conditions import PaperConditions

if TYPE_CHECKING:
    import torch
    from torch import Tensor

# Pixels times channels of one evaluation; a feature map of so many takes 64 MB.
EVALUATED_AT_ONCE = 1 << 24
SAVE_EVERY_S = 60.0
# A step of training costs about this many evaluations: forward, and twice as much backward.
EVALUATIONS_PER_STEP = 3
# Settings that matter after the training alone: its state serves any of them.
_SAMPLING = {"guidance", "sampler", "sampling_steps", "clip", "checkpoint"}
# Ours, the paper mentions no limit; it keeps a rare large step from undoing the fit.
GRADIENT_LIMIT = 1.0


class PaperDiffusion:
    """Trains on the projections of one run and draws its slices.

    Parameters
    ----------
    facts : StackFacts
    state : RunState
    consistency : DataConsistency
    conditioning : Conditioning
    """

    def __init__(
        self,
        facts: StackFacts,
        state: RunState,
        consistency: DataConsistency,
        conditioning: Conditioning,
    ) -> None:
        import torch

        self.facts, self.state, self.settings = facts, state, facts.config.paper
        self.consistency = consistency
        limit_threads(facts.config.threads)
        self.device = choose_device(facts.config.device)
        state.device = self.device.type
        self.conditions = PaperConditions(state, conditioning, self.device)
        # The weights come from torch's own generator; the caller's is left as it was.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(facts.config.seed)
            self.model = PaperModel(self.settings, self.conditions.encoded)
        self.conditions.hand_over(self.model)
        self.model.to(self.device)
        for block in self.model.modules():
            if isinstance(block, ResBlock):
                # A step at full size can take many seconds on a processor; this ends it at the next block.
                block.register_forward_pre_hook(lambda *_: state.cancel.check())
                block.register_full_backward_pre_hook(lambda *_: state.cancel.check())
        self.fitting = self._new_fitting()

    def posterior_mean(self) -> Events:
        """Train, then draw the one sample that is the volume; slabs are written as they are ready."""
        facts, state = self.facts, self.state
        steps, checkpoint = self.fitting.settings.steps, self.settings.checkpoint
        if checkpoint is not None and checkpoint.exists():
            self.fitting.load(checkpoint)
        assert steps is not None
        left = EVALUATIONS_PER_STEP * self.settings.batch * max(0, steps - self.fitting.step)
        clock = StageClock("posterior mean", left + len(state.volume) * self.settings.evaluations)
        going_on = f", going on from step {self.fitting.step}" if self.fitting.step else ""
        yield StageStarted("posterior mean", f"Training the paper's diffusion on this sample{going_on}")
        yield from self._train(clock)
        if self.conditions.moves:
            yield from self.conditions.render()
        yield StageStarted("posterior mean", "Sampling slices")
        for slabs in self._groups():
            slices = yield from self._sample(slabs, 0, clock)
            slices = self.consistency.enforce_on_slabs(slices, slabs, facts.region)
            yield from state.write(slices, slabs, facts.region, "posterior mean")

    def samples(self) -> Events:
        """Draw further samples; the spread of all, with the volume as the first, is the uncertainty."""
        facts, state, n = self.facts, self.state, self.facts.step_length
        count = facts.config.samples
        yield StageStarted("samples", f"{count} further draws for the uncertainty")
        clock = StageClock("samples", count * len(state.volume) * self.settings.evaluations)
        total, squares = np.zeros_like(state.volume), np.zeros_like(state.volume)
        for number in range(1, count + 1):
            # Deviations from the first sample rather than from zero, which would cost digits.
            sample = np.empty_like(state.volume)
            for slabs in self._groups():
                slices = yield from self._sample(slabs, number, clock)
                part = slice(slabs.start * n, slabs.stop * n)
                sample[part] = self.consistency.enforce_on_slabs(slices, slabs, facts.region)
            total += sample - state.volume
            squares += np.square(sample - state.volume)
            if facts.config.keep_samples:
                state.samples.append(sample)
            spread = squares - np.square(total) / (number + 1)
            state.uncertainty = np.sqrt(np.maximum(spread, 0) / number)
            for z, plane in enumerate(state.uncertainty):
                yield SliceReady(z, facts.region, plane, "uncertainty", "samples")

    def _new_fitting(self) -> Fitting[PaperBatch]:
        s, facts = self.settings, self.facts
        about = {
            "diffusion": s.model_dump(mode="json", exclude=_SAMPLING),
            "seed": facts.config.seed,
            "projections": digest(facts.measured),
            "guide": digest(self.state.guide) if self.conditions.has_guide else "none",
        }
        schedule = FitSettings(
            steps=s.steps_for(facts.shape[0]),
            learning_rate=s.learning_rate,
            weight_decay=s.weight_decay,
            warmup_steps=1,
            ema_decay=s.average,
            gradient_limit=GRADIENT_LIMIT,
            final_rate=1.0,
            betas=(0.9, 0.999),
        )
        return Fitting(self.model, self._loss, schedule, facts.config.seed, about)

    def _loss(self, model: PaperModel, batch: PaperBatch, _generator: "torch.Generator") -> "Tensor":
        # All randomness is in the batch, drawn from seed and step, so that any step can be made again.
        conditions, clean = self.conditions.of_slabs(batch.chosen), self.conditions.clean(batch.chosen)
        on_device = PaperBatch(*(t.to(self.device) for t in vars(batch).values()))
        loss = denoising_loss(model, on_device, clean, conditions)
        if self.settings.inr_training == "joint":
            loss = loss + (1 - self.fitting.fraction) * self.conditions.inr_loss(self.fitting.step)
        return loss

    def _train(self, clock: StageClock) -> Events:
        checkpoint, saved = self.settings.checkpoint, time.monotonic()
        try:
            for step in self.fitting.run(self._batches()):
                yield LossPoint("posterior mean", step.step, step.loss)
                if step.notice:
                    yield self.state.notice(step.notice)
                yield clock.advance(EVALUATIONS_PER_STEP * self.settings.batch)
                self.state.cancel.check()
                if checkpoint is not None and time.monotonic() - saved > SAVE_EVERY_S:
                    self.fitting.save(checkpoint)
                    saved = time.monotonic()
        finally:
            # Also where the run is cancelled: a step that was begun left no trace in the state.
            if checkpoint is not None:
                self.fitting.save(checkpoint)
        self.model.load_state_dict(self.fitting.average)
        self.model.eval()

    def _batches(self) -> Iterator[PaperBatch]:
        count, height, width = self.facts.shape
        while True:
            yield draw_batch(self.fitting.step, count, (height, width), self.settings, self.facts.config.seed)

    def _groups(self) -> Iterator[slice]:
        """Slabs that are sampled together."""
        count, height, width = self.facts.shape
        slices = max(1, EVALUATED_AT_ONCE // (height * width * self.settings.width))
        group = max(1, slices // self.facts.step_length)
        for start in range(0, count, group):
            yield slice(start, min(start + group, count))

    def _sample(self, slabs: slice, number: int, clock: StageClock) -> Generator[Event, None, np.ndarray]:
        """A sample of the slices of some slabs, in grey levels."""
        from ...diffusion.paper.ddpm import NoiseSchedule, ddim_step, ddpm_step

        s = self.settings
        conditions, noise = self.conditions.of_slices(slabs), self._noise(slabs, number)
        schedule = NoiseSchedule(s.diffusion_steps)
        x = noise()
        for late, early in pairwise(schedule.times(s.sampling_steps).tolist()):
            clean = yield from self._denoise(x, late, conditions, clock)
            if s.sampler == "ddim":
                x = ddim_step(x, clean, late, early, schedule)
            else:
                x = ddpm_step(x, clean, late, early, schedule, noise)
        images: np.ndarray = x[:, 0].cpu().numpy()
        if not np.isfinite(images).all():
            raise RunFailed(
                "the paper's diffusion drew slices that are no numbers; a smaller learning rate or a longer "
                "training may help"
            )
        return self.facts.scale.to_grey((images + 1) / 2)

    def _denoise(
        self, x: "Tensor", moment: int, conditions: ImageConditions, clock: StageClock
    ) -> "Generator[Event, None, Tensor]":
        """The expected clean state of some slices, a few at a time."""
        import torch

        s, (height, width) = self.settings, x.shape[-2:]
        clean = torch.empty_like(x)
        part = max(1, EVALUATED_AT_ONCE // (height * width * s.width))
        for first in range(0, len(x), part):
            self.state.cancel.check()
            piece = slice(first, first + part)
            with torch.no_grad():
                clean[piece] = predict_clean(
                    self.model, x[piece], moment, conditions.part(piece), self.conditions.limits
                )
            guided = s.guidance > 0 and s.fusion != "none"
            yield clock.advance(len(x[piece]) * (2 if guided else 1))
        return clean

    def _noise(self, slabs: slice, number: int) -> "Callable[[], Tensor]":
        """Draws noise for the slices of some slabs; each slab has its own stream, whatever is its group."""
        import torch

        n, (_, height, width) = self.facts.step_length, self.facts.shape
        seed = self.facts.config.seed
        streams = [np.random.default_rng([seed, 4, number, i]) for i in range(slabs.start, slabs.stop)]

        def draw() -> "Tensor":
            drawn = [rng.standard_normal((n, 1, height, width), dtype=np.float32) for rng in streams]
            return torch.from_numpy(np.concatenate(drawn)).to(self.device)

        return draw
