"""The statistics of training projections, by which an out-of-distribution score is measured."""

import numpy as np

from ..diffusion.out_of_distribution import TrainingDistribution
from .pool import SpecimenPool
from .recordings import record
from .settings import BatchSettings


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
        known = record(pool.volumes, settings, rng).statistics
        pool.renew(images=1)
        if np.isfinite(known).all():
            found.append(known)
    return TrainingDistribution.of(np.array(found))
