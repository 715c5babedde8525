"""Reconstructs, and judges what came of it."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import Cancelled
from ..optics import Acquisition
from ..reconstruction.blocks.plan import needs_blocks
from ..reconstruction.events import CancelToken, Finished, Notice
from ..settings.method import ReconstructionConfig
from .contrast import Brightness
from .imports import load_torch_libraries
from .large_stacks.focus import Focus
from .large_stacks.reconstructing import GrowingVolumes, reconstructing_in_blocks
from .progress import Step

TOO_LARGE_TO_COMPARE = (
    "The volume is too large to be compared with the ground truth here; reconstruct a part of it for that."
)

if TYPE_CHECKING:
    from ..inr.fitted import FittedInr
    from ..reconstruction.result import ReconstructionResult
    from ..registration.reference_stack import ReferenceStack


@dataclass(frozen=True, eq=False)
class Judged:
    """A result with what can be said of it: the median relative uncertainty, the closeness to the truth."""

    result: "ReconstructionResult"
    median_uncertainty: float | None
    metrics: dict[str, Any] | None


@dataclass(frozen=True, eq=False)
class EmptyVolume:
    """Room for the volume, shape (N*n, H, W), float32, zero.

    Written to here, since a system hands out memory page by page at the first writing: the window would spend
    longer on that than on copying the slices.
    """

    values: np.ndarray


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """Reconstructs, and measures the result against the truth where there is one.

    Attributes
    ----------
    projections : array_like, shape (N, H, W)
        May be lazy (dask, memory-mapped); read in the thread.
    acquisition : Acquisition
    config : ReconstructionConfig
    truth : array_like or None
    inr : FittedInr or None
        One fitted before.
    second_view : array_like or None
        The projections with the mirrored beam, where they lie in an array of their own.
    reference : ReferenceStack or None
    focus : Focus or None
        Where in a large stack to begin; its middle where None.
    """

    projections: Any
    acquisition: Acquisition
    config: ReconstructionConfig
    truth: Any = None
    inr: "FittedInr | None" = None
    second_view: Any = None
    reference: "ReferenceStack | None" = None
    focus: Focus | None = None

    def __call__(self, cancel: CancelToken) -> Iterator[Any]:
        """`EmptyVolume`, the engine's events, then `Judged`; of a large stack `GrowingVolumes` first."""
        if needs_blocks(self.projections.shape, self.acquisition, self.config):
            yield from self._in_blocks(cancel)
            return
        if self.config.needs_torch:
            load_torch_libraries()
        from ..evaluation.uncertainty import median_relative
        from ..reconstruction.engine import reconstruct

        # A copy: what is painted into the layer during the run must not change what it is made from.
        projections = np.array(self.projections)
        if self.second_view is not None:
            projections = np.concatenate([projections, np.asarray(self.second_view)])
        slices = len(projections) // self.acquisition.views * self.acquisition.step_length
        yield EmptyVolume(np.full((slices, *projections.shape[1:]), 0, np.float32))
        seen = Brightness()
        events = reconstruct(
            projections,
            self.acquisition,
            self.config,
            inr=self.inr,
            reference=self.reference,
            cancel=cancel,
        )
        for event in events:
            yield from seen.told_before(event)
            yield event
            if isinstance(event, Finished):
                result = event.result
                median = None
                if result.uncertainty is not None:
                    median = median_relative(result.volume, result.uncertainty)
                metrics = yield from self._compare(result, cancel)
                yield Judged(result, median, metrics)

    def _in_blocks(self, cancel: CancelToken) -> Iterator[Any]:
        from ..evaluation.uncertainty import median_relative

        volumes: GrowingVolumes | None = None
        for event in reconstructing_in_blocks(
            self.projections, self.acquisition, self.config, cancel, self.focus
        ):
            yield event
            if isinstance(event, GrowingVolumes):
                volumes = event
            elif isinstance(event, Finished) and volumes is not None:
                if self.truth is not None:
                    yield Notice("info", TOO_LARGE_TO_COMPARE)
                nothing = np.empty((0, *event.result.volume.shape[1:]), np.float32)
                median = None
                if volumes.uncertainty is not None:
                    volume, spread = (np.asarray(v.levels[-1]) for v in (volumes.volume, volumes.uncertainty))
                    median = median_relative(volume, spread)
                yield Judged(replace(event.result, guide=nothing), median, None)

    def _compare(
        self, result: "ReconstructionResult", cancel: CancelToken
    ) -> Generator[Step, None, dict[str, Any] | None]:
        if self.truth is None:
            return None
        from ..evaluation import comparing

        n = self.acquisition.step_length
        profile = self.acquisition.profile
        for step in comparing(result.volume, np.asarray(self.truth), n, profile=profile):
            if cancel.cancelled:
                raise Cancelled("the run was cancelled")
            if cancel.stopped:
                break
            if step.metrics is not None:
                return step.metrics
            yield Step("Comparing with the ground truth", step.fraction)
        return None
