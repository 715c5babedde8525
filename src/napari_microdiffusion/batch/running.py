"""Working on the pieces of a batch: one after the other on this machine, or side by side on a Dask cluster.

Each piece of work reads its own file and writes its own outputs, so only names and settings travel. A piece
that fails is reported in one line and leaves the others alone.
"""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..dask_cluster import settled
from ..errors import Cancelled, RunFailed, UserError
from ..io import check_not_read, depth_stack, open_image, sources_of
from ..reconstruction.events import CancelToken, Event, Finished
from .pieces import Piece, Report, Work

if TYPE_CHECKING:
    from distributed import Client


def work_on(piece: Piece, work: Work, cancel: CancelToken | None = None) -> Report:
    """Reconstruct one piece and write it; failures are reported, not raised.

    Runs in any process that has this package and sees the files.

    Raises
    ------
    Cancelled
        If `cancel` asks for it.
    """
    return next(event for event in piece_events(piece, work, cancel) if isinstance(event, Report))


def piece_events(piece: Piece, work: Work, cancel: CancelToken | None = None) -> Iterator[Event | Report]:
    """The same, with the engine's events before the report."""
    from ..reconstruction.blocks.from_disk import in_memory, reconstruct_image
    from ..reconstruction.reference.reading import read_reference

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
                    yield Report(piece, files, seconds=time.perf_counter() - started, notes=notes)
                else:
                    yield event
    except (UserError, RunFailed, MemoryError, OSError) as error:
        yield Report.of_failure(piece, error, time.perf_counter() - started)


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
    refused = overwriting(pieces)
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
            yield future.result() if error is None else Report.of_failure(futures[future], error)
    finally:
        client.cancel(list(futures))


def overwriting(pieces: Sequence[Piece]) -> dict[int, Report]:
    """Refuse the pieces that would write what another one has yet to read."""
    read = frozenset[Path]().union(*map(sources_of, {piece.source for piece in pieces}))
    refused = {}
    for index, piece in enumerate(pieces):
        for output in (piece.outputs.volume, piece.outputs.uncertainty, piece.outputs.provenance):
            try:
                if output is not None:
                    check_not_read(output, read)
            except UserError as error:
                refused[index] = Report.of_failure(piece, error)
    return refused
