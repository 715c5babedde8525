"""Adapting in closed form: what is taught on one half helps the other, and nothing is lost."""

import threading

import numpy as np
import pytest
import torch

from napari_microdiffusion.diffusion.prior import Prior, new_denoiser, resized
from napari_microdiffusion.diffusion.slab import LINEAR_CHANNELS
from napari_microdiffusion.errors import UserError
from napari_microdiffusion.reconstruction.priors import load_prior
from napari_microdiffusion.specimens import make_specimen
from napari_microdiffusion.training.adaptation import closed_form, looks
from napari_microdiffusion.training.adaptation.closed_form import ClosedForm, adapt_in_closed_form
from napari_microdiffusion.training.adaptation.looks import Look, looks_at_halves, shown
from napari_microdiffusion.training.adaptation.normal_equations import OUTPUTS, NormalEquations

TISSUE = make_specimen("nuclei", (24, 32, 64), 3)


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(looks, "_SPECIMEN", (24, 24, 24))
    monkeypatch.setattr(looks, "_OF_A_KIND", 1)


@pytest.fixture
def untrained():
    """A prior that adds nothing to the guide."""
    torch.manual_seed(2)
    return Prior(new_denoiser({"width": 8, "deep_width": 8, "blocks": 1, "deep_blocks": 1}).eval(), {})


def adapted(prior, volumes, n=6) -> ClosedForm:
    *fractions, found = adapt_in_closed_form(prior, volumes, n)
    assert fractions == sorted(fractions)
    assert 0 < fractions[0] <= fractions[-1] <= 1
    return found


@torch.inference_mode()
def explained(prior, volume, n=6) -> float:
    """How many dB of the guide's error within slabs the prior takes away."""
    tissue = shown(Look(volume, n), np.random.default_rng(0))
    missing, weight = closed_form._evaluated(closed_form._Watched(prior.denoiser), tissue)[2:]
    nothing = Prior(new_denoiser({"width": 8, "deep_width": 8, "blocks": 1, "deep_blocks": 1}).eval(), {})
    before = closed_form._evaluated(closed_form._Watched(nothing.denoiser), tissue)[2]
    error, was = (float((weight[:, None] * part.square()).sum()) for part in (missing, before))
    return 10 * np.log10(was / error)


def test_an_untrained_prior_learns_what_helps_on_tissue_it_has_not_seen(untrained):
    found = adapted(untrained, [TISSUE[:, :, :40]])
    assert found.gain > 0.1
    assert explained(found.prior, TISSUE[:, :, 40:]) > 0.1
    assert explained(untrained, TISSUE[:, :, 40:]) == pytest.approx(0, abs=1e-3)
    assert found.prior.card["adapted_in_closed_form"]["gain_db"] == found.gain


def test_it_is_the_shipped_network_that_is_changed_and_only_a_copy():
    general = load_prior("general")
    before = general.denoiser.network.head.weight.clone()
    found = adapted(general, [TISSUE])
    assert torch.equal(general.denoiser.network.head.weight, before)
    assert found.gain >= 0
    network = found.prior.denoiser.network
    if found.noisy:
        assert not torch.equal(network.head.weight, before)
    if found.gain:
        assert network.if_clean is not None
        assert network.if_clean.head.weight.any()
        # Slab means are the noise's business.
        assert torch.equal(network.head.weight[:4], before[:4])
        assert not network.if_clean.head.weight[:4].any()


def test_a_step_of_the_code_comes_first_where_tissues_are_known(untrained):
    """And its gain counts where there is no noise."""
    denoiser = resized(untrained.denoiser, tissue_directions=4).eval()
    torch.manual_seed(5)
    with torch.no_grad():
        for value in denoiser.network.parameters():
            value += 0.05 * torch.randn(value.shape)
        denoiser.network.tissues.directions.copy_(torch.eye(4, 128))
        denoiser.network.tissues.trust.fill_(0.05)
    prior = Prior(denoiser, {})
    found = adapted(prior, [TISSUE[:, :, :40]])
    assert found.code.gain > 0
    code = found.prior.denoiser.network.if_clean.code
    torch.testing.assert_close(code.detach(), found.code.change)
    by_layers = [
        *(found.clean.gains if found.clean else (0.0,)),
        *(found.noisy.gains if found.noisy else (0.0,) * 3),
    ]
    assert found.gain == pytest.approx((found.code.gain + sum(by_layers)) / 4)
    assert explained(found.prior, TISSUE[:, :, 40:]) > explained(prior, TISSUE[:, :, 40:])
    # It can be trained further.
    assert all(value.requires_grad for value in found.prior.denoiser.parameters())


