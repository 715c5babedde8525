"""Data consistency has one interface, whatever the beam, and keeps what it promises for each."""

import numpy as np
import pytest

from napari_microdiffusion.optics import Acquisition, simulate_projections
from napari_microdiffusion.reconstruction.data_consistency import data_consistency, misfit
from napari_microdiffusion.reconstruction.events import CancelToken, SliceReady
from napari_microdiffusion.reconstruction.facts import StackFacts
from napari_microdiffusion.reconstruction.run_state import RunState
from napari_microdiffusion.settings.method import ReconstructionConfig
from napari_microdiffusion.specimens import make_specimen

BEAMS = {
    "disjoint": {},
    "wide": {"beam": "bessel"},
    "bent": {"beam": "airy", "bend": 0.1},
    "two views": {"tilt": 0.4, "views": 2},
}


@pytest.fixture(scope="module")
def truth():
    return make_specimen("vasculature", (24, 20, 20), 3) * np.float32(100)


def setting(truth, beam, consistency):
    acquisition = Acquisition(step_length=4, **BEAMS[beam])
    projections = simulate_projections(truth, acquisition)
    facts = StackFacts(projections, acquisition, ReconstructionConfig(consistency=consistency))
    state = RunState.of(facts, CancelToken())
    return facts, state, data_consistency(facts, state.cancel.check)


def finished(facts, state, consistency):
    """A volume of nothing but a constant, made consistent slab by slab and then as a whole."""
    guide = consistency.start(np.full(facts.volume_shape, facts.measured.mean(), np.float32))
    slices = consistency.enforce_on_slabs(guide, facts.slabs, facts.region)
    list(state.write(slices, facts.slabs, facts.region, "guide"))
    return list(consistency.enforce_on_volume(state, "guide"))


@pytest.mark.parametrize("beam", BEAMS)
def test_the_finished_volume_reproduces_the_measurement(truth, beam):
    facts, state, consistency = setting(truth, beam, "exact")
    finished(facts, state, consistency)
    span = facts.scale.span
    assert consistency.reprojection_max(state.volume) < 2e-3 * span
    assert consistency.slab_projections(state.volume).shape == facts.shape
    np.testing.assert_allclose(consistency.reprojected(state.volume), facts.measured, atol=2e-3 * span)


@pytest.mark.parametrize("beam", BEAMS)
def test_the_whole_volume_is_announced_where_slabs_could_not_be_consistent_alone(truth, beam):
    facts, state, consistency = setting(truth, beam, "exact")
    events = finished(facts, state, consistency)
    announced = [event.z for event in events if isinstance(event, SliceReady)]
    assert announced == ([] if beam == "disjoint" else list(range(len(state.volume))))


@pytest.mark.parametrize("beam", BEAMS)
def test_none_leaves_everything_as_it_comes(truth, beam):
    facts, state, consistency = setting(truth, beam, "none")
    finished(facts, state, consistency)
    np.testing.assert_allclose(state.volume, facts.measured.mean(), rtol=1e-6)
    assert misfit(facts, consistency, state.volume) is None


@pytest.mark.parametrize("photons", [15, 60])
def test_the_misfit_is_not_judged_by_pixels_that_no_photon_can_reach(photons):
    """Photons are counted, most of the image is zero, and the noise is estimated from that."""
    truth = make_specimen("neurons", (48, 96, 96), 5)
    truth *= photons / np.percentile(truth.reshape(8, 6, 96, 96).mean(1), 99.9)
    measured = np.random.default_rng(0).poisson(truth.reshape(8, 6, 96, 96).mean(1)).astype(np.float32)
    config = ReconstructionConfig(guide="nearest", diffusion="off", consistency="noise")
    facts = StackFacts(measured, Acquisition(step_length=6), config)
    found = misfit(facts, data_consistency(facts, lambda: None), truth)
    assert found.rms == pytest.approx(1, abs=0.2)
    assert 0 < found.pixels < measured.size


def test_noise_in_the_dark_of_a_sparse_specimen_is_no_fine_structure(rng):
    light = np.zeros((8, 96, 96), np.float32)
    light[:, 40, 10:40] = 1000
    noisy = light + rng.normal(0, 12, light.shape).astype(np.float32)
    config = ReconstructionConfig()
    noise = StackFacts(noisy, Acquisition(step_length=6), config).noise
    assert noise.read_noise == pytest.approx(12, rel=0.15)
    assert StackFacts(light, Acquisition(step_length=6), config).noise.is_negligible


@pytest.mark.parametrize("photons", [5, 15, 240])
def test_the_misfit_of_the_truth_is_one_even_where_hardly_a_photon_is_expected(photons):
    truth = np.zeros((24, 48, 48), np.float32)
    truth[:, 20:24, 10:40] = 1000
    acquisition = Acquisition(step_length=4)
    clean = simulate_projections(truth, acquisition)
    gain = 1000 / photons
    noise = {"photon_gain": gain, "read_noise": 10.0}
    counts = np.random.default_rng(0).poisson((clean + 1) / gain)
    measured = (counts * gain + np.random.default_rng(1).normal(0, 10, clean.shape)).astype(np.float32)
    acquisition = acquisition.model_copy(update=noise)
    config = ReconstructionConfig(guide="nearest", diffusion="off", consistency="noise")
    facts = StackFacts(measured, acquisition, config)
    consistency = data_consistency(facts, lambda: None)
    found = misfit(facts, consistency, truth + 1)
    assert found.rms == pytest.approx(1, abs=0.15)
