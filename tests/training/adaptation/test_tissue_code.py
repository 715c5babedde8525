"""The code's step towards a tissue: downhill, bounded, and only where both halves gain."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from napari_microdiffusion.diffusion.prior import new_denoiser
from napari_microdiffusion.specimens import make_specimen
from napari_microdiffusion.training.adaptation import tissue_code
from napari_microdiffusion.training.adaptation.looks import Look, Shown, shown
from napari_microdiffusion.training.adaptation.tissue_code import (
    code_step,
    coded,
    curvature,
    missing_of,
    slope,
)

TISSUE = make_specimen("nuclei", (24, 24, 56), 3)
SIZES = {"width": 8, "deep_width": 8, "blocks": 1, "deep_blocks": 1, "embedding": 8, "tissue_directions": 8}


@pytest.fixture(autouse=True)
def in_full_precision(monkeypatch):
    monkeypatch.setattr(tissue_code, "has_bfloat16", lambda device: False)


@pytest.fixture
def denoiser():
    """One whose answers depend on its code; any of its directions is trusted a little."""
    torch.manual_seed(4)
    made = new_denoiser(SIZES).eval()
    with torch.no_grad():
        for value in made.network.parameters():
            value += 0.1 * torch.randn(value.shape)
        made.network.tissues.directions.copy_(torch.eye(8))
        made.network.tissues.trust.fill_(0.05)
    return made


@pytest.fixture
def halves():
    return [[shown(Look(TISSUE[:, :, part], 6))] for part in (np.s_[:24], np.s_[32:])]


def result_of(steps):
    """What a generator returns, and what it yields."""
    told = []
    while True:
        try:
            told.append(next(steps))
        except StopIteration as end:
            return end.value, told


def stepped(denoiser, halves):
    with ThreadPoolExecutor(2) as executor:
        return result_of(code_step(denoiser, halves, executor, (0.1, 0.5)))


def test_what_both_halves_ask_for_helps_both(denoiser, halves):
    step, told = stepped(denoiser, halves)
    assert step.gain > 0
    assert told == sorted(told)
    assert 0.1 < told[0] < told[-1] == 0.5
    changed = coded(denoiser, step.change)
    for (piece,) in halves:
        assert slope(changed, piece)[0] < slope(coded(denoiser), piece)[0]


def test_the_step_is_bounded_however_steep_the_error(denoiser, halves):
    denoiser.network.tissues.trust.fill_(1e3)
    change = tissue_code._step(denoiser.network.tissues, slope(coded(denoiser), halves[0][0])[1])
    # The directions are those of an orthonormal frame here.
    assert float(change.norm()) == pytest.approx(tissue_code.LARGEST_CHANGE, rel=1e-4)


def test_halves_that_contradict_each_other_leave_the_code_as_it_is(denoiser, halves):
    (piece,), _ = halves
    answer = piece.residual + 0
    missing = missing_of(coded(denoiser), piece).detach().numpy()
    # The same tissue, in which the denoiser errs the other way.
    answer[:, 1:] -= 2 * missing
    assert stepped(denoiser, [[piece], [Shown(piece.inputs, answer)]])[0] is None


@pytest.mark.parametrize("what", ["directions", "pieces"])
def test_without_directions_or_pieces_there_is_no_step(denoiser, halves, what):
    if what == "directions":
        denoiser.network.tissues = None
    else:
        halves[1] = []
    assert stepped(denoiser, halves) == (None, [])


def test_the_denoiser_stays_as_it_is(denoiser, halves):
    before = {name: value.clone() for name, value in denoiser.state_dict().items()}
    stepped(denoiser, halves)
    assert all(torch.equal(value, before[name]) for name, value in denoiser.state_dict().items())
    assert all(value.requires_grad for value in denoiser.parameters())


def test_the_slope_is_that_of_the_error(denoiser, halves):
    (piece,), _ = halves
    found = slope(coded(denoiser), piece)[1]
    along = found / found.norm()
    ahead, behind = (slope(coded(denoiser, size * along), piece)[0] for size in (1e-2, -1e-2))
    assert (ahead - behind) / 2e-2 == pytest.approx(float(found.norm()), rel=1e-2)


def test_the_curvature_tells_how_much_answers_change(denoiser):
    piece = shown(Look(TISSUE[:, :16, :16], 6))
    found = curvature(coded(denoiser), piece, torch.Generator().manual_seed(1), samples=100)
    torch.testing.assert_close(found, found.T)
    along = torch.linalg.eigh(found).eigenvectors[:, -1]
    with torch.no_grad():
        missing, there = (missing_of(coded(denoiser, change), piece) for change in (None, 1e-2 * along))
        relative = (there - missing).square().sum(1).mean((1, 2)) / tissue_code._errors(missing)
    assert 2 * float(relative.mean()) / 1e-4 == pytest.approx(float(along @ found @ along), rel=0.25)
