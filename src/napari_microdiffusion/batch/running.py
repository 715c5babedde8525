"""Working on the pieces of a batch: one after the other on this machine, or side by side on a Dask cluster.

Each piece of work reads its own file and writes its own outputs, so only names and settings travel. A piece
that fails is reported in one line and leaves the others alone. On a cluster the workers share the blocks of a
large stack.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..dask_cluster import settled
from ..errors import Cancelled, RunFailed, UserError
from ..io import ImageStack, check_not_read, depth_stack, open_image, sources_of
from ..reconstruction.events import CancelToken, Event, Finished
from ..settings.resolve import Resolved
from .pieces import Piece, Report, Work

if TYPE_CHECKING:
    from distributed import Client, Future

    from ..reconstruction.cost.estimate import Estimate
    from ..reconstruction.cost.speed import MachineSpeed


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
        with _opened(piece, work) as (image, settings):
            acquisition, method = settings.acquisition, settings.method
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


def is_large(piece: Piece, work: Work) -> bool:
    """Whether a piece is reconstructed in blocks."""
    from ..reconstruction.blocks.plan import needs_blocks

    with _opened(piece, work) as (image, settings):
        return needs_blocks(image.data.shape, settings.acquisition, settings.method)


def cost_of(piece: Piece, work: Work, speed: "MachineSpeed | None" = None) -> "Estimate":
    """What a piece would take, from the header of its file.

    Raises
    ------
    UserError
        If the file or its settings cannot be used.
    """
    from ..reconstruction.blocks.plan import blocks_gb
    from ..reconstruction.cost.estimate import estimate

    with _opened(piece, work) as (image, settings):
        shape, acquisition, method = image.data.shape, settings.acquisition, settings.method
        room = blocks_gb(shape, acquisition, method)
        return estimate(shape, acquisition, method, speed=speed, blocks_gb=room)


def begin_blocks_of(piece: Piece, work: Work) -> int:
    """Begin a large piece that several workers share; gives the number of its blocks."""
    from ..reconstruction.blocks.from_disk import begin_image

    with _opened(piece, work) as (image, settings):
        return begin_image(image, settings.acquisition, settings.method, piece.outputs)


def work_on_share(piece: Piece, work: Work, share: int, shares: int, blocks: int) -> str:
    """Reconstruct one share of a piece's blocks; gives one sentence after a failure.

    Whoever does the rest of the piece comes across the same failure, and reports it.

    Parameters
    ----------
    piece : Piece
    work : Work
    share, shares : int
        Which one, from 0, of how many.
    blocks : int
        As `begin_blocks_of` gives it.
    """
    from ..reconstruction.blocks.reconstruction import reconstruct_share

    if share >= blocks:
        return ""
    try:
        with _opened(piece, work) as (image, settings):
            folder = piece.outputs.blocks
            reconstruct_share(image.data, settings.acquisition, settings.method, folder, share, shares)
    except (UserError, RunFailed, MemoryError, OSError) as error:
        return Report.of_failure(piece, error).error
    return ""


def work_on_rest(piece: Piece, work: Work, *_shares: str) -> Report:
    """What `work_on` does, once the shares of a piece are done."""
    return work_on(piece, work)


@contextmanager
def _opened(piece: Piece, work: Work) -> Iterator[tuple[ImageStack, Resolved]]:
    """The projections of a piece, lazy, and its settings, its outputs checked."""
    chosen = piece.input
    with open_image(piece.source, chosen.axes, chosen.position) as opened:
        # Of a long time series, this piece's planes alone.
        image = depth_stack(opened, chosen.channel, chosen.time, chosen.average_frames, lazily=True)
        settings = work.settings_for(piece, image)
        method = settings.method
        piece.outputs.check(
            method, (piece.source, *image.sources, method.inr_file, chosen.beam_file, chosen.reference)
        )
        yield image, settings


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
    workers = list(client.nthreads())
    futures = {_submitted(client, piece, work, workers): piece for piece in pieces}
    try:
        for future, error in settled(futures, token):
            # A worker that died, or a defect: the others still have their work to do.
            yield future.result() if error is None else Report.of_failure(futures[future], error)
    finally:
        client.cancel(list(futures))


def _submitted(client: "Client", piece: Piece, work: Work, workers: Sequence[str]) -> "Future[Report]":
    """A piece as a task; of a large one the blocks as shares of all workers, and what is left as the last."""
    try:
        is_shared = len(workers) > 1 and is_large(piece, work)
    except (UserError, OSError):
        is_shared = False  # the task will report it
    if not is_shared:
        return client.submit(work_on, piece, work, pure=False)
    blocks = client.submit(begin_blocks_of, piece, work, pure=False)
    # Each with a worker of its own in mind, or all would go to where the first task was.
    shares = [
        client.submit(
            work_on_share,
            *(piece, work, share, len(workers), blocks),
            workers=[worker],
            allow_other_workers=True,
            pure=False,
        )
        for share, worker in enumerate(workers)
    ]
    return client.submit(work_on_rest, piece, work, *shares, pure=False)


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
