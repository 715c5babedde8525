"""Whole runs through beams that leave their slabs."""

import numpy as np
import pytest

from napari_microdiffusion.errors import Cancelled, UsageError, UserError
from napari_microdiffusion.optics import Acquisition, BeamOperator, simulate_projections
from napari_microdiffusion.reconstruction.engine import reconstruct
from napari_microdiffusion.reconstruction.events import CancelToken, SliceReady
from napari_microdiffusion.reconstruction.slab import evaluations
from napari_microdiffusion.reconstruction.slab import stages as slab
from napari_microdiffusion.reconstruction.slab.prior_weight import SelfTest
from napari_microdiffusion.specimens import make_specimen

BEAMS = [
    {"beam": "bessel"},
    {"width": 7.5},
    {"step_length": 3, "width": 6},
    {"tilt": 0.5},
    {"beam": "airy", "bend": 0.15, "apex": -3, "views": 2},
]


def acquisition_of(beam: dict) -> Acquisition:
    return Acquisition(**{"step_length": 4, **beam})


def result_of(projections, acquisition, config, **more):
    return list(reconstruct(projections, acquisition, config, **more))[-1].result


@pytest.fixture(scope="module")
def specimen() -> np.ndarray:
    return make_specimen("neurons", (36, 24, 24), 3)


