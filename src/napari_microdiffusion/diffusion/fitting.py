"""Fitting a network: a loop over batches, whatever they are, that can be watched, stopped and resumed."""

import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from math import cos, pi
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import UserError
from ..io.checkpoints import load_checkpoint, save_checkpoint
from .divergence import DivergenceWatch

Batch = TypeVar("Batch")
KIND = "training-state"


@dataclass(frozen=True)
class FitSettings:
    """How weights move. The schedule runs over `steps`, or over `minutes` where `steps` is None."""

    steps: int | None = None
    minutes: float | None = None
    learning_rate: float = 8e-4
    weight_decay: float = 1e-4
    warmup_steps: int = 200
    ema_decay: float = 0.998
    gradient_limit: float = 1.0
    final_rate: float = 0.02
    """Where the cosine ends, relative to `learning_rate`; 1 keeps the rate constant."""
    betas: tuple[float, float] = (0.9, 0.99)


@dataclass(frozen=True)
class TrainingStep:
    """What one step reported; `notice` is a sentence where the training went back to an earlier state."""

    step: int
    fraction: float
    loss: float
    gradient: float
    learning_rate: float
    notice: str = ""


class Fitting(Generic[Batch]):
    """AdamW with warm-up, cosine rate and an exponential moving average of the weights.

    A batch without a finite gradient is left out. Where there is none for several steps, or the loss has
    grown far beyond what it was, the training goes back to its last good state and on at half the rate.

    Parameters
    ----------
    model : nn.Module
    loss : callable
        (model, batch, generator) to a scalar.
    settings : FitSettings
    seed : int
        Seed of the noise that the loss draws.
    about : dict, optional
        What the training belongs to, e.g. settings and data; JSON. It is saved with the state, and a state
        that belongs to something else is refused.
    """

    def __init__(
        self,
        model: nn.Module,
        loss: Callable[[Any, Batch, torch.Generator], Tensor],
        settings: FitSettings,
        seed: int = 0,
        about: dict[str, Any] | None = None,
    ) -> None:
        if (settings.steps is None) == (settings.minutes is None):
            raise ValueError("give either steps or minutes")
        self.model = model
        self.loss = loss
        self.settings = settings
        self.about = about or {}
        self.generator = torch.Generator().manual_seed(seed)
        self.average = {name: value.detach().clone() for name, value in model.state_dict().items()}
        self.optimiser = torch.optim.AdamW(
            model.parameters(),
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
            betas=settings.betas,
        )
        self.step = 0
        self.elapsed = 0.0
        self._watch = DivergenceWatch(self._learned)

    @property
    def fraction(self) -> float:
        """How much of the schedule is done, 0 to 1."""
        if self.settings.steps is not None:
            return self.step / self.settings.steps
        assert self.settings.minutes is not None
        return self.elapsed / (60 * self.settings.minutes)

    def run(self, batches: Iterator[Batch]) -> Iterator[TrainingStep]:
        """Train until the schedule ends, yielding after every step; the caller may stop at any of them.

        Raises
        ------
        RunFailed
            If it diverges again and again.
        """
        self.model.train()
        self._watch = DivergenceWatch(self._learned)
        while self.fraction < 1:
            started = time.monotonic()
            step = self._advance(next(batches))
            self.elapsed += time.monotonic() - started
            # Reported after the clock has moved, so that the last step of any schedule has the fraction 1.
            yield replace(step, fraction=self.fraction)

    def _advance(self, batch: Batch) -> TrainingStep:
        s = self.settings
        rate = (
            s.learning_rate
            * min(1, (self.step + 1) / s.warmup_steps)
            * (s.final_rate + (1 - s.final_rate) * (1 + cos(pi * self.fraction)) / 2)
            * self._watch.rate
        )
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.zero_grad(set_to_none=True)
        loss = self.loss(self.model, batch, self.generator)
        loss.backward()
        gradient = float(nn.utils.clip_grad_norm_(self.model.parameters(), s.gradient_limit))
        self.step += 1
        if np.isfinite(gradient):
            self.optimiser.step()
            # A short memory at first, so that the average is not mostly the random start.
            decay = min(s.ema_decay, (1 + self.step) / (10 + self.step))
            with torch.no_grad():
                for name, value in self.model.state_dict().items():
                    self.average[name].lerp_(value, 1 - decay)
        value_of_loss, notice = float(loss.detach()), ""
        if self._watch.is_diverged(value_of_loss, gradient):
            self._learn_again(self._watch.good)
            self._watch.restarted()
            notice = (
                f"The training diverged at step {self.step}: it goes on from its last good state with "
                f"{self._watch.rate:g} of the learning rate."
            )
        return TrainingStep(self.step, self.fraction, value_of_loss, gradient, rate, notice)

    def _learned(self) -> dict[str, Any]:
        """A copy of what training changes; steps, time and noise go on."""
        parts = {"model": self.model.state_dict(), "average": self.average}
        return deepcopy({**parts, "optimiser": self.optimiser.state_dict()})

    def _learn_again(self, good: dict[str, Any]) -> None:
        self.model.load_state_dict(good["model"])
        self.average = good["average"]
        self.optimiser.load_state_dict(good["optimiser"])

    def save(self, path: str | Path) -> None:
        """Write everything that continuing needs: weights, average, optimiser, generator."""
        if self._watch.is_doubtful:
            # Weights that gave no finite gradient may be none themselves: a good file is not lost to them.
            self._learn_again(deepcopy(self._watch.good))
        tensors = {f"model.{k}": v.numpy() for k, v in _plain(self.model.state_dict()).items()}
        tensors |= {f"average.{k}": v.numpy() for k, v in _plain(self.average).items()}
        for index, state in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{index}.{k}": v.numpy() for k, v in _plain(state).items()}
        tensors["generator"] = self.generator.get_state().numpy()
        header = {"step": self.step, "elapsed": self.elapsed, "about": self.about}
        save_checkpoint(path, KIND, tensors, header)

    def load(self, path: str | Path) -> None:
        """Continue from a saved state.

        Raises
        ------
        UserError
            If the file is no training state or belongs to another model.
        """
        checkpoint = load_checkpoint(path, KIND)
        groups: dict[str, dict[str, Tensor]] = {"model": {}, "average": {}, "optimiser": {}, "generator": {}}
        for name, value in checkpoint.tensors.items():
            group, _, rest = name.partition(".")
            groups.setdefault(group, {})[rest] = torch.from_numpy(np.array(value))
        own = {k: v.shape for k, v in self.model.state_dict().items()}
        if {k: v.shape for k, v in groups["model"].items()} != own:
            raise UserError(
                f"{path}: the training state belongs to another network; start anew or use its own settings"
            )
        about = checkpoint.header.get("about", {})
        if about != self.about:
            other = [key for key in (*self.about, *about) if self.about.get(key) != about.get(key)]
            raise UserError(
                f"{path}: the training state was made with another {', '.join(dict.fromkeys(other))}; "
                "name another file, or remove it to start anew"
            )
        self.model.load_state_dict(groups["model"])
        self.average = {k: v.to(self.average[k].device) for k, v in groups["average"].items()}
        state = self.optimiser.state_dict()
        slots: dict[int, dict[str, Tensor]] = {}
        for name, moment in groups["optimiser"].items():
            index, _, key = name.partition(".")
            slots.setdefault(int(index), {})[key] = moment
        self.optimiser.load_state_dict({**state, "state": slots})
        self.generator.set_state(groups["generator"][""])
        self.step, self.elapsed = int(checkpoint.header["step"]), float(checkpoint.header["elapsed"])


def _plain(state: dict[str, Any]) -> dict[str, Tensor]:
    return {k: v.detach().cpu().contiguous() for k, v in state.items() if isinstance(v, Tensor)}
