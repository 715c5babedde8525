"""A run in blocks: what holds for the whole of it, and its result once blocks are finished."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...diffusion.slab import MAX_DIFFUSION_STEP_LENGTH
from ...errors import UserError
from ...optics import Acquisition
from ...settings.method import ReconstructionConfig
from ..data_consistency import Misfit, misfit_warning, noise_notice, noise_warning
from ..device import choose_device
from ..events import CancelToken, Events, Finished, Region
from ..facts import StackFacts
from ..methods import beyond_the_prior
from ..provenance import digest, package_version, provenance
from ..result import ReconstructionResult
from ..run_state import RunState
from ..survey import StackSurvey
from .finished_blocks import BlockVolume, FinishedBlocks
from .plan import Block, BlockPlan
from .surveying import survey

# Pixels along each side of the part of a stack that serves to say something of the whole.
_CORNER = 64


@dataclass(frozen=True, eq=False)
class BlockRun:
    """One stack, its settings, and the folder of its finished blocks.

    Attributes
    ----------
    projections : array_like, shape (N, H, W)
        Lazy: an image is read when it is indexed.
    acquisition : Acquisition
    config : ReconstructionConfig
    folder : Path
    plan : BlockPlan
    cancel : CancelToken
    """

    projections: Any
    acquisition: Acquisition
    config: ReconstructionConfig
    folder: Path
    plan: BlockPlan
    cancel: CancelToken

    def begin(self) -> FinishedBlocks:
        """The finished blocks: those that an interrupted run left, or none."""
        return FinishedBlocks(self.folder, self._table())

    def join(self) -> FinishedBlocks:
        """The finished blocks of the same run, begun by another process.

        Raises
        ------
        UserError
            If the folder holds another run.
        """
        if not FinishedBlocks.are_of(self.folder, self._table()):
            raise UserError(
                f"{self.folder} holds blocks of other settings, or for another device; name the device for "
                "all workers"
            )
        return self.begin()

    def _table(self) -> dict[str, Any]:
        """What makes a run the same."""
        config = self.config
        return {
            "input": digest(self.projections),
            "acquisition": self.acquisition.model_dump(mode="json"),
            "settings": config.model_dump(mode="json"),
            "version": package_version("napari-microdiffusion"),
            "block": [self.plan.rows, self.plan.columns],
            "device": choose_device(config.device).type if config.diffusion != "off" else "cpu",
        }

    def survey(self) -> StackSurvey:
        """The facts of the whole stack."""
        return survey(self.projections, self.acquisition, self.config, self.cancel)

    def corner(self, found: StackSurvey) -> StackFacts:
        """The facts of a small part, which tell what is said of a stack as a whole."""
        height, width = self.projections.shape[1:]
        part = Region(0, min(height, _CORNER), 0, min(width, _CORNER))
        return self.facts_of(found, Block(part, part))

    def facts_of(self, found: StackSurvey, block: Block) -> StackFacts:
        """The facts of a block, whose projections are read here."""
        rows, columns = block.read.index
        count = len(self.projections)
        given = np.empty((count, block.read.height, block.read.width), np.float32)
        for index in range(count):
            self.cancel.check()
            given[index] = self.projections[index][rows, columns]
        return StackFacts(
            given,
            self.acquisition,
            self.config,
            self.cancel.check,
            survey=found,
            inner=block.inner,
            corner=(block.read.top, block.read.left),
        )

    def result(
        self,
        finished: FinishedBlocks,
        found: StackSurvey,
        facts: StackFacts,
        run_state: RunState,
        stopped: bool,
    ) -> Events:
        """What is said of the finished blocks, of which there are some, and `Finished`."""
        config, folder, blocks = self.config, self.folder, list(self.plan.blocks())
        records = [record for block in blocks if (record := finished.record(block)) is not None]
        if stopped:
            yield run_state.notice(
                f"{len(records)} of {len(blocks)} blocks were finished; elsewhere the volume has no values "
                "(NaN)."
            )
        slabs, *plane = self.projections.shape
        whole = (slabs * self.acquisition.step_length, plane[0], plane[1])
        left_over = _together(records)
        if not stopped and (warning := misfit_warning(left_over, facts)) is not None:
            yield run_state.notice(warning)
        run_state.reached = ["guide" if config.diffusion == "off" else "posterior mean"] * slabs
        run_state.prior_weight = 1.0 if found.prior_weight is None else found.prior_weight
        run_state.self_test_error, run_state.pedestal = found.self_test_error, found.pedestal or 0.0
        run_state.device, run_state.samples_in = records[-1]["device"], records[-1].get("samples_in")
        run_state.out_of_distribution = records[0]["out_of_distribution"]
        has_samples = bool(config.samples) and config.diffusion != "off"
        volume = BlockVolume(folder, "volume", whole, self.plan)
        uncertainty = BlockVolume(folder, "uncertainty", whole, self.plan) if has_samples else None
        told = provenance(facts, run_state, left_over, stopped)
        told["input"] = {"shape": list(self.projections.shape), "sha256": finished.run["input"]}
        size = {"rows": self.plan.rows, "columns": self.plan.columns}
        told["blocks"] = {"count": len(blocks), "finished": len(records), **size}
        yield Finished(
            ReconstructionResult(
                volume=volume,  # type: ignore[arg-type]
                guide=volume,  # type: ignore[arg-type]
                uncertainty=uncertainty,  # type: ignore[arg-type]
                stopped=stopped,
                reached=run_state.reached,
                seconds=run_state.seconds,
                reprojection_max=max(record["off"] for record in records) / facts.scale.span,
                misfit=left_over.rms if left_over else None,
                misfit_correlation=left_over.correlation if left_over else None,
                noise=facts.noise_record,
                device=run_state.device,
                notices=run_state.notices,
                provenance=told,
            )
        )


def notices(facts: StackFacts, found: StackSurvey) -> Iterator[str]:
    """What is said of the whole stack, once."""
    config = facts.config
    for warning in (facts.missing_notice, found.light_notice, noise_warning(facts), noise_notice(facts)):
        if warning:
            yield warning
    if config.diffusion == "slab" and facts.step_length > MAX_DIFFUSION_STEP_LENGTH:
        yield beyond_the_prior(facts.step_length)


def _together(records: list[dict[str, Any]]) -> Misfit | None:
    """The misfit of all blocks."""
    known = [record["misfit"] for record in records if record["misfit"] is not None]
    if not known:
        return None
    rms, correlation, pixels = (np.array(column, np.float64) for column in zip(*known, strict=True))
    squares = pixels * rms**2
    shared = float((correlation * squares).sum() / squares.sum()) if squares.sum() else 0.0
    return Misfit(float(np.sqrt(squares.sum() / pixels.sum())), shared, int(pixels.sum()))