def test_what_teaches_nothing_changes_nothing(untrained, rng):
    """Of noise no half can tell what the other holds."""
    found = adapted(untrained, [rng.random((24, 32, 64)).astype(np.float32)])
    assert found.gain < 0.1
    assert found.gain > 0 or found.prior is untrained


def equations(slope) -> NormalEquations:
    """What is missing is so many times a feature."""
    feature = torch.linspace(-1, 1, 20)[:, None]
    found = NormalEquations(1)
    missing = (slope * feature[:, :, None]).expand(20, OUTPUTS, 4)
    found.add([torch.cat([feature, missing.flatten(1)], 1)], torch.arange(0), torch.arange(OUTPUTS))
    return found


NOTHING, ALIKE = equations(0.0).scaled(0), torch.ones(OUTPUTS)


def test_what_helps_one_half_much_must_not_harm_the_other():
    halves = [equations(1.0), equations(0.4)]
    choice = closed_form._chosen([halves], halves, NOTHING, ALIKE)
    assert choice is not None
    assert min(choice.gains) > 0
    for judge, teacher in (halves, halves[::-1]):
        assert (
            float(judge.explained(teacher.solve(NOTHING, [choice.strength])[0], [choice.share])[0].sum()) > 0
        )
    # Where they contradict each other nothing is taken.
    halves = [equations(1.0), equations(-0.4)]
    assert closed_form._chosen([halves], halves, NOTHING, ALIKE) is None


def test_what_helps_at_one_light_much_must_not_harm_at_another():
    much, little = [equations(1.0)] * 2, [equations(-0.1)] * 2
    both = [a + b for a, b in zip(much, little, strict=True)]
    assert closed_form._chosen([much], much, NOTHING, ALIKE) is not None
    assert closed_form._chosen([much, little], both, NOTHING, ALIKE) is None


def test_normal_equations_are_those_of_all_features_of_a_pixel():
    """Against least squares of every pixel for itself."""
    torch.manual_seed(1)
    around, own = torch.randn(500, 7), torch.randn(500, 4, LINEAR_CHANNELS)
    missing, weight = torch.randn(500, OUTPUTS, 4), torch.rand(500)
    found = NormalEquations(7)
    root = weight.sqrt()[:, None]
    rows = root * torch.cat([around, own.flatten(1), missing.flatten(1)], 1)
    found.add(rows.split(300), torch.arange(LINEAR_CHANNELS), torch.arange(OUTPUTS))
    nothing = NormalEquations(7)
    solution = found.solve(nothing, [1.0])[0]
    for pixel in range(4):
        features = torch.cat([around, own[:, pixel]], 1).double()
        root = weight.double().sqrt()[:, None]
        expected = torch.linalg.lstsq(features * root, missing[:, :, pixel].double() * root).solution
        torch.testing.assert_close(solution[pixel], expected, atol=2e-3, rtol=2e-2)
    left = sum(
        (
            weight[:, None]
            * (missing[:, :, p] - torch.cat([around, own[:, p]], 1) @ solution[p].float()).square()
        ).sum(0)
        for p in range(4)
    )
    explained = found.energy - found.explained(solution)[0]
    torch.testing.assert_close(explained, left.double(), atol=1e-2, rtol=1e-4)


