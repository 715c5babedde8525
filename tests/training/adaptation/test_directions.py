"""Directions in which tissues differ: found among chance, scaled by the curvature."""

import numpy as np
import torch

from napari_microdiffusion.diffusion.prior import Prior, new_denoiser
from napari_microdiffusion.training.adaptation.directions import (
    TissueGradients,
    directions,
    gradients,
    tissues,
    with_directions,
)
from napari_microdiffusion.training.settings import BatchSettings

EMBEDDING = 6
SIZES = {"width": 8, "deep_width": 8, "blocks": 1, "deep_blocks": 1, "embedding": EMBEDDING}


def synthetic(count, chance, curvature, rng) -> list[TissueGradients]:
    """Tissues that differ along the first axis much, along the second less, and not along the others."""
    found = []
    for _ in range(count):
        own = np.zeros(EMBEDDING)
        own[:2] = rng.standard_normal(2) * [3, 1]
        slopes = own + chance * rng.standard_normal((2, EMBEDDING))
        found.append(TissueGradients(torch.from_numpy(slopes), curvature))
    return found


def test_what_both_sides_share_is_found_among_chance(rng):
    known = directions(synthetic(2000, 0.5, torch.eye(EMBEDDING, dtype=torch.float64), rng), 2)
    others = known.directions[:, 2:].norm(dim=1)
    assert (others < 0.1 * known.directions.norm(dim=1)).all()
    # The more both sides vary together relative to chance, the more one of them is to be trusted.
    main = known.directions.abs().argmax(1)
    trust = {int(axis): float(value) for axis, value in zip(main, known.trust, strict=True)}
    assert trust.keys() == {0, 1}
    assert 0.5 < trust[1] < trust[0] < 1


def test_chance_alone_is_hardly_trusted(rng):
    found = synthetic(2000, 0.5, torch.eye(EMBEDDING, dtype=torch.float64), rng)
    chance = [TissueGradients(torch.randn(2, EMBEDDING).double(), one.curvature) for one in found]
    assert float(directions(chance, 2).trust.max()) < 0.1


def test_a_unit_along_any_direction_changes_answers_as_much(rng):
    root = rng.standard_normal((EMBEDDING, EMBEDDING)) + 3 * np.eye(EMBEDDING)
    curvature = torch.from_numpy(root @ root.T)
    known = directions(synthetic(500, 0.5, curvature, rng), 3).directions.double()
    torch.testing.assert_close(
        known @ curvature @ known.T, torch.eye(3, dtype=torch.float64), atol=0.01, rtol=0.01
    )


def test_they_are_learned_from_tissues_and_kept_in_the_file(tmp_path):
    torch.manual_seed(3)
    prior = Prior(new_denoiser(SIZES).eval(), {"made": "for a test"})
    with torch.no_grad():
        for value in prior.denoiser.network.parameters():
            value += 0.1 * torch.randn(value.shape)
    drawn = tissues(BatchSettings(), 5)
    generator = torch.Generator().manual_seed(1)
    sides = [next(drawn) for _ in range(2)]
    assert all(len(pieces) == 2 for tissue in sides for pieces in tissue)
    found = [gradients(prior.denoiser, tissue, generator) for tissue in sides]
    silent = TissueGradients(torch.full((2, EMBEDDING), torch.nan), found[0].curvature)
    learned = with_directions(prior, [*found, silent], 2)
    learned.save(tmp_path / "p.safetensors")
    again = Prior.load(tmp_path / "p.safetensors")
    known = again.denoiser.network.tissues
    assert known is not None
    assert torch.equal(known.directions, learned.denoiser.network.tissues.directions)
    assert known.directions.any()
    assert again.card["tissue_directions"] == {"tissues": 2, "directions": 2}
    piece = sides[0][0][0].inputs
    before, after = (one.denoiser.expected_residual(piece) for one in (prior, again))
    np.testing.assert_array_equal(before, after)
    # Learned anew, of another number.
    fewer = with_directions(again, found, 1).denoiser
    assert fewer.network.tissues is not None
    assert fewer.network.tissues.trust.shape == (1,)
    np.testing.assert_array_equal(fewer.expected_residual(piece), before)
