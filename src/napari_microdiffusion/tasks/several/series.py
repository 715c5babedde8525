"""Reconstructs several stacks, one after the other, into one image: the time points of a recording."""

import math
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import RunFailed, UserError
from ...io import missing_room
from ...optics import Acquisition
from ...reconstruction.cost.estimate import Estimate, size_in_words
from ...reconstruction.events import BlockReady, CancelToken, Notice, SliceReady
from ...reconstruction.provenance import series_record
from ...reconstruction.result import ReconstructionResult, describe_series
from ...settings.method import ReconstructionConfig
from ...stacks.series import ProjectionSeries
from ...stacks.stack import Stack
from ..contrast import Contrast
from ..large_stacks.reconstructing import GrowingVolumes
from ..progress import StackBegun
from ..reconstructing import EmptyVolume, Judged, Reconstruction

if TYPE_CHECKING:
    from ...registration.reference_stack import ReferenceStack

# Images larger than this lie in a file without a name, which is gone with them.
_IN_MEMORY = 1_000_000_000


@dataclass(frozen=True, eq=False)
class EmptyUncertainty:
    """Room for the uncertainty of all volumes; written to here."""

    values: np.ndarray


@dataclass(frozen=True)
class StackDone:
    """The volume of the stack that was begun last is whole."""


@dataclass(frozen=True, eq=False)
class SeriesDone:
    """All there is: volumes as one image, as the result of one run, and what is said of it."""

    result: ReconstructionResult
    text: str


@dataclass(frozen=True, eq=False)
class SeriesReconstruction:
    """Reconstructs the stacks of a series.

    The image is written here, slice by slice, so that slices which wait to be shown cannot overwrite later
    ones. What is finished is kept when the run is stopped, or when a later stack cannot be reconstructed.

    Attributes
    ----------
    series : ProjectionSeries
    acquisition : Acquisition
    config : ReconstructionConfig
    second_view : Stack or None
        The projections with the mirrored beam, where they lie in a layer of their own.
    reference : ReferenceStack or None
    """

    series: ProjectionSeries
    acquisition: Acquisition
    config: ReconstructionConfig
    second_view: Stack | None = None
    reference: "ReferenceStack | None" = None

    def __call__(self, cancel: CancelToken) -> Iterator[Any]:
        """`EmptyVolume`; of each stack `StackBegun`, the engine's events, `StackDone`; last `SeriesDone`."""
        series, growing = self.series, _Growing(self.series)
        done: list[ReconstructionResult] = []
        said: set[str] = set()
        for number, stack in enumerate(series.stacks):
            if done and cancel.stopped:
                break
            name = f"{series.noun} {number + 1} of {len(series)}"
            yield StackBegun(number, name)
            begins = "" if not number else f"{name[:1].upper()}{name[1:]}: "
            one: ReconstructionResult | None = None
            on_disk: GrowingVolumes | None = None  # whose files are gone when nobody holds it
            try:
                for event in self._run(stack)(cancel):
                    if isinstance(event, Judged):
                        one = event.result
                    elif isinstance(event, EmptyVolume):
                        yield from growing.begin(event.values.shape)
                    elif isinstance(event, SliceReady):
                        yield from growing.write(number, event)
                    elif isinstance(event, Notice):
                        if (alike := re.sub(r"[\d.]+", "0", event.text)) not in said:
                            said.add(alike)
                            yield replace(event, text=f"{begins}{event.text}")
                    elif isinstance(event, Contrast):
                        if not number:  # all are shown with one contrast
                            yield event
                    elif isinstance(event, GrowingVolumes):
                        on_disk = event
                    elif not isinstance(event, BlockReady):
                        yield event
            except (UserError, RunFailed) as error:
                if not done:
                    raise
                yield Notice("warning", f"{begins}{error} What was finished before is kept.")
                break
            assert one is not None
            if one.stopped and done:
                break
            yield from growing.finish(number, one)
            del on_disk
            nothing = np.empty((0, 0, 0), np.float32)
            done.append(replace(one, volume=nothing, guide=nothing, uncertainty=None, reference=None))
            yield StackDone()
        yield self._together(done, growing)

    def _run(self, stack: Stack) -> Reconstruction:
        second = self.second_view
        if second is not None and second.layer.ndim == stack.layer.ndim:
            second = replace(second, chosen=stack.chosen)
        beside = None if second is None else second.data
        return Reconstruction(
            stack.data, self.acquisition, self.config, second_view=beside, reference=self.reference
        )

    def _together(self, done: list[ReconstructionResult], growing: "_Growing") -> SeriesDone:
        """The finished volumes; of several axes all places stay, and what is not finished is empty there."""
        series, count, image, spread = self.series, len(done), growing.volume, growing.uncertainty
        assert image is not None
        is_whole = count == len(series) and not done[-1].stopped
        kept = math.ceil(count / math.prod(series.shape[1:]))
        chosen = [series.chosen_of(number) for number in range(count)]
        records = [one.provenance for one in done]
        provenance = series_record(records[0], records, chosen) | {"stopped": not is_whole}
        stages = {stage for one in done for stage in one.seconds}
        result = replace(
            done[0],
            volume=image[:kept],
            uncertainty=None if spread is None else spread[:kept],
            axes=series.axes,
            stopped=not is_whole,
            seconds={stage: sum(one.seconds.get(stage, 0.0) for one in done) for stage in stages},
            notices=[notice for one in done for notice in one.notices],
            provenance=provenance,
        )
        return SeriesDone(result, describe_series(done, len(series), series.noun))


