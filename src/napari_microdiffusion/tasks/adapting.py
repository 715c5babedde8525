"""Goes on training a prior on reference volumes."""

import shutil
import tempfile
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from ..errors import UserError
from ..io import check_output, whole_file
from ..reconstruction.events import CancelToken
from .imports import load_torch_libraries
from .progress import Step, seconds_left

if TYPE_CHECKING:
    from ..diffusion.prior import Prior

# Losses of single batches scatter widely; their mean over this many steps tells whether they fall.
_SMOOTHING = 10
# With 60 to 90 steps adapting was worth 0.05 to 0.35 dB on volumes that it had not seen.
FEWEST_STEPS = 50
# Steps after which the machine's speed is known.
_TIMED = 3


@dataclass(frozen=True)
class Loss:
    """Mean loss over the last steps."""

    step: int
    loss: float


@dataclass(frozen=True)
class Solved:
    """Code and last layers of the network are solved for in closed form.

    Attributes
    ----------
    gain : float
        In dB, on halves of the references that took no part; 0 where the prior stays as it is.
    seconds : float
    """

    gain: float
    seconds: float

    def __str__(self) -> str:
        if self.gain == 0:
            return (
                "A first, quick adaptation gained nothing on halves of the references that it had not seen; "
                "the training goes on."
            )
        return (
            f"A first, quick adaptation gained {self.gain:.2f} dB on halves of the references that it had "
            f"not seen, in {self.seconds:.0f} s; the training goes on from there."
        )


@dataclass(frozen=True)
class TooShort:
    """The time will hardly do for steps enough to matter; `minutes` would."""

    steps: int
    minutes: float

    def __str__(self) -> str:
        return (
            f"At this machine's speed the time is enough for about {self.steps} steps. Fewer than "
            f"{FEWEST_STEPS} hardly change a prior: allow about {self.minutes:.0f} minutes."
        )


@dataclass(frozen=True)
class Adapted:
    """The adapted prior's file, the steps it took, and the depth it recovers.

    Attributes
    ----------
    before, after : float
        Share of what the starting estimate misses that the prior recovers, 0 to 1, before and afterwards.
    is_held_out : bool
        Whether that is measured on a part of the references that took no part in the training.
    is_solved : bool
        Whether it is what was solved for in closed form, which the training did not better.
    """

    path: Path
    steps: int
    before: float
    after: float
    is_held_out: bool
    is_solved: bool = False

    @property
    def is_better(self) -> bool:
        """Whether it recovers more than before."""
        return self.after > self.before

    def __str__(self) -> str:
        where = "a part of the references that it has not seen" if self.is_held_out else "the references"
        how = (
            f"as the first, quick adaptation left it, which {self.steps} further steps did not better"
            if self.is_solved
            else f"after {self.steps} steps"
        )
        text = (
            f"Saved as {self.path} {how}. On {where} it recovers "
            f"{100 * self.after:.1f} % of what the starting estimate misses; before it was "
            f"{100 * self.before:.1f} %. "
        )
        if not self.is_better:
            return (
                f"{text}That is no gain, so the prior in use stays; more time or other references may help."
            )
        return f"{text}It is chosen in the dock Reconstruct volume."


