"""What the dock asks its job to do: streams of events that run in the job's thread and touch no layer."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import Cancelled
from ...io import ImageStack, UnchosenPosition, read_image
from ...io.axes import UnnamedAxes
from ...optics import Acquisition
from ...reconstruction.events import CancelToken, Finished
from ...settings.method import ReconstructionConfig
from ..jobs.job import Saved, Step
from ..jobs.torch_libraries import load_torch_libraries
from ..layers.contrast import Brightness
from ..layers.metadata import LayerData
from ..reader import image_layers
from ..sample_data import open_vasculature

if TYPE_CHECKING:
    from ...inr import FittedInr
    from ...reconstruction.outputs import Outputs
    from ...reconstruction.result import ReconstructionResult


@dataclass(frozen=True, eq=False)
class LayersMade:
    """Layers of a file that was read, or of a sample, and the number of the one to be chosen."""

    layers: list[LayerData]
    chosen: int = 0


@dataclass(frozen=True, eq=False)
class Judged:
    """A result with what can be said of it: the median relative uncertainty, the closeness to the truth."""

    result: "ReconstructionResult"
    median_uncertainty: float | None
    metrics: dict[str, Any] | None


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
    """

    projections: Any
    acquisition: Acquisition
    config: ReconstructionConfig
    truth: Any = None
    inr: "FittedInr | None" = None
    second_view: Any = None

    def __call__(self, cancel: CancelToken) -> Iterator[Any]:
        """The engine's events, then `Judged`."""
        needs_torch = self.config.guide == "inr" or self.config.diffusion != "off"
        if needs_torch:
            load_torch_libraries()
        from ...evaluation.uncertainty import median_relative
        from ...reconstruction.engine import reconstruct

        # A copy: what is painted into the layer during the run must not change what it is made from.
        projections = np.array(self.projections)
        if self.second_view is not None:
            projections = np.concatenate([projections, np.asarray(self.second_view)])
        seen = Brightness()
        for event in reconstruct(projections, self.acquisition, self.config, inr=self.inr, cancel=cancel):
            yield from seen.told_before(event)
            yield event
            if isinstance(event, Finished):
                result = event.result
                median = None
                if result.uncertainty is not None:
                    median = median_relative(result.volume, result.uncertainty)
                metrics = yield from self._compare(result, cancel)
                yield Judged(result, median, metrics)

    def _compare(
        self, result: "ReconstructionResult", cancel: CancelToken
    ) -> Generator[Step, None, dict[str, Any] | None]:
        if self.truth is None:
            return None
        from ...evaluation import comparing

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


@dataclass(frozen=True)
class Question:
    """What a file leaves open: `answers` are choices for `ReadFile` by words; `message` says so in one."""

    path: str
    title: str
    text: str
    answers: dict[str, dict[str, Any]]
    message: str


_AXIS_WORDS = {"t": "time", "c": "channel", "z": "depth (z)"}


def _which_axes(path: str, error: UnnamedAxes) -> Question:
    sizes = " × ".join(str(size) for size in error.sizes)
    orders = ["".join(order) for order in permutations("tcz", len(error.sizes) - 2) if "z" in order]
    answers = {", ".join(_AXIS_WORDS[letter] for letter in order): {"axes": f"{order}yx"} for order in orders}
    text = f"{Path(path).name} holds {sizes} pixels and does not name its axes. Before y and x lie:"
    return Question(path, "Axes", text, answers, str(error))


def _which_image(path: str, axes: str | None, error: UnchosenPosition) -> Question:
    answers = {
        f"{index}: {one.name} ({' × '.join(map(str, one.shape))})": {"axes": axes, "position": index}
        for index, one in enumerate(error.positions)
    }
    text = f"{Path(path).name} holds {len(answers)} images. Which one is to be opened?"
    return Question(path, "Image", text, answers, str(error))


@dataclass(frozen=True)
class ReadFile:
    """Reads a file with our reader; `axes` and `position` say what it leaves open."""

    path: str
    axes: str | None = None
    position: int | None = None

    def __call__(self, _cancel: CancelToken) -> Iterator[LayersMade | Question]:
        """One `LayersMade`, or one `Question`."""
        try:
            yield LayersMade(image_layers(read_image(self.path, self.axes, self.position)))
        except UnnamedAxes as error:
            yield _which_axes(self.path, error)
        except UnchosenPosition as error:
            yield _which_image(self.path, self.axes, error)


@dataclass(frozen=True)
class MakeSample:
    """Grows the vasculature sample."""

    def __call__(self, _cancel: CancelToken) -> Iterator[LayersMade]:
        """One `LayersMade`."""
        # The truth comes first, so that the projections lie above it.
        yield LayersMade(open_vasculature(), chosen=-1)


@dataclass(frozen=True, eq=False)
class SaveResult:
    """Writes volume, uncertainty and settings."""

    outputs: "Outputs"
    result: "ReconstructionResult"
    source: ImageStack

    def __call__(self, _cancel: CancelToken) -> Iterator[Saved]:
        """One `Saved`."""
        yield Saved(self.outputs.write(self.result, self.source))