def test_clean_and_noisy_projections_are_learned_apart(untrained):
    solution = torch.randn(4, 9 * 8 + 1 + LINEAR_CHANNELS, OUTPUTS, dtype=torch.float64)
    changed = closed_form._changed(untrained.denoiser, solution, None)
    rng = np.random.default_rng(3)
    for photons, is_changed in ((0.0, True), (100.0, False)):
        tissue = shown(Look(TISSUE, 6, photons), rng)
        before, after = (d.expected_residual(tissue.inputs) for d in (untrained.denoiser, changed))
        assert np.array_equal(before, after) != is_changed
        # Slab means are the noise's business.
        assert np.array_equal(before[:, 0], after[:, 0])
    # The other way round.
    changed = closed_form._changed(untrained.denoiser, None, solution)
    clean = shown(Look(TISSUE, 6), rng).inputs
    before, after = (d.expected_residual(clean) for d in (untrained.denoiser, changed))
    np.testing.assert_allclose(after, before, atol=1e-4)


def test_halves_are_cut_along_the_longer_side_before_they_are_looked_at():
    rows = np.arange(60, dtype=np.float32)[None, :, None] * np.ones((24, 1, 20), np.float32)
    pairs = list(looks_at_halves([rows], (6,)))
    assert len({pair[0].photons for pair in pairs}) > 2
    for first, second in pairs:
        assert first.photons == second.photons
        assert first.volume.max() + 8 < second.volume.min() + 1


def test_pieces_come_from_all_depths():
    depths = np.arange(200, dtype=np.float32)[:, None, None] * np.ones((200, 16, 64), np.float32)
    first = [pair[0].volume for pair in looks_at_halves([depths], (6,)) if pair[0].photons == 0]
    assert min(piece.min() for piece in first) < 20
    assert max(piece.max() for piece in first) > 180


def test_what_changes_usual_tissue_too_much_is_not_taken(monkeypatch):
    much = [equations(1.0)] * 2
    usual = equations(0.5)
    assert closed_form._chosen([much], much, usual, ALIKE) is not None
    monkeypatch.setattr(closed_form, "_LARGEST_CHANGE", 1e-6)
    assert closed_form._chosen([much], much, usual, ALIKE) is None


def test_clean_and_noisy_looks_see_every_step_length(rng):
    tissue = np.repeat(TISSUE, 2, 0)
    halves = [first for first, _ in looks_at_halves([tissue], (4, 6, 8))]
    usual = list(looks.looks_at_usual_tissue([6, 12], rng))
    for seen, steps in ((halves, {4, 6, 8}), (usual, {6, 12})):
        for is_clean in (True, False):
            assert {look.step_length for look in seen if (look.photons == 0) is is_clean} == steps


def test_a_piece_without_structure_is_passed_over(untrained):
    """Half of the tissue is dark: neither half can be judged by the other, and nothing changes."""
    dark = TISSUE.copy()
    dark[:, :, 30:] = 0
    assert adapted(untrained, [dark]).prior is untrained


def test_it_can_be_left_at_any_time_and_leaves_nothing_behind(untrained):
    threads = torch.get_num_threads()
    adapting = adapt_in_closed_form(untrained, [TISSUE], 6)
    assert 0 < next(adapting) < 1
    adapting.close()
    assert torch.get_num_threads() == threads
    for thread in threading.enumerate():
        if thread.name.startswith("looks"):
            thread.join(5)
            assert not thread.is_alive()


def test_it_is_the_same_however_many_looks_are_evaluated_at_once(untrained, monkeypatch):
    found = adapted(untrained, [TISSUE])
    monkeypatch.setattr(closed_form, "_AT_ONCE", 1)
    again = adapted(untrained, [TISSUE])
    assert [c and (c.strength, c.share) for c in (again.clean, again.noisy)] == [
        c and (c.strength, c.share) for c in (found.clean, found.noisy)
    ]
    assert again.gain == pytest.approx(found.gain, rel=1e-3)


def test_an_adapted_prior_is_saved_and_read_again(untrained, tmp_path):
    found = adapted(untrained, [TISSUE])
    found.prior.save(tmp_path / "a.safetensors")
    again = Prior.load(tmp_path / "a.safetensors")
    assert explained(again, TISSUE) == pytest.approx(explained(found.prior, TISSUE), abs=1e-3)


def test_too_small_a_reference_is_refused_in_a_sentence(untrained):
    with pytest.raises(UserError, match="too small to adapt to: 18 slices and 32 pixels"):
        adapted(untrained, [TISSUE[:10]])
