"""A pool of imaged specimens to draw training stacks from."""

from dataclasses import replace

import numpy as np
from scipy.ndimage import zoom

from ..specimens import (
    KINDS,
    TISSUES,
    draw_conditions,
    draw_plain_conditions,
    hollowed,
    image_specimen,
)
from .scanned import varied
from .settings import BatchSettings

_SIDE = 112
# In the order of TISSUES.
_TISSUE_SHARES = (0.22, 0.18, 0.18, 0.1, 0.17, 0.15)
# Structures drawn this many times as large and shrunk, and how often: most are thin for a slab.
_FINENESS = (1.0, 1.5, 2.0)
_FINENESS_SHARES = (0.45, 0.4, 0.15)
# Slices this many times as far apart as pixels, and how often: many a published stack is coarse along z.
_COARSENESS = (1, 2, 3)
_COARSENESS_SHARES = (0.52, 0.3, 0.18)
# How often a coarse one leaves out what lies between its slices, as a point scan in large steps does,
# instead of averaging over it.
_SKIPPING_SHARE = 0.5
# How often a coarse one has been interpolated to slices as close as pixels, as many a published stack is.
_INTERPOLATED_SHARE = 0.4
# How often structures are stained at their surface alone.
_HOLLOW_SHARE = 0.12


class SpecimenPool:
    """A changing set of imaged volumes, each shape (112, 112, 112), drawn from one seeded generator.

    Parameters
    ----------
    settings : BatchSettings
    seed : int
    """

    def __init__(self, settings: BatchSettings, seed: int) -> None:
        self.settings = settings
        # A stream of its own, apart from the seeds that `make_specimen` and the frozen set use.
        self.rng = np.random.default_rng([seed, 1_000_003])
        self._structures: list[np.ndarray] = []
        self._is_plain = False
        self._due = 0.0
        self.volumes: list[np.ndarray] = list(settings.references)
        if not self.volumes:
            self.volumes = [self._image() for _ in range(settings.pool)]

    def _image(self) -> np.ndarray:
        settings = self.settings
        if settings.scanned and self.rng.random() < settings.scanned_share:
            chosen = settings.scanned[int(self.rng.integers(len(settings.scanned)))]
            return varied(chosen, _SIDE, self.rng).astype(np.float16)
        if not self._structures:
            self._is_plain = self.rng.random() < self.settings.plain_share
            structure = self._plain_structure() if self._is_plain else self._structure()
            self._structures = [structure] * self.settings.images_per_structure
        structure = self._structures.pop()
        if self._is_plain:
            volume = image_specimen(structure, draw_plain_conditions(self.rng), self.rng)
        else:
            volume = self._difficult(structure)
        volume = volume.astype(np.float16)
        # A sparse specimen cut at a high threshold can come out empty; there is nothing to learn from it.
        brightest = np.percentile(volume[:, ::2, ::2].astype(np.float32), 99.95)
        return volume if brightest > 0.05 else self._image()

    def _plain_structure(self) -> np.ndarray:
        return TISSUES[str(self.rng.choice(KINDS))](self.rng, (_SIDE, _SIDE, _SIDE))

    def _structure(self) -> np.ndarray:
        """Tissue of any kind, fine or coarse, filled or hollow."""
        rng = self.rng
        kind = str(rng.choice(list(TISSUES), p=_TISSUE_SHARES))
        fineness = float(rng.choice(_FINENESS, p=_FINENESS_SHARES))
        side = round(_SIDE * fineness)
        structure = zoom(TISSUES[kind](rng, (side, side, side)), 1 / fineness, order=1)
        if rng.random() < _HOLLOW_SHARE:
            structure = hollowed(structure, rng.uniform(1, 3), rng.uniform(0.5, 1))
        return np.asarray(structure)

    def _difficult(self, structure: np.ndarray) -> np.ndarray:
        """Imaged in any direction under any conditions, sampled as published stacks are."""
        rng = self.rng
        structure = np.transpose(structure, rng.permutation(3))
        conditions = draw_conditions(rng)
        if rng.random() >= self.settings.noisy_share:
            conditions = replace(conditions, voxel_noise=0.0)
        volume = image_specimen(structure, conditions, rng)
        if (coarseness := int(rng.choice(_COARSENESS, p=_COARSENESS_SHARES))) > 1:
            whole = volume[: len(volume) // coarseness * coarseness]
            grouped = whole.reshape(-1, coarseness, *volume.shape[1:])
            volume = grouped[:, 0] if rng.random() < _SKIPPING_SHARE else grouped.mean(1)
            if rng.random() < _INTERPOLATED_SHARE:
                volume = zoom(volume, (coarseness, 1, 1), order=1, mode="nearest", grid_mode=True)
        return volume

    def renew(self, images: float | None = None) -> None:
        """Replace the oldest volumes: `images` of them, or as many as the settings ask for each batch."""
        if self.settings.references:
            return
        self._due += 1 / self.settings.batches_per_image if images is None else images
        while self._due >= 1:
            self._due -= 1
            self.volumes.pop(0)
            self.volumes.append(self._image())
