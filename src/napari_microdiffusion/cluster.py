"""Many files and time points, one after the other on this machine or side by side on a Dask cluster.

Each piece of work reads its own file and writes its own outputs, so only names and settings travel. A piece
that fails is reported in one line and leaves the others alone.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .dask_cluster import settled
from .errors import Cancelled, RunFailed, UserError
from .io import (
    ImageStack,
    UnchosenPosition,
    check_not_read,
    depth_stack,
    image_name,
    open_image,
    read_sizes,
    sources_of,
)
from .reconstruction.events import CancelToken, Finished
from .reconstruction.outputs import Outputs
from .settings.document import InputSettings, Tables
from .settings.method import ReconstructionConfig
from .settings.recorded import Recorded
from .settings.resolve import (
    Resolved,
    check_asked,
    keeping_samples_only_where_written,
    resolve,
    resolve_input,
)

if TYPE_CHECKING:
    from distributed import Client


@dataclass(frozen=True)
class Piece:
    """One stack of projections and where its volume goes.

    Attributes
    ----------
    source : Path
    outputs : Outputs
    input : InputSettings
        Which stack of the file is meant; a time point where it has several and they are not averaged.
    """

    source: Path
    outputs: Outputs
    input: InputSettings = field(default_factory=InputSettings)

    @property
    def name(self) -> str:
        """What messages call it."""
        chosen = {"position": self.input.position, "time point": self.input.time}
        return ", ".join(
            [self.source.name, *(f"{what} {which}" for what, which in chosen.items() if which is not None)]
        )


@dataclass(frozen=True)
class Work:
    """What is done with every piece; settings as `settings.resolve` takes them.

    Attributes
    ----------
    asked : mapping of mappings
        By part of a run's document; a step length or beam that is missing is taken from each file.
    earlier : mapping of mappings or None
        Settings of an earlier run.
    preset_name : str or None
    names : mapping
        How the person calls a field, for messages.
    """

    asked: Tables = field(default_factory=dict)
    earlier: Tables | None = None
    preset_name: str | None = None
    names: Mapping[str, str] = field(default_factory=dict)

    def check(self) -> ReconstructionConfig:
        """Refuse what cannot be for any piece; returns the method.

        Raises
        ------
        UsageError
            For a setting that cannot be.
        """
        return check_asked(self.asked, **self._layers)

    @property
    def _layers(self) -> dict[str, Any]:
        return {"earlier": self.earlier, "preset_name": self.preset_name, "names": self.names}

    def input_for(self, source: Path) -> InputSettings:
        """Which stack of a file is meant.

        Raises
        ------
        UsageError
            For a choice that cannot be.
        """
        own = {**self.asked.get("input", {}), "path": source}
        return resolve_input({"input": own}, self.earlier, self.names)

    def settings_for(self, piece: "Piece", image: ImageStack) -> Resolved:
        """The settings of one piece.

        Raises
        ------
        UserError
            For a setting that cannot be, or a step length that is not known.
        """
        outputs = {"volume": piece.outputs.volume, "uncertainty": piece.outputs.uncertainty}
        asked = {**self.asked, "input": piece.input.model_dump(exclude_unset=True), "output": outputs}
        resolved = resolve(asked, Recorded.of_projections(image), **self._layers)
        return keeping_samples_only_where_written(resolved)


@dataclass(frozen=True)
class Report:
    """What became of a piece.

    Attributes
    ----------
    piece : Piece
    files : dict of str to str
        Names of the written files by what they hold; empty after a failure.
    error : str
        One sentence; empty after a success.
    seconds : float
    notes : tuple of str
        What the reader notes of the file, and what was left aside of its settings.
    """

    piece: Piece
    files: Mapping[str, str]
    error: str = ""
    seconds: float = 0.0
    notes: tuple[str, ...] = ()


def pieces_of(
    sources: Iterable[Path],
    folder: Path,
    ending: str = ".ome.tif",
    work: Work | None = None,
    *,
    uncertainty: bool = False,
) -> tuple[list[Piece], list[Report]]:
    """Plan the work: a piece for each file, or for each position and time point where it has several.

    Parameters
    ----------
    sources : iterable of Path
    folder : Path
        Where outputs go: NAME_volume, NAME_t0003_volume, NAME_p002_t0003_volume and so on.
    ending : str
        One of `io.IMAGE_SUFFIXES`.
    work : Work, optional
        Its settings choose the stack of each file; a position or time point that is given is the only one.
    uncertainty : bool
        Whether an uncertainty is written too.

    Returns
    -------
    pieces : list of Piece
    unreadable : list of Report
        For files whose header cannot be read.

    Raises
    ------
    UserError
        If two pieces would write the same file.
    """
    pieces: list[Piece] = []
    unreadable: list[Report] = []
    for source in sources:
        chosen = (work or Work()).input_for(source)
        try:
            stacks = list(_stacks_of(source, chosen))
        except (UserError, OSError) as error:
            nowhere = Outputs(folder / f"{image_name(source)}_volume{ending}")
            unreadable.append(Report(Piece(source, nowhere, chosen), {}, _line(error)))
            continue
        for which, own in stacks:
            stem = image_name(source) + which
            outputs = Outputs(
                folder / f"{stem}_volume{ending}",
                folder / f"{stem}_uncertainty{ending}" if uncertainty else None,
            )
            pieces.append(Piece(source, outputs, own))
    names = [piece.outputs.volume for piece in pieces]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UserError(f"{twice} would be written twice; give files of the same name folders of their own.")
    return pieces, unreadable


def _stacks_of(source: Path, chosen: InputSettings) -> Iterator[tuple[str, InputSettings]]:
    """The stacks of a file, by what is added to the names of their outputs."""
    try:
        count = read_sizes(source, chosen.axes, chosen.position).get("t", 1)
    except UnchosenPosition as several:
        for index in range(len(several.positions)):
            own = chosen.model_copy(update={"position": str(index)})
            for which, stack in _stacks_of(source, own):
                yield f"_p{index:03d}{which}", stack
        return
    if count == 1 or chosen.time is not None or chosen.average_frames:
        yield "", chosen
        return
    for index in range(count):
        yield f"_t{index:04d}", chosen.model_copy(update={"time": index})


def work_on(piece: Piece, work: Work, cancel: CancelToken | None = None) -> Report:
    """Reconstruct one piece and write it; failures are reported, not raised.

    Runs in any process that has this package and sees the files.

    Raises
    ------
    Cancelled
        If `cancel` asks for it.
    """
    from .reconstruction.blocks.from_disk import in_memory, reconstruct_image
    from .reconstruction.reference.reading import read_reference

    started = time.perf_counter()
    try:
        chosen = piece.input
        with open_image(piece.source, chosen.axes, chosen.position) as opened:
            # Of a long time series, this piece's planes alone.
            image = depth_stack(opened, chosen.channel, chosen.time, chosen.average_frames, lazily=True)
            settings = work.settings_for(piece, image)
            acquisition, method = settings.acquisition, settings.method
            piece.outputs.check(
                method, (piece.source, *image.sources, method.inr_file, chosen.beam_file, chosen.reference)
            )
            image = in_memory(image, acquisition, method)
            reference = None
            if method.guide == "reference":
                reference = read_reference(settings.document.input, image, acquisition.step_length)
            for event in reconstruct_image(
                image,
                acquisition,
                method,
                piece.outputs,
                reference=reference,
                cancel=cancel or CancelToken(),
            ):
                if isinstance(event, Finished):
                    files = piece.outputs.write(event.result, image, settings)
                    notes = (*image.metadata.get("notes", ()), *settings.notices)
                    return Report(piece, files, seconds=time.perf_counter() - started, notes=notes)
    except (UserError, RunFailed, MemoryError, OSError) as error:
        return Report(piece, {}, _line(error), time.perf_counter() - started)
    raise AssertionError("a run ends with its result or an exception")


def run_batch(
    pieces: Sequence[Piece],
    work: Work,
    *,
    client: "Client | None" = None,
    cancel: CancelToken | None = None,
) -> Iterator[Report]:
    """Work on all pieces; yields a report as each is done.

    Parameters
    ----------
    pieces : sequence of Piece
    work : Work
    client : distributed.Client, optional
        Of a cluster whose workers have this package and see the same files; None works here, one piece after
        the other.
    cancel : CancelToken, optional
        Ends the batch; what is written stays.

    Raises
    ------
    Cancelled
        If it was cancelled.
    """
    token = cancel or CancelToken()
    refused = _overwriting(pieces)
    yield from refused.values()
    pieces = [piece for index, piece in enumerate(pieces) if index not in refused]
    if client is None:
        for piece in pieces:
            if token.cancelled:
                raise Cancelled("the batch was cancelled")
            yield work_on(piece, work, token)
        return
    futures = {client.submit(work_on, piece, work, pure=False): piece for piece in pieces}
    try:
        for future, error in settled(futures, token):
            # A worker that died, or a defect: the others still have their work to do.
            yield future.result() if error is None else Report(futures[future], {}, _line(error))
    finally:
        client.cancel(list(futures))


def _overwriting(pieces: Sequence[Piece]) -> dict[int, Report]:
    """Refuse the pieces that would write what another one has yet to read."""
    read = frozenset[Path]().union(*(sources_of(piece.source) for piece in pieces))
    refused = {}
    for index, piece in enumerate(pieces):
        for output in (piece.outputs.volume, piece.outputs.uncertainty, piece.outputs.provenance):
            try:
                if output is not None:
                    check_not_read(output, read)
            except UserError as error:
                refused[index] = Report(piece, {}, _line(error))
    return refused


def _line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, UserError | RunFailed) else f"{type(error).__name__}: {text}"