class AdaptSettings(BaseModel):
    """How a prior is adapted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prior: str = Field(
        "general",
        title="Starts from",
        description="The prior that learns further; its file stays as it is.",
    )
    minutes: float = Field(
        10,
        title="Time",
        description="Length of the training in minutes. It can be stopped earlier.",
        ge=0.1,
        le=600,
        json_schema_extra={"unit": "min"},
    )
    seed: int = Field(0, title="Seed", description="The same seed gives the same training.", ge=0, lt=2**63)


@dataclass(frozen=True, eq=False)
class AdaptPrior:
    """Goes on training a prior on reference volumes.

    Works in a folder of its own, so that a cancelled or failed adaptation leaves no file behind and an
    earlier one as it was.

    Attributes
    ----------
    references : sequence of array_like, shape (Z, H, W)
        May be lazy (dask, memory-mapped).
    settings : AdaptSettings
    path : Path
        Where the prior goes.
    threads : int
        For torch.
    """

    references: Sequence[Any]
    settings: AdaptSettings
    path: Path
    threads: int = 1

    def __call__(self, cancel: CancelToken) -> Iterator[Any]:
        """`Step`s, `Solved` where the references allow it, `Loss`es, perhaps `TooShort`, then `Adapted`.

        Raises
        ------
        UserError
            If the path cannot be written to, before anything is learned.
        """
        check_output(self.path, (".safetensors",))
        yield Step("Reading the reference volumes")
        volumes = []
        for reference in self.references:
            cancel.check()
            volumes.append(np.asarray(reference, dtype=np.float32))
        yield Step("Preparing the training")
        load_torch_libraries()
        from ..reconstruction.device import limit_threads
        from ..reconstruction.priors import load_prior
        from ..training.recipe import ADAPTING_RATE, PriorTraining, TrainingRecipe

        limit_threads(self.threads)
        cancel.check()
        with tempfile.TemporaryDirectory(prefix="microdiffusion-") as folder:
            output = Path(folder) / "adapted.safetensors"
            recipe = TrainingRecipe(
                minutes=self.settings.minutes, seed=self.settings.seed, learning_rate=ADAPTING_RATE
            )
            prior = load_prior(self.settings.prior)
            start = yield from _solved(prior, volumes, cancel)
            training = PriorTraining(recipe, output, start, tuple(volumes))
            started = time.perf_counter()
            for share in training.prepare():
                cancel.check()
                yield Step("Setting a part of the references aside", share)
            before, solved = training.explained(prior.denoiser), training.validate()
            steps, first = 0, training.fitting.fraction
            recent: list[float] = []
            for report in training.run():
                steps = report.step.step
                recent = [*recent, report.step.loss][-_SMOOTHING:]
                yield Loss(steps, float(np.mean(recent)))
                fraction = min(report.step.fraction, 1.0)
                yield Step("Adapting", fraction, seconds_left(fraction, started))
                if steps == _TIMED:
                    yield from self._too_short(steps / max(fraction - first, 1e-9))
                if cancel.cancelled or cancel.stopped:
                    break
            if cancel.cancelled:
                return
            yield Step("Judging and saving what was learned")
            after = training.validate()
            is_solved = start is not prior and solved > after
            if is_solved:
                start.save(output)
                after = solved
            else:
                training.save(after)
            self._put(output)
        yield Adapted(self.path, steps, before, after, training.is_held_out, is_solved)

    def _put(self, output: Path) -> None:
        """Copy what was learned to where it belongs; where that can no longer be, keep it elsewhere."""
        try:
            with whole_file(self.path) as partial:
                shutil.copyfile(output, partial)
        except UserError as error:
            kept = Path(tempfile.mkdtemp(prefix="microdiffusion-")) / self.path.name
            shutil.move(output, kept)
            raise UserError(f"{error} The adapted prior is kept as {kept}.") from error

    def _too_short(self, expected: float) -> Iterator[TooShort]:
        if expected < FEWEST_STEPS:
            yield TooShort(round(expected), self.settings.minutes * FEWEST_STEPS / expected)


def _solved(
    prior: "Prior", volumes: Sequence[np.ndarray], cancel: CancelToken
) -> Generator[Step | Solved, None, "Prior"]:
    """The prior with code and last layers solved for on what the training may learn from."""
    from ..training.adaptation.closed_form import ClosedForm, adapt_in_closed_form, can_adapt
    from ..training.held_out import held_out

    to_learn = held_out(volumes)[0]
    if not can_adapt(to_learn):
        return prior
    for event in adapt_in_closed_form(prior, to_learn):
        cancel.check()
        if isinstance(event, ClosedForm):
            yield Solved(event.gain, event.seconds)
            return event.prior
        yield Step("A first, quick adaptation", event)
    raise AssertionError("it ends with what it found")
