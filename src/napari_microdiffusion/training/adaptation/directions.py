"""In which directions of the code tissues differ, learned from many of them.

A piece of a tissue says by the gradient of its error which code it would rather have. What pieces from both
sides of a volume ask for alike belongs to the tissue; what only one of them asks for is chance. So directions
are those in which the gradients of both sides vary together most, and the trust along each is the share of
one side's variation that the other shares: a Wiener filter. All is measured in the curvature of the error on
usual tissue, in which a unit in any direction changes answers as much.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ...diffusion.networks import TissueDirections
from ...diffusion.preconditioning import Denoiser
from ...diffusion.prior import Prior, resized
from ..pool import SpecimenPool
from ..recordings import random_piece
from ..settings import BatchSettings
from .looks import Look, Shown, shown
from .tissue_code import coded, curvature, slope

# Step lengths of the tissues, and slabs and pixels along a side of a piece.
_STEP_LENGTHS = (4, 6, 6, 8)
_LEAST_SLABS, _SLABS, _SIDE = 3, 8, 48
# Pieces of each side of a tissue.
_PIECES = 2
# Added to what all tissues have in common, relative to its mean, so that it can be inverted.
_RIDGE_OF_CURVATURE, _RIDGE_OF_GRADIENTS = 1e-3, 0.05
# Tissues whose curvature or gradients are smaller than this, relative to usual ones or in the unit of the
# curvature, count as if they were so large.
_LEAST_CURVATURE, _LEAST_GRADIENT = 0.3, 0.05


@dataclass(frozen=True, eq=False)
class TissueGradients:
    """What a tissue says: slopes of both sides, shape (2, embedding), and the error's curvature."""

    slopes: Tensor
    curvature: Tensor

    @property
    def is_finite(self) -> bool:
        """Whether it can be used: a piece that is nearly empty may say nothing."""
        return bool(self.slopes.isfinite().all() and self.curvature.isfinite().all())


def tissues(settings: BatchSettings, seed: int) -> Iterator[list[list[Shown]]]:
    """Endless tissues like those of a training: clean pieces of two sides of each."""
    rng = np.random.default_rng([seed, 1_000_007])
    pool = SpecimenPool(replace(settings, pool=1, images_per_structure=1), seed)
    while True:
        volume = pool.volumes[-1].astype(np.float32)
        pool.renew(images=1)
        n = int(rng.choice(_STEP_LENGTHS))
        if len(volume) < _LEAST_SLABS * n or min(volume.shape[1:]) < _SIDE:
            continue
        if rng.random() < 0.5:
            volume = volume.swapaxes(1, 2)
        sides = np.array_split(volume, 2, axis=2)
        pieces = [[shown(Look(_piece(side, n, rng), n)) for _ in range(_PIECES)] for side in sides]
        found = [[piece for piece in side if piece is not None] for side in pieces]
        if all(len(side) == _PIECES for side in found):
            yield found


def gradients(
    denoiser: Denoiser, sides: Sequence[Sequence[Shown]], generator: torch.Generator
) -> TissueGradients:
    """What both sides of a tissue say."""
    still = coded(denoiser)
    slopes = [torch.stack([slope(still, piece)[1] for piece in side]).mean(0) for side in sides]
    return TissueGradients(torch.stack(slopes).double(), curvature(still, sides[0][0], generator).double())


def directions(found: Sequence[TissueGradients], count: int) -> TissueDirections:
    """The directions in which tissues differ most.

    Parameters
    ----------
    found : sequence of TissueGradients
        Of many tissues, some hundred at least.
    count : int
        How many directions.
    """
    curvatures = torch.stack([tissue.curvature for tissue in found])
    sizes = torch.stack([own.trace() for own in curvatures])
    usual = float(sizes.median())
    # Every tissue counts alike, but for those on which nearly nothing changes.
    mean = (curvatures * (usual / sizes.clamp_min(_LEAST_CURVATURE * usual))[:, None, None]).mean(0)
    embedding = len(mean)
    root = torch.linalg.cholesky(mean + _RIDGE_OF_CURVATURE * mean.trace() / embedding * torch.eye(embedding))
    first, second = (
        torch.linalg.solve_triangular(root, side.T, upper=False).T
        for side in torch.stack([tissue.slopes for tissue in found], 1)
    )
    weight = 1 / ((first.norm(dim=1) + second.norm(dim=1)) / 2).clamp_min(_LEAST_GRADIENT)[:, None]
    first, second = first * weight, second * weight
    shared = (first.T @ second + second.T @ first) / 2
    whole = (first.T @ first + second.T @ second) / 2
    most = torch.linalg.eigh(shared).eigenvectors.flip(1)[:, :count]
    signal, all_ = most.T @ shared @ most, most.T @ whole @ most
    all_ += _RIDGE_OF_GRADIENTS * all_.trace() / count * torch.eye(count)
    filtered = signal @ torch.linalg.inv(all_)
    trust, turn = torch.linalg.eigh((filtered + filtered.T) / 2)
    known = TissueDirections(count, embedding)
    known.directions.copy_(torch.linalg.solve_triangular(root.T, most @ turn, upper=True).T)
    known.trust.copy_(trust.clamp(0, 1))
    return known


def with_directions(prior: Prior, found: Iterable[TissueGradients], count: int) -> Prior:
    """The prior with directions learned; its answers are the same."""
    gathered = [tissue for tissue in found if tissue.is_finite]
    denoiser = resized(prior.denoiser, tissue_directions=count).eval()
    denoiser.network.tissues = directions(gathered, count)
    card = prior.card | {"tissue_directions": {"tissues": len(gathered), "directions": count}}
    return replace(prior, denoiser=denoiser, card=card)


def _piece(side: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Some slabs of some pixels."""
    sizes = (min(len(side) // n, _SLABS) * n, *(min(size, _SIDE) for size in side.shape[1:]))
    return np.ascontiguousarray(random_piece(side, sizes, rng))
