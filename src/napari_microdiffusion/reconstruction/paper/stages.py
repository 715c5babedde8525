"""The paper's diffusion as stages of a run: trained on the sample's projections, then sampled slice by slice.

The result is one sample, as in the paper, where the default method gives a mean.
"""

import time
from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING

import numpy as np

from ...diffusion.fitting import FitSettings, Fitting
from ...diffusion.paper import PaperBatch, PaperModel, denoising_loss, draw_batch, predict_clean
from ...diffusion.unet import ResBlock
from ..device import choose_device, limit_threads
from ..events import Event, Events, LossPoint, SliceReady, StageStarted
from ..provenance import digest
from ..run import Clock, Run
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
    run : Run
        Whose guide is ready.
    """

    def __init__(self, run: Run) -> None:
        import torch

        self.run, self.settings = run, run.config.paper
        limit_threads(run.config.threads)
        self.device = choose_device(run.config.device)
        run.device = self.device.type
        self.conditions = PaperConditions(run, self.device)
        # The weights come from torch's own generator; the caller's is left as it was.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(run.config.seed)
            self.model = PaperModel(self.settings, self.conditions.encoded)
        self.conditions.hand_over(self.model)
        self.model.to(self.device)
        for block in self.model.modules():
            if isinstance(block, ResBlock):
                # A step at full size can take many seconds on a processor; this ends it at the next block.
                block.register_forward_pre_hook(lambda *_: run.cancel.check())
                block.register_full_backward_pre_hook(lambda *_: run.cancel.check())
        self.fitting = self._new_fitting()

    def posterior_mean(self) -> Events:
        """Train, then draw the one sample that is the volume; slabs are written as they are ready."""
        run = self.run
        steps, checkpoint = self.fitting.settings.steps, self.settings.checkpoint
        if checkpoint is not None and checkpoint.exists():
            self.fitting.load(checkpoint)
        assert steps is not None
        left = EVALUATIONS_PER_STEP * self.settings.batch * max(0, steps - self.fitting.step)
        clock = Clock("posterior mean", left + len(run.volume) * self.settings.evaluations)
        going_on = f", going on from step {self.fitting.step}" if self.fitting.step else ""
        yield StageStarted("posterior mean", f"Training the paper's diffusion on this sample{going_on}")
        yield from self._train(clock)
        if self.conditions.moves:
            yield from self.conditions.render()
        yield StageStarted("posterior mean", "Sampling slices")
        for slabs in self._groups():
            slices = yield from self._sample(slabs, 0, clock)
            agreed = run.agree(slices, slabs, run.region)
            yield from run.write(agreed, slabs, run.region, "posterior mean")

    def samples(self) -> Events:
        """Draw further samples; the spread of all, with the volume as the first, is the uncertainty."""
        run, count = self.run, self.run.config.samples
        yield StageStarted("samples", f"{count} further samples for the uncertainty")
        clock = Clock("samples", count * len(run.volume) * self.settings.evaluations)
        n = run.acquisition.step_length
        total, squares = np.zeros_like(run.volume), np.zeros_like(run.volume)
        for number in range(1, count + 1):
            # Deviations from the first sample rather than from zero, which would cost digits.
            sample = np.empty_like(run.volume)
            for slabs in self._groups():
                slices = yield from self._sample(slabs, number, clock)
                part = slice(slabs.start * n, slabs.stop * n)
                sample[part] = run.agree(slices, slabs, run.region)
            total += sample - run.volume
            squares += np.square(sample - run.volume)
            if run.config.keep_samples:
                run.samples.append(sample)
            spread = squares - np.square(total) / (number + 1)
            run.uncertainty = np.sqrt(np.maximum(spread, 0) / number)
            for z, plane in enumerate(run.uncertainty):
                yield SliceReady(z, run.region, plane, "uncertainty", "samples")

    def _new_fitting(self) -> Fitting[PaperBatch]:
        s, run = self.settings, self.run
        about = {
            "diffusion": s.model_dump(mode="json", exclude=_SAMPLING),
            "seed": run.config.seed,
            "projections": digest(run.projections),
            "guide": digest(run.guide) if self.conditions.has_guide else "none",
        }
        schedule = FitSettings(
            steps=s.steps_for(len(run.projections)),
            learning_rate=s.learning_rate,
            weight_decay=s.weight_decay,
            warmup_steps=1,
            ema_decay=s.average,
            gradient_limit=GRADIENT_LIMIT,
            final_rate=1.0,
            betas=(0.9, 0.999),
        )
        return Fitting(self.model, self._loss, schedule, run.config.seed, about)

    def _loss(self, model: PaperModel, batch: PaperBatch, _generator: "torch.Generator") -> "Tensor":
        # All randomness is in the batch, drawn from seed and step, so that any step can be made again.
        seen, clean = self.conditions.of_slabs(batch.chosen), self.conditions.clean(batch.chosen)
        on_device = PaperBatch(*(t.to(self.device) for t in vars(batch).values()))
        loss = denoising_loss(model, on_device, clean, seen)
        if self.settings.inr_training == "joint":
            loss = loss + (1 - self.fitting.fraction) * self.conditions.inr_loss(self.fitting.step)
        return loss

    def _train(self, clock: Clock) -> Events:
        checkpoint, saved = self.settings.checkpoint, time.monotonic()
        try:
            for step in self.fitting.run(self._batches()):
                yield LossPoint("posterior mean", step.step, step.loss)
                yield clock.advance(EVALUATIONS_PER_STEP * self.settings.batch)
                self.run.cancel.check()
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
        count, height, width = self.run.projections.shape
        while True:
            yield draw_batch(self.fitting.step, count, (height, width), self.settings, self.run.config.seed)

    def _groups(self) -> Iterator[slice]:
        """Slabs that are sampled together."""
        count, height, width = self.run.projections.shape
        slices = max(1, EVALUATED_AT_ONCE // (height * width * self.settings.width))
        group = max(1, slices // self.run.acquisition.step_length)
        for start in range(0, count, group):
            yield slice(start, min(start + group, count))

    def _sample(self, slabs: slice, number: int, clock: Clock) -> Generator[Event, None, np.ndarray]:
        """A sample of the slices of some slabs, in grey levels."""
        import torch

        from ...diffusion.ddpm import NoiseSchedule, ddim, ddpm

        run, s = self.run, self.settings
        seen = self.conditions.of_slices(slabs)
        noise = self._noise(slabs, number)
        schedule = NoiseSchedule(s.diffusion_steps)
        times = schedule.times(s.sampling_steps)
        start = noise()
        sampler = ddim(start, times, schedule) if s.sampler == "ddim" else ddpm(start, times, schedule, noise)
        request = next(sampler)
        while True:
            state, moment = request
            clean = torch.empty_like(state)
            height, width = state.shape[-2:]
            part = max(1, EVALUATED_AT_ONCE // (height * width * s.width))
            for first in range(0, len(state), part):
                run.cancel.check()
                piece = slice(first, first + part)
                with torch.no_grad():
                    clean[piece] = predict_clean(
                        self.model, state[piece], int(moment), seen.part(piece), self.conditions.limits
                    )
                guided = s.guidance > 0 and s.fusion != "none"
                yield clock.advance(len(state[piece]) * (2 if guided else 1))
            try:
                request = sampler.send(clean)
            except StopIteration as finished:
                images: np.ndarray = finished.value[:, 0].cpu().numpy()
                return run.scale.to_grey((images + 1) / 2)

    def _noise(self, slabs: slice, number: int) -> "Callable[[], Tensor]":
        """Draws noise for the slices of some slabs; each slab has its own stream, whatever is its group."""
        import torch

        n, (_, height, width) = self.run.acquisition.step_length, self.run.projections.shape
        seed = self.run.config.seed
        streams = [np.random.default_rng([seed, 4, number, i]) for i in range(slabs.start, slabs.stop)]

        def draw() -> "Tensor":
            drawn = [rng.standard_normal((n, 1, height, width), dtype=np.float32) for rng in streams]
            return torch.from_numpy(np.concatenate(drawn)).to(self.device)

        return draw
