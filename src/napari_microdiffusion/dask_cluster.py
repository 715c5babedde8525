"""A Dask cluster: connected to or started here, and what became of the work it was given."""

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from .errors import Cancelled, RunFailed, UserError
from .reconstruction.events import CancelToken

if TYPE_CHECKING:
    from distributed import Client, Future

# How long a Ctrl-C waits at most to be noticed while a cluster works.
_PATIENCE_S = 0.2
# What a worker's allocator is told: keep memory that was freed. Dask has it given back to the system beyond
# 64 kB, so that each of a network's images is cleared page by page anew: 1.8 times the time. In one arena
# alone, since those of other threads give back what it is told to keep.
_KEEPS_MEMORY = {
    "MALLOC_TRIM_THRESHOLD_": 2**30,
    "MALLOC_MMAP_THRESHOLD_": 2**25,
    "MALLOC_TOP_PAD_": 2**26,
    "MALLOC_ARENA_MAX": 1,
}


@contextmanager
def connected(scheduler: str | None, workers: int) -> "Iterator[Client | None]":
    """Connect to a Dask cluster, or start one of local processes; None where one process is enough.

    Parameters
    ----------
    scheduler : str or None
        Address, such as tcp://host:8786.
    workers : int
        Processes on this machine, where there is no address.

    Raises
    ------
    UserError
        If Dask is missing or nothing answers at the address.
    """
    if scheduler is None and workers <= 1:
        yield None
        return
    if find_spec("distributed") is None:
        raise UserError('Several workers need Dask: pip install "napari-microdiffusion[cluster]".')
    import dask
    from distributed import Client, LocalCluster

    if scheduler is None:
        environ = {f"distributed.nanny.pre-spawn-environ.{name}": n for name, n in _KEEPS_MEMORY.items()}
        # Any free port for what Dask shows of itself, so that two batches do not quarrel over one.
        options = {"n_workers": workers, "threads_per_worker": 1, "dashboard_address": ":0"}
        with dask.config.set(environ), LocalCluster(**options) as cluster, Client(cluster) as client:
            yield client
        return
    try:
        client = Client(scheduler, timeout="10s")
    except (OSError, ValueError) as error:
        text = " ".join(str(error).split())
        raise UserError(
            f"No Dask scheduler answers at {scheduler} ({type(error).__name__}: {text})."
        ) from error
    with client:
        yield client


def settled(
    futures: "Iterable[Future[Any]]", cancel: CancelToken
) -> "Iterator[tuple[Future[Any], BaseException | None]]":
    """Wait for work; yields each future as it is done, with the error that it ended with.

    A worker or scheduler that was lost is a `RunFailed`.

    Raises
    ------
    Cancelled
        If `cancel` asks for it.
    """
    from distributed import TimeoutError as NotYet
    from distributed import wait

    waiting = set(futures)
    while waiting:
        if cancel.cancelled:
            raise Cancelled("the batch was cancelled")
        try:
            done, waiting = wait(waiting, timeout=_PATIENCE_S, return_when="FIRST_COMPLETED")
        except NotYet:
            continue
        except CancelledError:
            # By no wish of ours: so ends what a scheduler had that is gone.
            done = {future for future in waiting if future.cancelled()}
            waiting = waiting - done
        for future in done:
            yield future, _error_of(future)


def _error_of(future: "Future[Any]") -> BaseException | None:
    from distributed.scheduler import KilledWorker

    if future.cancelled():
        return RunFailed(
            "the cluster lost it, as when its scheduler ended; a batch that resumes does it again"
        )
    error: BaseException | None = future.exception()
    if isinstance(error, KilledWorker):
        return RunFailed(
            "its worker was lost: out of memory, most likely; give each worker more, or run this file alone"
        )
    return error


def threads_for(workers: int) -> int:
    """Processor threads for each of several processes on this machine."""
    return max(1, (os.cpu_count() or 1) // max(workers, 1))
