"""Adapting in closed form: what is taught on one half helps the other, and nothing is lost."""

import threading

import numpy as np
import pytest
import torch

from napari_microdiffusion.diffusion.prior import Prior, new_denoiser
from napari_microdiffusion.diffusion.slab import LINEAR_CHANNELS
from napari_microdiffusion.errors import UserError
from napari_microdiffusion.reconstruction.priors import load_prior
from napari_microdiffusion.specimens import make_specimen
from napari_microdiffusion.training import closed_form, looks
from napari_microdiffusion.training.closed_form import ClosedForm, adapt_in_closed_form
from napari_microdiffusion.training.looks import Look, looks_at_halves, shown
from napari_microdiffusion.training.normal_equations import OUTPUTS, NormalEquations

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
    missing, weight = closed_form._evaluated(prior.denoiser, tissue)[2:]
    nothing = Prior(new_denoiser({"width": 8, "deep_width": 8, "blocks": 1, "deep_blocks": 1}).eval(), {})
    before = closed_form._evaluated(nothing.denoiser, tissue)[2]
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
    if found.gain:
        assert not torch.equal(found.prior.denoiser.network.head.weight, before)
        # Slab means are the noise's business.
        assert torch.equal(found.prior.denoiser.network.head.weight[:4], before[:4])


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
    found.add(feature, torch.zeros(20, 4, LINEAR_CHANNELS), missing, torch.ones(20))
    return found


NOTHING, ALIKE = equations(0.0).scaled(0), torch.ones(OUTPUTS)


def test_what_helps_one_half_much_must_not_harm_the_other():
    halves = [equations(1.0), equations(0.4)]
    strength, share, gain = closed_form._chosen([halves], halves, NOTHING, ALIKE)
    assert gain > 0
    for judge, teacher in (halves, halves[::-1]):
        assert float(judge.explained(teacher.solve(NOTHING, strength), [share])[0].sum()) > 0
    # Where they contradict each other nothing is taken.
    halves = [equations(1.0), equations(-0.4)]
    assert closed_form._chosen([halves], halves, NOTHING, ALIKE)[0] is None


def test_what_helps_clean_projections_much_must_not_harm_noisy_ones():
    clean, noisy = [equations(1.0)] * 2, [equations(-0.1)] * 2
    both = [a + b for a, b in zip(clean, noisy, strict=True)]
    assert closed_form._chosen([clean], clean, NOTHING, ALIKE)[0] is not None
    assert closed_form._chosen([clean, noisy], both, NOTHING, ALIKE)[0] is None


def test_halves_are_cut_along_the_longer_side_before_they_are_looked_at():
    rows = np.arange(60, dtype=np.float32)[None, :, None] * np.ones((24, 1, 20), np.float32)
    pairs = list(looks_at_halves([rows], (6,), np.random.default_rng(0)))
    assert len({pair[0].photons for pair in pairs}) > 2
    for first, second in pairs:
        assert first.photons == second.photons
        assert first.volume.max() + 8 < second.volume.min() + 1


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
    assert again.strength == found.strength
    assert again.gain == pytest.approx(found.gain, rel=1e-3)


def test_an_adapted_prior_is_saved_and_read_again(untrained, tmp_path):
    found = adapted(untrained, [TISSUE])
    found.prior.save(tmp_path / "a.safetensors")
    again = Prior.load(tmp_path / "a.safetensors")
    assert explained(again, TISSUE) == pytest.approx(explained(found.prior, TISSUE), abs=1e-3)


def test_too_small_a_reference_is_refused_in_a_sentence(untrained):
    with pytest.raises(UserError, match="too small to adapt to: 18 slices and 32 pixels"):
        adapted(untrained, [TISSUE[:10]])
