"""Goes on training a prior on reference volumes."""

import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from ..io import whole_file
from ..reconstruction.events import CancelToken
from .progress import Step, seconds_left
from .torch_libraries import load_torch_libraries

# Losses of single batches scatter widely; their mean over this many steps tells whether they fall.
_SMOOTHING = 10


@dataclass(frozen=True)
class Loss:
    """Mean loss over the last steps."""

    step: int
    loss: float


@dataclass(frozen=True)
class Adapted:
    """The adapted prior's file, the steps it took, and the share of the residual it explains (0 to 1)."""

    path: Path
    steps: int
    explained: float | None


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
        """`Step`s and `Loss`es, then `Adapted`."""
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
            training = PriorTraining(recipe, output, load_prior(self.settings.prior), tuple(volumes))
            steps, explained = 0, None
            started = time.perf_counter()
            recent: list[float] = []
            for report in training.run():
                steps, explained = report.step.step, report.validation or explained
                recent = [*recent, report.step.loss][-_SMOOTHING:]
                yield Loss(steps, float(np.mean(recent)))
                fraction = min(report.step.fraction, 1.0)
                yield Step("Adapting", fraction, seconds_left(fraction, started))
                if cancel.cancelled or cancel.stopped:
                    break
            if cancel.cancelled:
                return
            yield Step("Saving the prior")
            training.save(explained)
            with whole_file(self.path) as partial:
                shutil.copyfile(output, partial)
        yield Adapted(self.path, steps, explained)