class _Growing:
    """The image of the volumes and that of their uncertainty, as they are written."""

    def __init__(self, series: ProjectionSeries) -> None:
        self._series = series
        self.volume: np.ndarray | None = None
        self.uncertainty: np.ndarray | None = None

    def begin(self, shape: tuple[int, ...]) -> Iterator[EmptyVolume]:
        """Make room for volumes of a shape, and tell so, once."""
        if self.volume is None:
            self.volume = room_for((*self._series.shape, *shape))
            yield EmptyVolume(self.volume)

    def write(self, number: int, event: SliceReady) -> Iterator[Any]:
        """Write a part of a slice, and pass it on."""
        assert self.volume is not None
        image = self.volume
        if event.quantity == "uncertainty":
            yield from self._begin_uncertainty()
            assert self.uncertainty is not None
            image = self.uncertainty
        image[self._series.index_of(number)][(event.z, *event.region.index)] = event.plane
        yield event

    def finish(self, number: int, one: ReconstructionResult) -> Iterator[Any]:
        """Write the volume of a stack; a large one lies on disk."""
        yield from self.begin(one.volume.shape)
        assert self.volume is not None
        pairs = [(self.volume, one.volume)]
        if one.uncertainty is not None:
            yield from self._begin_uncertainty()
            assert self.uncertainty is not None
            pairs.append((self.uncertainty, one.uncertainty))
        for image, values in pairs:
            planes = values if isinstance(values, np.ndarray) else values.planes()
            for z, plane in enumerate(planes):
                image[self._series.index_of(number)][z] = plane

    def _begin_uncertainty(self) -> Iterator[EmptyUncertainty]:
        if self.uncertainty is None and self.volume is not None:
            self.uncertainty = room_for(self.volume.shape)
            yield EmptyUncertainty(self.uncertainty)


def room_for(shape: tuple[int, ...]) -> np.ndarray:
    """Room for an image of float32, zero: in memory, or if it is large in a file that is gone with it."""
    if math.prod(shape) * 4 <= _IN_MEMORY:
        return np.zeros(shape, np.float32)
    with tempfile.TemporaryFile(prefix="microdiffusion") as file:  # the array holds on to it
        return np.memmap(file, np.float32, "w+", shape=shape)


def describe_plan(series: ProjectionSeries, one: Estimate, slices: int) -> str:
    """What a series will take: how many, how long, how large.

    Parameters
    ----------
    series : ProjectionSeries
    one : Estimate
        Of one stack.
    slices : int
        Slices of a volume.
    """
    whole = replace(one, seconds=len(series) * one.seconds)
    large = size_in_words(_bytes_of(series, slices))
    return f"{len(series)} {series.noun}s: {whole}; the result takes {large}"


def why_no_room(series: ProjectionSeries, slices: int, with_uncertainty: bool) -> str:
    """Why the images of a series cannot be held; nothing where they can."""
    size = _bytes_of(series, slices)
    needed = size * (2 if with_uncertainty else 1)
    if size <= _IN_MEMORY:
        return ""
    what = f"the result of {len(series)} {series.noun}s"
    return missing_room(what, needed, tempfile.gettempdir(), "choose fewer at a time") or ""


def _bytes_of(series: ProjectionSeries, slices: int) -> int:
    return math.prod((*series.shape, slices, *series.first.shape[1:])) * 4
