"""The training that the dock "Adapt prior" has done beside the window."""

import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...io import whole_file
from ...reconstruction.events import CancelToken
from ..jobs.job import Step
from ..jobs.torch_libraries import load_torch_libraries

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


@dataclass(frozen=True, eq=False)
class AdaptPrior:
    """Goes on training a prior on reference volumes.

    Works in a folder of its own, so that a cancelled or failed adaptation leaves no file behind and an
    earlier one as it was.

    Attributes
    ----------
    references : sequence of array_like, shape (Z, H, W)
        May be lazy (dask, memory-mapped).
    minutes : float
    path : Path
        Where the prior goes.
    init : str
        The prior to start from: a shipped one's name, or a file.
    threads : int
        For torch.
    seed : int
    """

    references: Sequence[Any]
    minutes: float
    path: Path
    init: str = "general"
    threads: int = 1
    seed: int = 0

    def __call__(self, cancel: CancelToken) -> Iterator[Any]:
        """`Step`s and `Loss`es, then `Adapted`."""
        yield Step("Reading the reference volumes")
        volumes = []
        for reference in self.references:
            cancel.check()
            volumes.append(np.asarray(reference, dtype=np.float32))
        yield Step("Preparing the training")
        load_torch_libraries()
        from ...reconstruction.device import limit_threads
        from ...reconstruction.priors import load_prior
        from ...training.recipe import ADAPTING_RATE, PriorTraining, TrainingRecipe

        limit_threads(self.threads)
        cancel.check()
        with tempfile.TemporaryDirectory(prefix="microdiffusion-") as folder:
            output = Path(folder) / "adapted.safetensors"
            recipe = TrainingRecipe(minutes=self.minutes, seed=self.seed, learning_rate=ADAPTING_RATE)
            training = PriorTraining(recipe, output, load_prior(self.init), tuple(volumes))
            steps, explained = 0, None
            started = time.perf_counter()
            recent: list[float] = []
            for report in training.run():
                steps, explained = report.step.step, report.validation or explained
                recent = [*recent, report.step.loss][-_SMOOTHING:]
                yield Loss(steps, float(np.mean(recent)))
                fraction, spent = report.step.fraction, time.perf_counter() - started
                left = spent * (1 - fraction) / fraction if fraction > 0 else None
                yield Step("Adapting", min(fraction, 1.0), left)
                if cancel.cancelled or cancel.stopped:
                    break
            if cancel.cancelled:
                return
            yield Step("Saving the prior")
            training.save(explained)
            with whole_file(self.path) as partial:
                shutil.copyfile(output, partial)
        yield Adapted(self.path, steps, explained)
