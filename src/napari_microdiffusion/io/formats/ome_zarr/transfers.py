"""The reads and writes of chunks that zarr has under way at once."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager

_PATIENCE_S = 10


@contextmanager
def nothing_left_running() -> Iterator[None]:
    """Wait, where one chunk fails, for those that were under way beside it.

    Otherwise one that is still being written makes its folder again after that was removed, and asyncio
    reports, as the program ends, what became of those that were read.
    """
    try:
        yield
    except BaseException:
        from zarr.core.sync import sync

        logging.getLogger("asyncio").addFilter(_not_of_zarr)
        sync(_settled())
        raise


async def _settled() -> None:
    """Wait for what zarr still reads or writes, and take what becomes of it."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    if tasks:
        done, _ = await asyncio.wait(tasks, timeout=_PATIENCE_S)
        for task in done:
            if not task.cancelled():
                task.exception()


def _not_of_zarr(record: logging.LogRecord) -> bool:
    return "zarr" not in record.getMessage()
