"""Pieces of a batch in a list: planned, worked on one after the other, with what became of each."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from ...batch import Piece, Report, Work, overwriting, piece_events, pieces_of
from ...errors import Cancelled
from ...io import output_folder
from ...reconstruction.cost.speed import MachineSpeed
from ...reconstruction.events import CancelToken, Progress, StageStarted
from ...reconstruction.outputs import Outputs
from ...reconstruction.result import duration
from ...settings.asked import STEP_LENGTH, AskedSettings
from ...settings.files import read_run
from ...settings.wording import sentence
from ...stacks.reader import READABLE
from ..imports import load_torch_libraries
from ..progress import Step, short_duration
from ..threads import spare_threads
from .pieces_left import PiecesLeft

# How often it is said how far a piece is.
_SECONDS_BETWEEN = 1.0

State = Literal["waiting", "running", "done", "failed"]


@dataclass
class Row:
    """A piece and what became of it.

    Attributes
    ----------
    piece : Piece
        With the names of all that may be written.
    state : str
    text : str
        What is said of it beside its state.
    with_uncertainty : bool
        Whether its uncertainty is written, too.
    seconds : float or None
        What it took, or will still take.
    """

    piece: Piece
    state: State = "waiting"
    text: str = ""
    with_uncertainty: bool = False
    seconds: float | None = None

    @property
    def outputs(self) -> Outputs:
        """What is written of it."""
        own = self.piece.outputs
        return own if self.with_uncertainty else replace(own, uncertainty=None)

    @property
    def files(self) -> list[Path]:
        """Its images that can be opened."""
        images = (self.piece.outputs.volume, self.piece.outputs.uncertainty)
        return [path for path in images if path is not None and path.exists()]

    def __str__(self) -> str:
        """Its state in words."""
        if self.state == "running":
            return self.text or self.state
        return f"{self.state}, {self.text}" if self.state == "done" and self.text else self.state

    @property
    def time(self) -> str:
        """What it took, or about what it will still take, in words."""
        if self.seconds is None or self.state == "failed":
            return ""
        if self.state == "done":
            return duration(self.seconds)
        return (
            f"about {short_duration(self.seconds)}"
            if self.state == "waiting"
            else f"{short_duration(self.seconds)} left"
        )

    def report(self, report: Report) -> None:
        """Take what became of it."""
        self.state = "failed" if report.error else "done"
        self.text = sentence(report.error) if report.error else ""
        self.seconds = report.seconds

    def place(self, folder: Path, with_uncertainty: bool) -> None:
        """Have it written to a folder; what an earlier batch has finished there is done."""
        own = self.piece.outputs
        beside = None if own.uncertainty is None else folder / own.uncertainty.name
        self.piece = replace(self.piece, outputs=Outputs(folder / own.volume.name, beside))
        self.with_uncertainty = with_uncertainty
        is_done = self.outputs.are_written()
        self.state, self.text = ("done", "before") if is_done else ("waiting", "")
        self.seconds = None

    def stop(self) -> None:
        """It was left before its end."""
        if self.state == "running":
            self.state, self.text, self.seconds = "waiting", "", None


@dataclass(frozen=True)
class Planned:
    """What files hold, a row each; `unreadable` are files that hold nothing that can be read."""

    rows: list[Row]
    unreadable: list[Row]


@dataclass(frozen=True)
class PlanBatch:
    """Looks into files, and into folders for files, for the stacks that they hold.

    Attributes
    ----------
    paths : sequence of Path
    folder : Path
        Where volumes go.
    with_uncertainty : bool
        Whether an uncertainty is written too.
    """

    paths: Sequence[Path]
    folder: Path
    with_uncertainty: bool = False

    def __call__(self, _cancel: CancelToken) -> Iterator[Planned]:
        """One `Planned`."""
        sources = dict.fromkeys(file for path in self.paths for file in _stacks_in(path))
        pieces, unreadable = pieces_of(sources, self.folder, uncertainty=True)
        rows, lost = [Row(piece) for piece in pieces], [Row(report.piece) for report in unreadable]
        for row in rows:
            row.place(self.folder, self.with_uncertainty)
        for row, report in zip(lost, unreadable, strict=True):
            row.report(report)
        yield Planned(rows, lost)


@dataclass(frozen=True)
class RowChanged:
    """A row of the list has another state; `report` ends it."""

    number: int
    text: str = ""
    report: Report | None = None


@dataclass(frozen=True)
class TimesLeft:
    """What rows that wait or are worked on will still take, in seconds; None where it is not known."""

    seconds: Mapping[int, float | None]


def work_as_asked(asked: AskedSettings) -> Work:
    """The work with settings as they stand in a window; their step length counts where a file records none.

    Raises
    ------
    UsageError
        For settings that cannot be.
    """
    tables = asked.tables()
    tables["method"] = {"threads": spare_threads(), **tables.get("method", {})}
    work = Work(tables, asked.earlier or None, step_length=int(asked.value(STEP_LENGTH)))
    work.check()
    return work


def work_of_file(path: Path) -> Work:
    """The work with the settings of an earlier run, from its file.

    Raises
    ------
    UserError
        If the file cannot be read, or its settings cannot be.
    """
    work = Work({"method": {"threads": spare_threads()}}, read_run(path))
    work.check()
    return work


@dataclass(frozen=True)
class RunBatch:
    """Works on the rows that wait, one after the other; one failure stops no other.

    To stop is to leave the piece that is worked on: what is finished is in its files.

    Attributes
    ----------
    rows : sequence of Row
    work : Work
    folder : Path
    """

    rows: Sequence[Row]
    work: Work
    folder: Path

    def __call__(self, cancel: CancelToken) -> Iterator[RowChanged | TimesLeft | Step]:
        """`RowChanged` as rows go on, what each will still take, and how far all of it is as a `Step`."""
        load_torch_libraries()
        output_folder(self.folder)
        waiting = [number for number, row in enumerate(self.rows) if row.state == "waiting"]
        pieces = [replace(self.rows[number].piece, outputs=self.rows[number].outputs) for number in waiting]
        refused = overwriting(pieces)
        token, said = _EndsWith(cancel), 0.0
        left = PiecesLeft(pieces, self.work, MachineSpeed.of_this_machine())
        for done, (number, piece) in enumerate(zip(waiting, pieces, strict=True)):
            if token.cancelled:
                return
            left.begin(done)
            yield left.step()
            yield TimesLeft({row: left.seconds(place) for place, row in enumerate(waiting) if place >= done})
            yield RowChanged(number)
            report = refused.get(done)
            try:
                for event in piece_events(piece, self.work, token) if report is None else ():
                    left.handle(event)
                    if isinstance(event, Report):
                        report = event
                    elif isinstance(event, StageStarted):
                        yield RowChanged(number, event.text)
                    elif isinstance(event, Progress) and time.monotonic() - said > _SECONDS_BETWEEN:
                        said = time.monotonic()
                        yield left.step()
                        yield TimesLeft({number: left.seconds(done)})
            except Cancelled:
                return
            left.end(report is not None and not report.error)
            yield RowChanged(number, report=report)


class _EndsWith(CancelToken):
    """Cancels when another token is cancelled or stopped: of a piece nothing half done is written."""

    def __init__(self, other: CancelToken) -> None:
        super().__init__()
        self._other = other

    @property
    def cancelled(self) -> bool:
        """Whether either was asked for."""
        return self._other.cancelled or self._other.stopped

    def check(self) -> None:
        """Raise `Cancelled` if so."""
        if self.cancelled:
            raise Cancelled("the batch was stopped")


def folder_for(path: Path) -> Path:
    """Where volumes go if nothing else is said: beside a file, or in a folder of files."""
    return (path if _holds_stacks(path) else path.parent) / "volumes"


def _holds_stacks(path: Path) -> bool:
    return path.is_dir() and path.suffix.lower() not in READABLE


def _stacks_in(path: Path) -> list[Path]:
    """A file or OME-Zarr itself; of a folder the files and OME-Zarrs in it that may be stacks."""
    if not _holds_stacks(path):
        return [path]
    return sorted(inside for inside in path.iterdir() if inside.suffix.lower() in READABLE)
