"""The recipe of the shipped prior: from an empty network, or from another prior, to weights with a card."""

import time
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field

from ..diffusion.fitting import FitSettings, Fitting, TrainingStep
from ..diffusion.loss import DenoisingLoss, SlabBatch
from ..diffusion.out_of_distribution import TrainingDistribution
from ..diffusion.preconditioning import Denoiser
from ..diffusion.prior import Prior, new_denoiser
from ..diffusion.slab import MAX_DIFFUSION_STEP_LENGTH
from ..errors import RunFailed, UserError
from ..optics import IntensityScale
from .ahead import batches_ahead
from .batches import batches, learn_units
from .curve import TrainingCurve
from .distribution import learn_distribution
from .held_out import held_out
from .settings import BatchSettings
from .validation import blind_error, validation_batches

# Slices and pixels of the smallest reference volume: a few slabs, and a patch that the network can see.
MIN_REFERENCE = (8, 16)
# Adapting starts from good weights; a high rate would only shake them.
ADAPTING_RATE = 4e-4
# Recordings of references before the first step of an adaptation, so that it learns from the first seconds,
# and batches that judge it: what it takes to make more would be missed from a few minutes of learning.
_FIRST_RECORDINGS, _JUDGED_BATCHES = 4, 3
# Of its minutes, what preparing may take at most.
_MOST_TO_PREPARE = 0.9
# How much of an adapted prior stays as it was. Averaged with the weights before, it keeps most of what helps
# on the references' tissue, and no longer loses on one that it had already known (Wortsman et al. 2022).
KEPT_IN_ADAPTING = 0.5


class TrainingRecipe(BaseModel):
    """Everything that decides what the weights become."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    minutes: float | None = Field(None, gt=0, description="Length of the schedule in minutes of training.")
    steps: int | None = Field(None, gt=0, description="Length of the schedule in steps; replaces `minutes`.")
    seed: int = Field(0, ge=0, description="Seed of specimens, weights and noise.")
    width: int = Field(64, ge=8, description="Channels of the network at half resolution.")
    deep_width: int = Field(128, ge=8, description="Channels at quarter resolution.")
    blocks: int = Field(3, ge=1, description="Residual blocks at half resolution, each way.")
    deep_blocks: int = Field(8, ge=1, description="Residual blocks at quarter resolution.")
    stacks: int = Field(4, ge=1, description="Stacks in a batch.")
    slabs: int = Field(6, ge=2, description="Slabs of a training stack.")
    patch: int = Field(48, ge=16, description="Side of a training patch in pixels.")
    pool: int = Field(48, ge=1, description="Imaged volumes kept to draw from.")
    recordings: int = Field(32, ge=1, description="Recordings kept to cut patches from.")
    unit_stacks: int = Field(
        192, ge=1, description="Stacks looked at to learn units from, where no prior is started from."
    )
    validation_batches: int = Field(8, ge=1, description="Batches that judge the training.")
    learning_rate: float = Field(1e-3, gt=0, description="Peak learning rate.")
    gradient_limit: float = Field(2.0, gt=0, description="Gradients longer than this are shortened to it.")
    bfloat16: bool = Field(
        False, description="Convolve in bfloat16: faster on processors made for it, far slower on all others."
    )
    mean_share: float = Field(0.7, ge=0, le=1, description="Share of a batch that trains the posterior mean.")
    share_before: float | None = Field(
        None,
        ge=0,
        lt=1,
        description="Share of the weights to start from that stays in the result. Where none is given, half "
        "with references and nothing without.",
    )
    step_length: int | None = Field(
        None,
        ge=2,
        le=MAX_DIFFUSION_STEP_LENGTH,
        description="The only step length to learn, in slices; all of 2 to 16 where none is given.",
    )
    scanned_share: float = Field(
        0.2,
        ge=0,
        le=1,
        description="Share of the specimens that are pieces of scanned volumes, if there are any.",
    )
    distribution_stacks: int = Field(
        500, ge=0, description="Stacks looked at to know what training projections look like; 0 skips it."
    )


@dataclass(frozen=True)
class TrainingReport:
    """A step, and a validation where one was made."""

    step: TrainingStep
    validation: float | None = None
    """Share of the residual's energy that the posterior mean explains on held-out stacks, 1 is all."""


