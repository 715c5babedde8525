"""What a batch of training consists of."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class BatchSettings:
    """What a batch consists of."""

    stacks: int = 4
    slabs: int = 6
    patch: int = 48
    pool: int = 48
    images_per_structure: int = 3
    batches_per_image: float = 4
    recordings: int = 32
    """Recordings kept to cut patches from."""
    first_recordings: int | None = None
    """How many of them there are before the first batch, with one more a batch; all of them where None."""
    patches_per_recording: float = 6
    """How many patches are cut from one."""
    references: Sequence[np.ndarray] = field(default_factory=tuple)
    """Point-scanned volumes to learn from instead of procedural specimens."""
    scanned: Sequence[np.ndarray] = field(default_factory=tuple)
    """Volumes that are drawn from beside the procedural specimens."""
    scanned_share: float = 0.0
    """How many of the specimens are pieces of those."""
    step_length: int | None = None
    """The only step length to learn; all that the diffusion serves where None."""
    noisy_share: float = 1.0
    """How many of the specimens with noise of the point scan itself keep it."""
    plain_share: float = 0.2
    """How many specimens are tissue of one kind, sampled finely, recorded as a user is content with."""
