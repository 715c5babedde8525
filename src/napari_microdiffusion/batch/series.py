"""A time series as one result: a volume for each time point, one after the other, then all in one image.

The volumes wait in a hidden folder beside the result, so that a series that was interrupted goes on from
those that are finished.
"""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UsageError, UserError
from ..io import (
    depth_stack,
    open_image,
    provenance_path,
    read_sizes,
    set_aside,
    write_image,
    write_json,
)
from ..reconstruction.outputs import Outputs
from ..reconstruction.provenance import series_record
from ..settings.files import short_record
from ..settings.resolve import Resolved
from .pieces import Piece, Work
from .planning import at_time


@dataclass(frozen=True)
class Series:
    """Time points of a file, and the one result that they become.

    Attributes
    ----------
    whole : Piece
        The file, its `times`, and the outputs of the result, axes (t, z, y, x).
    pieces : tuple of Piece
        The time points, each with outputs of its own in `folder`.
    """

    whole: Piece
    pieces: tuple[Piece, ...]

    @classmethod
    def of(cls, whole: Piece) -> "Series":
        """The series of a file's time points.

        Raises
        ------
        UserError
            If the file has no such time points.
        """
        chosen, outputs = whole.input, whole.outputs
        count = read_sizes(whole.source, chosen.axes, chosen.position).get("t", 1)
        folder = outputs.volume.with_name(f".{outputs.volume.name}.times")
        pieces = []
        for index in chosen.time_points(count):
            names = Outputs(
                folder / f"t{index:05d}.ome.tif",
                folder / f"t{index:05d} uncertainty.ome.tif" if outputs.uncertainty else None,
            )
            pieces.append(Piece(whole.source, names, at_time(chosen, index)))
        return cls(whole, tuple(pieces))

    @property
    def folder(self) -> Path:
        """Where the volumes wait."""
        return self.pieces[0].outputs.volume.parent

    def left(self, settings: Resolved) -> list[Piece]:
        """The time points that are not finished with these settings."""
        self._take_up(settings)
        return [piece for piece in self.pieces if not piece.outputs.are_written()]

    def settings(self, work: Work) -> Resolved:
        """The settings of the whole series, its outputs checked.

        Raises
        ------
        UserError
            For settings that cannot be, or that are for single stacks, or outputs that cannot be written.
        """
        if self.whole.outputs.inr is not None:
            name = work.names.get("output.inr", "the INR")
            raise UsageError(f"{name} saves the INR of one stack; choose a single time point for it")
        if self.whole.input.second_view is not None:
            name = work.names.get("acquisition.views", "the mirrored view")
            raise UsageError(f"{name} names the file of one stack; choose a single time point for it")
        source = self.whole.source
        with open_image(source, self.whole.input.axes, self.whole.input.position) as opened:
            first = self.pieces[0].input
            image = depth_stack(opened, first.channel, first.time, lazily=True)
            settings = work.settings_for(self.whole, image)
            read = settings.document.input
            others = (settings.method.inr_file, read.beam_file, read.reference)
            self.whole.outputs.check(settings.method, (source, *image.sources, *others))
        return settings

    def write(self, settings: Resolved) -> dict[str, str]:
        """Write the finished volumes as one image, and what was recorded of them; the folder is gone then.

        Returns
        -------
        dict
            The names of the files by what they hold.
        """
        outputs = self.whole.outputs
        records = [_read(provenance_path(piece.outputs.volume)) for piece in self.pieces]
        content = records[0] | settings.provenance()
        written: dict[str, str] = {}
        with set_aside(outputs.provenance):
            for what, target in (("volume", outputs.volume), ("uncertainty", outputs.uncertainty)):
                if target is None:
                    continue
                files = tuple(getattr(piece.outputs, what) for piece in self.pieces)
                with open_image(files[0]) as one:
                    size = one.data.shape
                    how: dict[str, Any] = {"scale": one.scale, "unit": one.unit, "origin": one.origin}
                about = {"quantity": what, **short_record(content)}
                how["zarr"] = settings.document.output.zarr
                write_image(target, TimesTogether(files, size), axes="tzyx", description=about, **how)
                written[what] = str(target)
        content = series_record(content, records, [{"t": piece.input.time} for piece in self.pieces])
        write_json(outputs.provenance, content | {"outputs": written})
        shutil.rmtree(self.folder, ignore_errors=True)
        return written | {"provenance": str(outputs.provenance)}

    def _take_up(self, settings: Resolved) -> None:
        """Make the folder, or find it with volumes of the same file and settings; others are removed."""
        state = self.whole.source.stat()
        table = settings.document.model_dump(mode="json")
        # More time points, another name or format do not make other volumes of those that are there.
        table["input"].pop("times")
        table["output"].pop("zarr")
        table["output"] = sorted(what for what, path in table["output"].items() if path is not None)
        run = {"settings": table, "bytes": state.st_size, "modified": state.st_mtime_ns}
        journal = self.folder / "run.json"
        if not journal.is_file() or _read(journal) != run:
            shutil.rmtree(self.folder, ignore_errors=True)
        try:
            self.folder.mkdir(exist_ok=True)
        except OSError as error:
            raise UserError(f"{self.folder} cannot be made: {error.strerror or error}.") from error
        write_json(journal, run)


@dataclass(frozen=True, eq=False)
class TimesTogether:
    """Volumes in files of their own, read as one (t, z, y, x), plane by plane.

    Attributes
    ----------
    files : tuple of Path
    size : tuple of int
        Of one volume.
    """

    files: tuple[Path, ...]
    size: tuple[int, ...]

    dtype = np.dtype(np.float32)

    @property
    def shape(self) -> tuple[int, ...]:
        """Time points, slices, rows and columns."""
        return (len(self.files), *self.size)

    @property
    def nbytes(self) -> int:
        """Of the pixels."""
        return int(np.prod(self.shape)) * 4

    def planes(self) -> Iterator[np.ndarray]:
        """Every slice, from the first of the first time point on."""
        for file in self.files:
            with open_image(file) as image:
                for z in range(self.size[0]):
                    yield np.asarray(image.data[z], np.float32)


def _read(path: Path) -> dict[str, Any]:
    """A table that this package wrote."""
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content