class PriorTraining:
    """Trains a prior; iterate over `run()`.

    Parameters
    ----------
    recipe : TrainingRecipe
    output : Path
        The prior's safetensors file. The state to resume from and the curve are kept beside it, as
        OUTPUT.state.safetensors and OUTPUT.curve.csv.
    init : Prior, optional
        Weights to start from; its network sizes replace the recipe's.
    references : sequence of ndarray
        Point-scanned volumes to learn from instead of procedural specimens.
    device : str
        Where the network is trained, as PyTorch names it; batches are made by the CPU.

    Raises
    ------
    UserError
        If a reference is too small or constant, or the state beside the output belongs to another network.
    """

    def __init__(
        self,
        recipe: TrainingRecipe,
        output: Path,
        init: Prior | None = None,
        references: tuple[np.ndarray, ...] = (),
        device: str = "cpu",
        scanned: tuple[np.ndarray, ...] = (),
    ) -> None:
        is_adapting = init is not None and bool(references)
        judged: tuple[np.ndarray, ...] = ()
        if references:
            _check_references(references)
        if is_adapting:
            references, judged = held_out(references)
        self.is_held_out = bool(judged)
        torch.manual_seed(recipe.seed)
        self.recipe = recipe
        self.output = output
        self.state_path = output.with_suffix(".state.safetensors")
        self.curve = TrainingCurve(output.with_suffix(".curve.csv"))
        self.settings = BatchSettings(
            stacks=recipe.stacks,
            slabs=recipe.slabs,
            patch=_patch_for(references, recipe.patch),
            pool=recipe.pool,
            recordings=recipe.recordings,
            references=references,
            scanned=scanned,
            scanned_share=recipe.scanned_share,
            step_length=recipe.step_length,
            first_recordings=_FIRST_RECORDINGS if is_adapting else None,
        )
        judges = judged or references
        self._judging = replace(
            self.settings, references=judges, scanned=(), patch=_patch_for(judges, recipe.patch)
        )
        judging = recipe.validation_batches
        self._judging_batches = min(judging, _JUDGED_BATCHES) if is_adapting else judging
        self.validation: list[SlabBatch] = []
        if init is None:
            sizes = recipe.model_dump(include={"width", "deep_width", "blocks", "deep_blocks"})
            units = learn_units(self.settings, recipe.seed, recipe.unit_stacks)
            self.denoiser = new_denoiser(sizes, *units)
            self.distribution: TrainingDistribution | None = None
        else:
            self.denoiser, self.distribution = deepcopy(init.denoiser), init.distribution
        self.device = torch.device(device)
        self.denoiser.to(self.device)
        share = recipe.share_before
        self._share_before = (KEPT_IN_ADAPTING if is_adapting else 0.0) if share is None else share
        self._before = {name: value.clone() for name, value in self.denoiser.state_dict().items()}
        # What samples are worth outlives a short adaptation, not a training of other weights.
        self.calibration = init.calibration if init and is_adapting else None
        self.card: dict[str, Any] = {
            "data": "reference volumes" if references else "procedural specimens",
            "recipe": recipe.model_dump(),
            "init": init.card if init else None,
            "torch": torch.__version__,
        }
        loss = DenoisingLoss(recipe.mean_share)

        def total_loss(model: Denoiser, batch: SlabBatch, generator: torch.Generator) -> torch.Tensor:
            with torch.autocast(self.device.type, torch.bfloat16, recipe.bfloat16):
                return loss(model, batch.to(self.device), generator)[0]

        self.fitting: Fitting[SlabBatch] = Fitting(
            self.denoiser,
            total_loss,
            FitSettings(
                recipe.steps,
                None if recipe.steps else recipe.minutes,
                recipe.learning_rate,
                gradient_limit=recipe.gradient_limit,
                warmup_steps=30 if references else 200,
            ),
            recipe.seed,
        )
        if self.state_path.exists():
            self.fitting.load(self.state_path)

    def prepare(self) -> Iterator[float]:
        """Make the stacks that judge the prior, yielding the share that is done, 0 to 1.

        What this takes counts as minutes of the training. `run` does it where it has not been done.
        """
        before = time.monotonic()
        for made in validation_batches(self._judging, self._judging_batches):
            if made is not None:
                self.validation.append(made)
            self._count(time.monotonic() - before)
            yield min(1.0, len(self.validation) / self._judging_batches)
            before = time.monotonic()

    def _count(self, seconds: float) -> None:
        """Count what preparing took, but leave time for a step, however little there is in all."""
        most = inf if self.recipe.minutes is None else 60 * _MOST_TO_PREPARE * self.recipe.minutes
        self.fitting.elapsed = max(self.fitting.elapsed, min(self.fitting.elapsed + seconds, most))

    def run(self, save_every_s: float = 300.0, ahead: int = 0) -> Iterator[TrainingReport]:
        """Train to the end of the schedule, saving weights, state and curve as it goes.

        Parameters
        ----------
        save_every_s : float
            Seconds between savings.
        ahead : int
            Processes that make batches ahead of the training; those of one process are the same as of none.
        """
        if not self.validation:
            list(self.prepare())
        if self.distribution is None and self.recipe.distribution_stacks:
            self.distribution = learn_distribution(
                self.settings, self.recipe.seed, self.recipe.distribution_stacks
            )
        saved = time.monotonic()
        # A resumed run goes on with specimens of its own, rather than through those already seen.
        seed = self.recipe.seed + 7919 * self.fitting.step
        stream = batches_ahead(self.settings, seed, ahead) if ahead else batches(self.settings, seed)
        for step in self._steps(stream):
            due = time.monotonic() - saved > save_every_s or step.fraction >= 1
            validation = self.validate() if due else None
            self.curve.add(step, validation)
            if due:
                self.save(validation)
                saved = time.monotonic()
            yield TrainingReport(step, validation)

    def _steps(self, stream: Iterator[SlabBatch]) -> Iterator[TrainingStep]:
        try:
            yield from self.fitting.run(stream)
        except RunFailed:
            # Given up, at the last good state.
            self.save()
            raise

    def averaged(self) -> Prior:
        """The prior with averaged weights, on a denoiser of its own, and with the share of those before."""
        twin = new_denoiser(self.denoiser.network.description())
        before, share = self._before, self._share_before
        twin.load_state_dict({k: v.lerp(before[k], share).cpu() for k, v in self.fitting.average.items()})
        return Prior(twin.eval(), self.card, self.distribution, self.calibration)

    def validate(self) -> float:
        """Explained share of the residual on the stacks that judge it, weighted as in training.

        When a prior is adapted these are of a part of each reference that takes no part in the training,
        where that is wide enough: see `is_held_out`.
        """
        return self.explained(self.averaged().denoiser)

    def explained(self, denoiser: Denoiser) -> float:
        """The same of any denoiser."""
        if not self.validation:
            list(self.prepare())
        wrong, all_ = 0.0, 0.0
        for batch in self.validation:
            error, energy = blind_error(denoiser.to(self.device), batch.to(self.device))
            wrong, all_ = wrong + error, all_ + energy
        return 1 - wrong / all_

    def save(self, validation: float | None = None) -> None:
        """Write the averaged weights with their card, and the state to resume from."""
        self.card |= {
            "steps": self.fitting.step,
            "minutes": round(self.fitting.elapsed / 60, 1),
            "curve": self.curve.gist(),
        }
        if validation is not None:
            self.card["validation_explained"] = round(validation, 4)
        self.averaged().save(self.output)
        self.fitting.save(self.state_path)


def _check_references(references: Sequence[np.ndarray]) -> None:
    for number, volume in enumerate(references, 1):
        depth, height, width = volume.shape
        if depth < MIN_REFERENCE[0] or min(height, width) < MIN_REFERENCE[1]:
            raise UserError(
                f"reference {number} has {depth} slices of {height} x {width}; at least {MIN_REFERENCE[0]} "
                f"slices of {MIN_REFERENCE[1]} x {MIN_REFERENCE[1]} are needed"
            )
        IntensityScale.of(volume)


def _patch_for(references: Sequence[np.ndarray], patch: int) -> int:
    """Side of a patch; they are cut after a transpose, so the shortest side of all bounds both of theirs."""
    return min(patch, *(min(volume.shape[1:]) for volume in references)) if references else patch
