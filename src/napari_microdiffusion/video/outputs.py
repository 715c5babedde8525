"""What a video leaves in files: volumes with a time axis, traces, regions, and the provenance beside them."""

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UsageError
from ..io import (
    IMAGE_SUFFIXES,
    ImageStack,
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
from .frame_file import FrameFile
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

    def writing(self, events: Iterable[Any], source: ImageStack, step_length: int) -> Iterator[Any]:
        """Pass events on and write what they bring; the last one is a dict of the files' names.

        Frames wait beside the output in a file of their own, so that memory holds one at a time, and every
        file is written whole or not at all.

        Parameters
        ----------
        events : iterable
            Of `reconstruct_video`.
        source : ImageStack
            The video of projections, for its scale.
        step_length : int
        """
        placed = StackPlacement.recorded(
            source.scale, source.unit, source.origin, source.step_length
        ).of_volume(step_length)
        where: dict[str, Any] = {}
        if source.scale is not None:
            where = {"scale": placed.scale, "unit": source.unit, "origin": placed.translate}
        with tempfile.TemporaryDirectory(dir=self.volumes.absolute().parent, prefix=".video-") as folder:
            frames: FrameFile | None = None
            regions = None
            for event in events:
                yield event
                if isinstance(event, StructureReady):
                    regions = event.regions
                    frames = FrameFile(Path(folder) / "frames", event.result.volume.shape)
                elif isinstance(event, FrameReady) and frames is not None:
                    frames.append(event.volume)
                elif isinstance(event, VideoFinished) and frames and frames.count and regions is not None:
                    yield self._written(event, frames, regions, source, where)

    def _written(
        self,
        finished: VideoFinished,
        frames: FrameFile,
        regions: np.ndarray,
        source: ImageStack,
        where: dict[str, Any],
    ) -> dict[str, str]:
        names = Outputs(self.volumes)
        names = names.stopped() if finished.stopped else names
        about = {"quantity": "video", **short_record(finished.provenance)}
        write_image(names.volume, frames, axes="tzyx", description=about, **where)
        written = {"volumes": str(names.volume)}
        if self.regions is not None:
            write_image(self.regions, regions.astype(np.uint16), description={"quantity": "regions"}, **where)
            written["regions"] = str(self.regions)
        if self.traces is not None:
            if self.traces.suffix == ".nwb":
                write_nwb(self.traces, finished.traces, regions, finished.provenance["notices"])
            else:
                finished.traces.write_csv(self.traces)
            written["traces"] = str(self.traces)
        content = finished.provenance | {"outputs": written, "shifts": finished.shifts.round(2).tolist()}
        content["input"] = {**content["input"], "read": input_record(source)}
        write_json(names.provenance, content)
        return written | {"provenance": str(names.provenance)}
