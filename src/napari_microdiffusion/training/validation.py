"""What judges a training: the same stacks every time, and the error of the posterior mean on them."""

from collections.abc import Iterator

import numpy as np
import torch

from ..diffusion.loss import SlabBatch
from ..diffusion.preconditioning import Denoiser
from .batches import collate, draw_stack
from .pool import SpecimenPool
from .recordings import record
from .settings import BatchSettings


@torch.no_grad()
def blind_error(denoiser: Denoiser, batch: SlabBatch) -> tuple[float, float]:
    """Weighted squared error of the posterior mean, and of the guide alone."""
    mean = denoiser.posterior_mean(batch.condition, batch.globals, batch.mask, batch.unit)
    weight = batch.weight[:, :, None, None, None]
    return float((weight * (mean - batch.residual).square()).sum()), float(
        (weight * batch.residual.square()).sum()
    )


def validation_batches(settings: BatchSettings, count: int) -> Iterator[SlabBatch | None]:
    """The same held-out stacks every time, whatever the training seed, unless there are references.

    None after each recording, so that the making can be left.
    """
    pool = SpecimenPool(settings, 424_242)
    rng = np.random.default_rng(424_243)
    for _ in range(count):
        recordings = []
        for _ in range(4):
            recordings.append(record(pool.volumes, settings, rng))
            yield None
        yield collate([draw_stack(recording, settings, rng) for recording in recordings])
