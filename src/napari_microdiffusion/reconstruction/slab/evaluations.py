"""How often the network is evaluated for a beam, on how many pixels at a time, and the memory that takes.

A plan, an estimate and a window ask this before anything of a run is loaded.
"""

import numpy as np

from ...diffusion.slab import ORDERS
from ...optics import Acquisition
from ...settings.method import ReconstructionConfig

# Passes of the posterior mean through a straight beam that leaves its slab, more bring hardly 0.1 dB; and
# through a bent one, where slab means are too uncertain to be improved on.
STRAIGHT_PASSES, BENT_PASSES = 3, 1

# Two views are left to the prior where they tell little: by the parallax, with the apex near the slab's
# middle; and in noise beyond about that of 1,000 photons, its deviation at mid-range relative to the range.
_LITTLE_PARALLAX, _MUCH_NOISE = 0.25, 0.015

# Slab pixels read by one evaluation, and the working memory set aside for each: on the safe side of what
# benchmarks/memory_and_time.py measures.
PIXELS_ON_CPU = 400_000
PIXELS_ON_GPU = 2_000_000
BYTES_PER_PIXEL = 2_600

# Slabs that the posterior mean finishes at a time.
STREAMED_SLABS = 16

# Of the memory that blocks are planned for, what one evaluation may take.
_SHARE_OF_BLOCKS = 0.3

# Slab pixels of a stack up to which inputs are stored from one evaluation to the next, about 400 bytes each.
STORED_PIXELS = 1_000_000


def passes(acquisition: Acquisition, noise: float = np.inf) -> int:
    """How often the posterior mean is evaluated for a beam; 0 where the guide is the better volume.

    Parameters
    ----------
    acquisition : Acquisition
    noise : float
        Standard deviation at mid-range of the projections' noise, relative to their range. Recordings have
        some.
    """
    if acquisition.is_disjoint:
        return 1
    beam = acquisition.sampled_beam
    if (
        acquisition.views > 1
        and noise < _MUCH_NOISE
        and beam.parallax(acquisition.step_length) > _LITTLE_PARALLAX
    ):
        # Without noise the prior took up to 4 dB away from what parallax had located.
        return 0
    return STRAIGHT_PASSES if beam.is_straight else BENT_PASSES


def block_pixels(config: ReconstructionConfig) -> int:
    """Slab pixels of one evaluation in a stack that is reconstructed in blocks."""
    if config.memory_gb is None:
        return PIXELS_ON_CPU
    return min(PIXELS_ON_CPU, int(_SHARE_OF_BLOCKS * config.memory_gb * 1e9 / BYTES_PER_PIXEL))


def working_bytes(volume_shape: tuple[int, ...], samples: int) -> int:
    """Memory that a run holds besides one evaluation: volumes, and the states of a sampler."""
    voxels = int(np.prod(volume_shape))
    states = 5 * ORDERS * 4 * voxels // 6 if samples else 0
    return 4 * voxels * (4 if samples else 2) + states + 500_000_000