@pytest.mark.parametrize("beam", BEAMS)
def test_a_uniform_specimen_comes_out_uniform_to_the_edges(configure, beam):
    # One faint spot gives the projections a range; everywhere else nothing varies.
    acquisition = acquisition_of(beam)
    volume = np.full((9 * acquisition.step_length, 20, 20), 50.0)
    volume[len(volume) // 2, 10, 10] += 5
    projections = simulate_projections(volume, acquisition)
    result = result_of(projections, acquisition, configure(diffusion="off", samples=0))
    far = np.ones((20, 20), bool)
    far[4:17, 3:18] = False
    np.testing.assert_allclose(result.volume[:, far], 50, atol=0.05)


@pytest.mark.parametrize("beam", BEAMS)
@pytest.mark.parametrize("consistency", ["exact", "nonnegative"])
def test_the_result_reprojects_through_the_beam(specimen, configure, beam, consistency):
    acquisition = acquisition_of(beam)
    projections = simulate_projections(specimen, acquisition)
    result = result_of(projections, acquisition, configure(samples=1, consistency=consistency))
    count = len(projections) // acquisition.views
    assert result.volume.shape == (count * acquisition.step_length, 24, 24)
    straight = BeamOperator(acquisition.beams, acquisition.step_length, (count, 24, 24)).is_straight
    # Half-width steps are solved with the damping that their noise asks for.
    assert result.reprojection_max < (1e-3 if straight else 2e-2)
    if consistency == "nonnegative":
        assert result.volume.min() >= 0
    assert result.uncertainty.shape == result.volume.shape
    assert (result.uncertainty > 0).any()


@pytest.mark.parametrize("guide", ["nearest", "linear", "histospline", "inr"])
def test_every_guide_is_made_consistent(specimen, configure, guide):
    acquisition = acquisition_of({"beam": "bessel"})
    projections = simulate_projections(specimen, acquisition)
    config = configure(guide=guide, diffusion="off", samples=0, inr={"epochs": 4})
    assert result_of(projections, acquisition, config).reprojection_max < 1e-4


def test_knowing_the_beam_is_worth_something(specimen, configure):
    acquisition = Acquisition(step_length=6, width=12)
    projections = simulate_projections(specimen, acquisition)
    config = configure(diffusion="off", samples=0)
    inside = slice(6, -6)
    errors = [
        np.square(result_of(projections, assumed, config).volume - specimen)[inside].mean()
        for assumed in (acquisition, Acquisition(step_length=6))
    ]
    assert errors[0] < 0.8 * errors[1]


def test_slabs_stream_in_before_they_are_consistent_and_whole_afterwards(specimen, configure):
    acquisition = acquisition_of({"beam": "bessel"})
    projections = simulate_projections(specimen, acquisition)
    events = list(reconstruct(projections, acquisition, configure(samples=0)))
    volume = np.zeros((36, 24, 24), np.float32)
    for event in events:
        if isinstance(event, SliceReady) and event.quantity == "volume":
            volume[event.z] = event.plane
    np.testing.assert_array_equal(volume, events[-1].result.volume)


def test_noise_aware_consistency_is_nearer_to_the_light(specimen, configure):
    acquisition = acquisition_of({"beam": "bessel", "read_noise": 0.05})
    clean = simulate_projections(specimen, acquisition)
    noisy = clean + 0.05 * np.random.default_rng(0).standard_normal(clean.shape).astype(np.float32)
    errors = []
    for consistency in ("nonnegative", "noise"):
        config = configure(diffusion="off", samples=0, consistency=consistency)
        errors.append(np.square(result_of(noisy, acquisition, config).volume - specimen).mean())
    assert errors[1] < 0.7 * errors[0]


@pytest.mark.parametrize("beam", [{"tilt": 0.7}, {"beam": "airy", "bend": 0.15, "apex": -3}])
def test_consistency_within_the_noise_sharpens_no_noise_through_beams_that_blur(configure, rng, beam):
    """A first estimate through the true beam agrees already, within what denoising left of the noise."""
    glowing = make_specimen("neurons", (48, 40, 40), 3) + 0.5
    acquisition = Acquisition(step_length=6, **beam)
    projections = simulate_projections(glowing, acquisition)
    gain = float(projections.max()) / 30
    noisy = (rng.poisson(projections / gain) * gain).astype(np.float32)
    stated = Acquisition(step_length=6, photon_gain=gain, **beam)
    errors = {}
    for consistency in ("none", "noise"):
        result = result_of(noisy, stated, configure(samples=0, consistency=consistency))
        errors[consistency] = float(np.square(result.volume - glowing).mean())
    assert errors["noise"] < 1.05 * errors["none"]


def test_a_run_can_be_left_while_it_is_made_consistent(specimen, configure):
    acquisition = acquisition_of(BEAMS[-1])
    cancel, run = CancelToken(), None
    run = reconstruct(simulate_projections(specimen, acquisition), acquisition, configure(), cancel=cancel)
    next(run)
    cancel.cancel()
    with pytest.raises(Cancelled):
        list(run)


def test_what_cannot_be_is_refused_in_words(specimen, configure):
    acquisition = acquisition_of(BEAMS[-1])
    projections = simulate_projections(specimen, acquisition)
    with pytest.raises(UserError, match="2 views need as many"):
        next(reconstruct(projections[:-1], acquisition, configure()))
    with pytest.raises(UsageError, match="the paper's diffusion is made for straight beams"):
        next(reconstruct(projections, acquisition, configure(diffusion="paper")))


def test_where_the_prior_has_no_weight_the_volume_stays_the_guide(specimen, configure, monkeypatch):
    monkeypatch.setattr(slab, "measure_prior_weight", lambda *_: SelfTest(0.0))
    acquisition = acquisition_of({"beam": "bessel"})
    projections = simulate_projections(specimen, acquisition)
    result = result_of(projections, acquisition, configure(samples=0))
    guide = result_of(projections, acquisition, configure(samples=0, diffusion="off"))
    assert np.abs(result.volume - guide.volume).mean() < 1e-3


@pytest.mark.parametrize(
    ("apex", "photons", "is_refined"), [(0, None, True), (-2, None, False), (-2, 50, True)]
)
def test_two_views_are_refined_where_they_tell_little_of_the_depth(
    specimen, configure, monkeypatch, apex, photons, is_refined
):
    monkeypatch.setattr(slab, "measure_prior_weight", lambda *_: SelfTest(0.9))
    acquisition = acquisition_of({"beam": "airy", "bend": 0.15, "apex": apex, "views": 2})
    projections = simulate_projections(specimen, acquisition, photons=photons, seed=1)
    guide = result_of(projections, acquisition, configure(samples=0, diffusion="off"))
    refined = result_of(projections, acquisition, configure(samples=0))
    assert (np.abs(refined.volume - guide.volume).mean() > 3e-3) == is_refined
    assert any("starting estimate" in notice for notice in refined.notices) != is_refined


def test_a_pass_whose_prior_has_little_weight_is_not_made(specimen, configure, monkeypatch):
    acquisition = acquisition_of({"beam": "bessel"})
    projections = simulate_projections(specimen, acquisition)
    weights = iter([0.9, 0.2])
    monkeypatch.setattr(slab, "measure_prior_weight", lambda *_: SelfTest(next(weights)))
    stopped = result_of(projections, acquisition, configure(samples=0))
    monkeypatch.setattr(slab, "measure_prior_weight", lambda *_: SelfTest(0.9))
    monkeypatch.setattr(evaluations, "STRAIGHT_PASSES", 1)
    once = result_of(projections, acquisition, configure(samples=0))
    assert np.abs(stopped.volume - once.volume).mean() < 1e-3
    monkeypatch.setattr(evaluations, "STRAIGHT_PASSES", 2)
    twice = result_of(projections, acquisition, configure(samples=0))
    assert np.abs(twice.volume - once.volume).mean() > 3e-3
