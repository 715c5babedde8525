"""What a video leaves in files: volumes with a time axis, traces, regions, and the provenance beside them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UsageError
from ..io import (
    IMAGE_SUFFIXES,
    ImageStack,
    Planes,
    ZarrKind,
    check_not_read,
    check_output,
    input_record,
    write_image,
    write_json,
)
from ..optics.placement import StackPlacement
from ..reconstruction.outputs import Outputs
from ..settings.files import short_record
from .events import FrameReady, StructureReady, VideoFinished
from .frame_store import FrameStore
from .nwb import check_nwb, write_nwb

TRACE_SUFFIXES = (".csv", ".nwb")


@dataclass(frozen=True)
class VideoOutputs:
    """Names of the files that a video is written to.

    Attributes
    ----------
    volumes : Path
        An image with axes (t, z, y, x).
    traces : Path or None
        A table, .csv, or .nwb.
    regions : Path or None
        An image of the regions' numbers.
    """

    volumes: Path
    traces: Path | None = None
    regions: Path | None = None

    def check(self, sources: Iterable[Path] = ()) -> None:
        """Refuse before a long run what could not be written after it.

        Raises
        ------
        UsageError, UserError
        """
        check_output(self.volumes, IMAGE_SUFFIXES)
        if self.regions is not None:
            check_output(self.regions, IMAGE_SUFFIXES)
        if self.traces is not None:
            if self.traces.suffix not in TRACE_SUFFIXES:
                raise UsageError(f"{self.traces}: traces are written as {' or '.join(TRACE_SUFFIXES)}")
            check_nwb(self.traces) if self.traces.suffix == ".nwb" else check_output(self.traces, (".csv",))
        read = frozenset(sources)
        for path in (self.volumes, self.traces, self.regions):
            if path is not None:
                check_not_read(path, read)

    def writing(
        self, events: Iterable[Any], source: ImageStack, step_length: int, zarr: ZarrKind = "0.4"
    ) -> Iterator[Any]:
        """Pass events on and write what they bring; the last one is a dict of the files' names.

        Frames wait on the disk of the output, so that memory holds one at a time, and every file is written
        whole or not at all.

        Parameters
        ----------
        events : iterable
            Of `reconstruct_video`.
        source : ImageStack
            The video of projections, for its scale.
        step_length : int
        zarr : {"0.4", "0.5", "0.5-sharded"}
            How volumes that end in .ome.zarr are written.
        """
        store: FrameStore | None = None
        done, regions = 0, None
        for event in events:
            yield event
            if isinstance(event, StructureReady):
                regions = event.regions
                slices, height, width = event.result.volume.shape
                shape = (source.sizes["t"], slices, height, width)
                store = FrameStore(shape, self.volumes.absolute().parent)
            elif isinstance(event, FrameReady) and store is not None:
                store.write(event.index, event.volume)
                done = event.index + 1
            elif isinstance(event, VideoFinished) and store is not None and regions is not None and done:
                yield self.write(event, store.first(done), regions, source, step_length, zarr)

    def write(
        self,
        finished: VideoFinished,
        frames: np.ndarray | Planes,
        regions: np.ndarray,
        source: ImageStack,
        step_length: int,
        zarr: ZarrKind = "0.4",
    ) -> dict[str, str]:
        """Write the volumes of the frames that are done, (t, z, y, x), and the rest; gives the names."""
        placed = StackPlacement.recorded(
            source.scale, source.unit, source.origin, source.step_length
        ).of_volume(step_length)
        where: dict[str, Any] = {"zarr": zarr}
        if source.scale is not None:
            where |= {"scale": placed.scale, "unit": source.unit, "origin": placed.translate}
        names = Outputs(self.volumes)
        names = names.stopped() if finished.stopped else names
        about = {"quantity": "video", **short_record(finished.provenance)}
        write_image(names.volume, frames, axes="tzyx", description=about, **where)
        written = {"volumes": str(names.volume)}
        if self.regions is not None:
            whole = regions.astype(np.uint16)
            write_image(self.regions, whole, description={"quantity": "regions"}, labels=True, **where)
            written["regions"] = str(self.regions)
        if self.traces is not None:
            write_traces(self.traces, finished, regions)
            written["traces"] = str(self.traces)
        content = finished.provenance | {"outputs": written, "shifts": finished.shifts.round(2).tolist()}
        content["input"] = {**content["input"], "read": input_record(source)}
        write_json(names.provenance, content)
        return written | {"provenance": str(names.provenance)}


def write_traces(path: Path, finished: VideoFinished, regions: np.ndarray) -> None:
    """Write traces into a table (.csv), or as Neurodata Without Borders has them (.nwb).

    Raises
    ------
    UsageError, UserError
    """
    if path.suffix == ".nwb":
        write_nwb(path, finished.traces, regions, finished.provenance["notices"])
    else:
        finished.traces.write_csv(path)
