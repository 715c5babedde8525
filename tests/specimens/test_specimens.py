"""Procedural specimens: repeatable, in range, full of structure, and imaged as asked."""

import numpy as np
import pytest

from napari_microdiffusion.specimens import (
    KINDS,
    TISSUES,
    ImagingConditions,
    draw_conditions,
    image_specimen,
    make_specimen,
)
from napari_microdiffusion.specimens.curves import slow_noise, unit_vectors, wander, winding_edges
from napari_microdiffusion.specimens.stamping import hollowed, stamp_balls

SHAPE = (24, 40, 32)


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_is_a_specimen(kind):
    one, same, other = (make_specimen(kind, SHAPE, seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()
    assert one.shape == SHAPE
    assert one.dtype == np.float32


@pytest.mark.parametrize("kind", sorted(TISSUES))
@pytest.mark.parametrize("seed", range(4))
def test_every_kind_holds_structure_within_its_range(kind, seed):
    volume = make_specimen(kind, (48, 64, 64), seed)
    assert np.isfinite(volume).all()
    assert volume.min() >= 0
    assert volume.max() <= 1.0
    assert (volume > 0.3).mean() > 1e-4
    # Structure has edges: it is neither empty nor filled.
    assert volume.std() > 0.01


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="unknown specimen"):
        make_specimen("liver", SHAPE)


@pytest.mark.parametrize("seed", range(12))
def test_any_drawn_conditions_give_a_usable_volume(seed):
    rng = np.random.default_rng(seed)
    structure = TISSUES["neurons"](rng, SHAPE)
    volume = image_specimen(structure, draw_conditions(rng), rng)
    assert volume.dtype == np.float32
    assert np.isfinite(volume).all()
    assert volume.min() >= 0
    assert volume.std() > 1e-4


def test_conditions_do_what_they_are_called():
    def imaged(**conditions: float) -> np.ndarray:
        return make_specimen("nuclei", (48, 48, 48), 1, ImagingConditions(**conditions))

    plain = imaged()
    assert np.abs(np.diff(imaged(axial_blur=4), axis=0)).mean() < np.abs(np.diff(plain, axis=0)).mean()
    assert np.abs(np.diff(imaged(lateral_blur=3), axis=2)).mean() < np.abs(np.diff(plain, axis=2)).mean()
    deep = imaged(attenuation=1.5)
    assert deep[-12:].mean() / deep[:12].mean() < 0.5 * plain[-12:].mean() / plain[:12].mean()
    assert np.percentile(imaged(background=0.3), 5) > np.percentile(plain, 5) + 0.1
    assert imaged(saturation=0.5).max() == pytest.approx(1)
    assert (imaged(saturation=0.5) == 1).mean() > (plain == 1).mean()
    assert imaged(threshold=0.2).mean() < plain.mean()
    assert imaged(gamma=2).mean() < plain.mean()
    assert imaged(haze=0.4).min() > 0
    flat = np.abs(np.diff(imaged(voxel_noise=0.1), axis=1)).mean()
    assert flat > np.abs(np.diff(plain, axis=1)).mean()


def test_contrast_keeps_the_bright_and_dims_the_dim():
    tissue = np.zeros((24, 24, 48), np.float32)
    tissue[8:16, 8:16, 8:16], tissue[8:16, 8:16, 32:40] = 1, 0.5

    def imaged(contrast: float) -> np.ndarray:
        conditions = ImagingConditions(contrast=contrast)
        return image_specimen(tissue, conditions, np.random.default_rng(0))[12, 12]

    for contrast in (1, 2, 3):
        bright, dim = imaged(contrast)[[12, 36]]
        assert dim / bright == pytest.approx(0.5**contrast, rel=0.01)


def test_flicker_changes_whole_slices_and_jitter_moves_them():
    tissue = np.zeros((48, 32, 32), np.float32)
    tissue[:, 14:18, 14:18] = 1

    def imaged(**conditions: float) -> np.ndarray:
        # Grey levels that no percentile rules: what is asked for is between slices.
        return image_specimen(tissue, ImagingConditions(saturation=8, **conditions), np.random.default_rng(0))

    steady, flickering, moving = imaged(), imaged(flicker=0.05), imaged(jitter=0.6)
    of_slices = (flickering / np.maximum(steady, 1e-3))[:, 14:18, 14:18]
    assert np.ptp(of_slices, axis=(1, 2)).max() < 1e-4
    assert np.log(of_slices[:, 0, 0]).std() == pytest.approx(0.05, rel=0.3)
    rows = np.arange(32)[:, None]

    def centres(volume: np.ndarray) -> np.ndarray:
        return (volume * rows).sum((1, 2)) / volume.sum((1, 2))

    assert centres(steady).std() < 1e-4
    assert centres(moving).std() == pytest.approx(0.6, rel=0.3)


def axial_profile(**conditions: float) -> np.ndarray:
    """What becomes of one bright slice: the light of each slice, relative to the brightest."""
    sheet = np.zeros((81, 9, 9), np.float32)
    sheet[40] = 1
    light = image_specimen(sheet, ImagingConditions(axial_blur=0.8, **conditions), np.random.default_rng(0))
    return light[:, 4, 4] / light[40, 4, 4]


def test_the_tails_of_the_axial_blur_fall_as_asked():
    profile = axial_profile(axial_tail=0.8, tail_length=3, tail_exponent=1)
    np.testing.assert_allclose(profile[48:54] / profile[47:53], np.exp(-1 / 3), rtol=0.01)
    np.testing.assert_allclose(profile, profile[::-1], atol=1e-5)
    heavy = axial_profile(axial_tail=0.8, tail_length=3, tail_exponent=0.6)
    assert heavy[55] / heavy[45] > profile[55] / profile[45]
    # Without tails it is the Gaussian core alone.
    np.testing.assert_allclose(axial_profile()[38:43], np.exp(-(np.arange(-2, 3) ** 2) / 1.28), atol=0.02)


def test_a_skewed_tail_lies_behind_the_core():
    profile = axial_profile(axial_tail=0.8, tail_length=3, tail_skew=0.5)
    assert profile[44:60].sum() == pytest.approx(3 * profile[21:37].sum(), rel=0.05)


def test_a_ball_has_the_brightness_and_volume_that_was_asked_for():
    volume = np.zeros((24, 24, 24), np.float32)
    stamp_balls(volume, np.array([[12, 12, 12]]), np.array([6.0]), 0.8)
    assert volume.max() == pytest.approx(0.8)
    assert volume[12, 12, 12] == pytest.approx(0.8)
    assert volume.sum() / 0.8 == pytest.approx(4 / 3 * np.pi * 6**3, rel=0.05)


def test_overlapping_balls_keep_the_brighter_and_those_outside_are_cut():
    volume = np.zeros((10, 10, 10), np.float32)
    centres = np.array([[5, 5, 5], [5, 5, 5], [-2, 5, 5], [40, 5, 5]])
    stamp_balls(volume, centres, np.array([2.0, 3.0, 3.0, 3.0]), np.array([0.9, 0.4, 0.6, 1.0]))
    assert volume.max() == pytest.approx(0.9)
    assert volume[0, 5, 5] == pytest.approx(0.6)
    assert volume[-1].max() == 0


def test_a_thin_ball_fades_instead_of_vanishing():
    volumes = []
    for radius in (0.5, 0.25):
        volumes.append(np.zeros((7, 7, 7), np.float32))
        stamp_balls(volumes[-1], np.array([[3, 3, 3]]), np.array([radius]))
    assert volumes[1].sum() == pytest.approx(volumes[0].sum() / 4)


def test_hollowing_darkens_what_lies_deeper_than_the_wall_and_spares_what_is_thin():
    volume = np.zeros((24, 40, 24), np.float32)
    stamp_balls(volume, np.array([[12, 12, 12], [12, 30, 12]]), np.array([7.0, 1.5]), 0.8)
    hollow = hollowed(volume, 2.0, 0.75)
    assert hollow.dtype == np.float32
    assert hollow[12, 12, 12] == pytest.approx(0.2)
    np.testing.assert_array_equal(hollow[:, 24:], volume[:, 24:])
    distance = np.hypot.reduce(np.indices((24, 24, 24)) - 12.0)
    np.testing.assert_array_equal(hollow[:, :24][distance > 6], volume[:, :24][distance > 6])
    assert (hollow <= volume).all()


def test_walks_go_as_far_and_as_straight_as_asked(rng):
    starts, headings = np.zeros((5, 3)), unit_vectors(rng, 5)
    np.testing.assert_allclose(np.linalg.norm(headings, axis=1), 1)
    straight = wander(rng, starts, headings, 30, 0.8, 0.0)
    np.testing.assert_allclose(straight[:, -1], headings * 0.8 * 29, atol=1e-9)
    bent = wander(rng, starts, headings, 30, 0.8, 0.2)
    steps = np.linalg.norm(np.diff(bent, axis=1), axis=-1)
    np.testing.assert_allclose(steps, 0.8)
    assert (np.linalg.norm(bent[:, -1], axis=1) < 0.8 * 29).all()


def test_winding_edges_keep_their_ends(rng):
    ends = rng.uniform(0, 50, size=(6, 2, 3))
    curves = winding_edges(rng, ends, 40, 0.2)
    np.testing.assert_allclose(curves[:, 0], ends[:, 0], atol=1e-9)
    np.testing.assert_allclose(curves[:, -1], ends[:, 1], atol=1e-9)
    assert np.abs(curves - winding_edges(rng, ends, 40, 0.0)).max() > 0.5


def test_slow_noise_is_slow_and_of_unit_variance(rng):
    noise = slow_noise(rng, 4000, 60, 6)
    assert np.abs(np.diff(noise, axis=1)).max() < 1
    assert noise[:, [0, -1]].std() == pytest.approx(1, rel=0.05)
