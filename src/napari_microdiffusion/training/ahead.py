"""Batches made in processes of their own while the training goes on with those before."""

from collections.abc import Iterator

from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from ..diffusion.loss import SlabBatch
from .batches import batches
from .settings import BatchSettings

# So many of each process wait at most: enough for a large specimen, which takes as long as several steps of
# training.
_WAITING = 12
# Between the seeds of two processes: more than a resumed run adds to its own.
_APART = 1_000_003_000


def batches_ahead(settings: BatchSettings, seed: int, processes: int = 1) -> Iterator[SlabBatch]:
    """Batches by several processes in turn, in a fixed sequence; the processes end with the iterator.

    Those of the first process, of one process all, are the same as those of `batches`.
    """
    yield from DataLoader(
        _BatchStream(settings, seed), batch_size=None, num_workers=processes, prefetch_factor=_WAITING
    )


class _BatchStream(IterableDataset[SlabBatch]):
    """What a process is handed to make batches from."""

    def __init__(self, settings: BatchSettings, seed: int) -> None:
        super().__init__()
        self.settings = settings
        self.seed = seed

    def __iter__(self) -> Iterator[SlabBatch]:
        process = get_worker_info()
        return batches(self.settings, self.seed + _APART * (process.id if process else 0))
