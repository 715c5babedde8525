"""The statistics of training projections, by which an out-of-distribution score is measured."""

import numpy as np

from ..diffusion.out_of_distribution import TrainingDistribution
from ..diffusion.statistics import statistics
from ..optics import IntensityScale, ProjectionOperator
from .batches import add_noise, draw_acquisition
from .pool import SpecimenPool
from .settings import BatchSettings

# A stack whose projections span less than this is empty.
_EMPTY = 0.02


def learn_distribution(settings: BatchSettings, seed: int, stacks: int) -> TrainingDistribution:
    """The statistics of freshly drawn training projections.

    Parameters
    ----------
    settings : BatchSettings
        As for training.
    seed : int
        Seed of the specimens.
    stacks : int
        How many stacks to look at; at least 2.
    """
    rng = np.random.default_rng([seed, 1_000_006])
    pool = SpecimenPool(settings, seed)
    found: list[np.ndarray] = []
    while len(found) < stacks:
        volume = pool.volumes[int(rng.integers(len(pool.volumes)))].astype(np.float32)
        pool.renew(images=1)
        acquisition = draw_acquisition(rng, len(volume) // 3)
        n = acquisition.step_length
        projections = ProjectionOperator(acquisition.profile).project(volume[: len(volume) // n * n])
        # Users bring stacks of any size, so whole ones and crops take part.
        count = int(rng.integers(3, len(projections) + 1))
        side = int(rng.integers(64, max(65, projections.shape[1] + 1)))
        projections = projections[:count, :side, :side]
        if np.ptp(projections) < _EMPTY:
            continue
        scale = IntensityScale.of(projections)
        noisy, _ = add_noise(scale.to_unit(projections), scale.background / scale.span, rng)
        found.append(statistics(IntensityScale(0, 1).widened(noisy).to_unit(noisy), n))
    return TrainingDistribution.of(np.array(found))
