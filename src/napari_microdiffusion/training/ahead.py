"""Batches made in a process of their own while the training goes on with those before."""

from collections.abc import Iterator

from torch.utils.data import DataLoader, IterableDataset

from ..diffusion.loss import SlabBatch
from .batches import batches
from .settings import BatchSettings

# So many wait at most: enough for a large specimen, which takes as long as several steps of training.
_WAITING = 12


def batches_ahead(settings: BatchSettings, seed: int) -> Iterator[SlabBatch]:
    """The same as `batches`, in the same sequence; the process ends with the iterator."""
    yield from DataLoader(
        _BatchStream(settings, seed), batch_size=None, num_workers=1, prefetch_factor=_WAITING
    )


class _BatchStream(IterableDataset[SlabBatch]):
    """What the process is handed to make batches from."""

    def __init__(self, settings: BatchSettings, seed: int) -> None:
        super().__init__()
        self.settings = settings
        self.seed = seed

    def __iter__(self) -> Iterator[SlabBatch]:
        return batches(self.settings, self.seed)
