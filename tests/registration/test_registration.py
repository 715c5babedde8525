"""A reference is found where it lies, and recognised where it is none."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_microdiffusion.optics import Acquisition, simulate_projections
from napari_microdiffusion.registration.pose import Pose
from napari_microdiffusion.registration.registration import register
from napari_microdiffusion.registration.rigid import resampled
from napari_microdiffusion.registration.search import Found
from napari_microdiffusion.specimens import make_specimen

from .conftest import MARGIN, deformed, inner, lying_at

LARGE = (64, 84, 84)
FAR = Pose((2.4, -4.3, 3.6), 1.7)


def assert_near(found: Pose, expected: Pose, within: float) -> None:
    np.testing.assert_allclose(found.shift, expected.shift, atol=within)
    assert found.angle == pytest.approx(expected.angle, abs=0.4)


def test_it_is_found_to_a_fraction_of_a_voxel(tissue, projections, acquisition):
    found = register(projections, lying_at(tissue, FAR), acquisition)
    assert_near(found.pose, FAR, 0.3)
    assert found.is_of_this_tissue
    assert found.match > 0.9
    assert "2." in found.describe()
    assert "turned by 1." in found.describe()
    assert "µm" in found.describe((0.5, 0.2, 0.2))


def test_noise_bleaching_and_another_background_do_not_matter(tissue, projections, acquisition, rng):
    reference = lying_at(tissue, FAR)
    fading = np.linspace(1.0, 0.3, len(reference))[:, None, None]
    counts = rng.poisson(np.maximum(reference, 0) * fading / reference.max() * 100)
    found = register(projections, counts + 40, acquisition)
    assert_near(found.pose, FAR, 0.4)


def test_coarser_voxels_and_a_smaller_field_are_found_too(tissue, projections, acquisition):
    reference = lying_at(tissue, FAR)[4:-4, 6:-6, 6:-6]
    halves = reference.reshape(-1, 2, *reference.shape[1:]).mean(1)
    found = register(projections, halves, acquisition, voxel=(2, 1, 1))
    assert_near(found.pose, FAR, 0.5)


@pytest.mark.parametrize("optics", [{"axial_profile": (1,) * 8}, {"bend": 0.3}])
def test_it_is_found_through_the_true_beam(tissue, optics):
    acquisition = Acquisition(step_length=4, **optics)
    projections = simulate_projections(inner(tissue), acquisition)
    pose = Pose((1.4, 2.3, -1.6))
    found = register(projections, lying_at(tissue, pose), acquisition)
    assert_near(found.pose, pose, 0.35)


def test_upside_down_is_recognised_and_said(tissue, projections, acquisition):
    found = register(projections, tissue[::-1], acquisition)
    assert found.is_upside_down
    assert not found.is_of_this_tissue
    assert "upside down" in found.describe()


@pytest.mark.parametrize("kind", ["neurons", "nuclei"])
def test_other_tissue_is_recognised_and_said(tissue, projections, acquisition, kind):
    found = register(projections, make_specimen(kind, tissue.shape, 8), acquisition)
    assert not found.is_of_this_tissue
    assert "no better than chance" in found.describe()
    assert not found.record()["used"]


def test_tissue_that_has_changed_is_recognised_at_little_light(tissue, projections, acquisition, rng):
    """As a filter leaves it; two fifths of the reference show what lies elsewhere."""
    light = rng.poisson(np.maximum(projections, 0) / projections.max() * 8).astype(np.float32)
    reference = lying_at(tissue, FAR)
    where = gaussian_filter(rng.normal(size=reference.shape), 3)
    changed = where > np.quantile(where, 0.6)
    reference[changed] = reference[::-1, ::-1][changed]
    found = register(gaussian_filter(light, (0, 1, 1)), reference, acquisition, measured=light)
    assert found.is_of_this_tissue
    assert_near(found.pose, FAR, 0.7)
    assert 1 - found.match > 0.6 * (1 - found.chance)


def test_one_large_structure_that_lies_on_another_is_no_match():
    """The trunk of a dendrite upon a vessel correlates by more than changed tissue does at little light."""
    vessels, dendrites = (
        1000 * make_specimen(*one) for one in (("vasculature", LARGE, 501), ("dendrites", LARGE, 502))
    )
    beam = Acquisition(step_length=6)
    found = register(simulate_projections(vessels[8:-8, 10:-10, 10:-10], beam), dendrites, beam)
    assert found.match > found.chance + 0.1
    assert not found.is_of_this_tissue


@pytest.mark.parametrize(("match", "is_recognised"), [(0.95, True), (0.7, False)])
def test_what_agrees_in_few_places_has_to_explain_nearly_all(match, is_recognised):
    """One large structure agrees in few places, while weak background agrees with itself in many."""
    found = Found(Pose(), match, match, evidence=3.7)
    chance = Found(Pose((-5, -8, -40)), 0.44, 0.33, evidence=12.9)
    assert found.is_better_than([chance]) is is_recognised
    assert not chance.is_better_than([found])


def test_where_nothing_shows_structures_nothing_is_recognised(tissue, projections, acquisition):
    for stack, light in ((np.zeros_like(tissue), projections), (tissue, np.zeros_like(projections))):
        assert not register(light, stack, acquisition).is_of_this_tissue


@pytest.mark.parametrize("share", [0, 1e-9], ids=["nothing", "rounding"])
def test_slabs_in_which_nothing_is_tell_of_no_motion(tissue, acquisition, share):
    """Without a warning: of nothing there is no misfit to divide by."""
    sparse = tissue.copy()
    sparse[: 3 * len(sparse) // 5] *= share
    found = register(simulate_projections(inner(sparse), acquisition), sparse, acquisition)
    assert found.is_of_this_tissue
    assert_near(found.pose, Pose(), 0.3)


def test_a_place_set_by_hand_is_left_as_it_is(tissue, projections, acquisition):
    good = register(projections, lying_at(tissue, FAR), acquisition, place=FAR)
    bad = register(projections, lying_at(tissue, FAR), acquisition, place=Pose())
    assert good.pose == FAR
    assert good.is_of_this_tissue
    assert good.match > bad.match + 0.1


def test_tissue_that_has_deformed_since_is_followed_from_place_to_place(
    tissue, projections, acquisition, rng
):
    reference, shifts = deformed(tissue, 2.0)
    reference = rng.poisson(np.maximum(reference, 0) / reference.max() * 200).astype(np.float32)
    found = register(projections, reference, acquisition)
    assert found.deformation is not None
    truth = inner(tissue)
    # Which tissue every voxel shows, and which it should.
    shown, shape = np.mgrid[tuple(slice(size) for size in tissue.shape)] + shifts, truth.shape
    right = np.mgrid[tuple(slice(size) for size in shape)] + MARGIN
    lit = truth > np.percentile(truth, 80)
    resting, following = (
        np.sqrt(
            np.mean(
                [
                    np.square(resampled(part, (1, 1, 1), found.pose, shape, 1, field) - own)[lit].mean()
                    for part, own in zip(shown, right, strict=True)
                ]
            )
        )
        for field in (None, found.deformation)
    )
    assert following < 0.3
    assert resting > 0.5
    assert "and deformed by up to" in found.describe()
    assert "µm across" in found.describe((0.5, 0.2, 0.2))
    assert max(found.record()["deformed"]) > 1


@pytest.mark.parametrize("share", [0.0, 0.2], ids=["unchanged", "changed in places"])
def test_tissue_that_has_not_deformed_is_left_rigid(tissue, projections, acquisition, rng, share):
    reference = lying_at(tissue, FAR)
    rows = int(share * reference.shape[1])
    reference[:, :rows] = reference[::-1, :rows]
    found = register(projections, rng.poisson(np.maximum(reference, 0) / 5), acquisition)
    assert found.is_of_this_tissue
    assert found.deformation is None
    assert found.record()["deformed"] is None


def test_sharp_edges_draw_nothing_away(tissue, acquisition):
    """What linear interpolation blurs fits best where it blurs least, which is not where a reference lies."""
    sharp = np.where(tissue > np.percentile(tissue, 94), tissue, 0).astype(np.float32)
    pose = Pose((1.4, -2.7, 3.3), 1.3)
    projections = simulate_projections(inner(sharp), acquisition)
    found = register(projections, np.maximum(lying_at(sharp, pose), 0), acquisition, noise=5.0)
    np.testing.assert_allclose(found.pose.shift, pose.shift, atol=0.015)
    assert found.pose.angle == pytest.approx(pose.angle, abs=0.03)


@pytest.mark.parametrize("seed", [0, 3])
def test_at_little_light_sharp_edges_draw_nothing_away_either(rng, seed):
    """Where most is dark the usual misfit is next to nothing, and noise of lit pixels looks like a change."""
    tissue = make_specimen("vasculature", LARGE, 1)
    sharp = np.where(tissue > np.percentile(tissue, 97), 1000 * tissue, 0).astype(np.float32)
    where = np.random.default_rng(seed)
    pose = Pose((where.uniform(-2, 2), where.uniform(-3, 3), where.uniform(-3, 3)), where.uniform(-2, 2))
    beam = Acquisition(step_length=12)
    light = simulate_projections(sharp[8:-8, 10:-10, 10:-10], beam)
    photon = np.percentile(light, 99.9) / 30
    light = (rng.poisson(light / photon) * photon).astype(np.float32)
    reference = np.maximum(lying_at(sharp, pose), 0)
    found = register(light, reference, beam, noise=5.0, measured=light)
    assert_near(found.pose, pose, 0.12)
