import json

import numpy as np
import pytest
from skimage.filters import threshold_otsu
from skimage.metrics import structural_similarity

from napari_microdiffusion.errors import UsageError, UserError
from napari_microdiffusion.evaluation import compare, comparing, foreground
from napari_microdiffusion.evaluation import metrics as module
from napari_microdiffusion.interpolation import histospline, linear, nearest

N = 6


@pytest.fixture
def truth(rng):
    """Bright blobs on a dim, noisy background, 24×20×22 of uint16."""
    z, y, x = np.mgrid[:24, :20, :22]
    volume = np.full(z.shape, 300.0)
    for centre in rng.uniform(0, 20, (12, 3)):
        distance = (z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2
        volume += 5000 * np.exp(-distance / 4)
    return (volume + rng.normal(0, 20, volume.shape)).clip(0).astype(np.uint16)


def projections(volume, n=N):
    return volume.astype(np.float64).reshape(-1, n, *volume.shape[1:]).mean(1)


@pytest.fixture
def guess(truth):
    return linear(projections(truth), N)


def test_by_the_letter_of_the_definitions(truth, guess):
    found = compare(guess, truth, N)
    low, high = np.percentile(truth, [0.5, 99.9])
    g, r = (np.round(np.clip((v.astype(float) - low) / (high - low), 0, 1) * 255) for v in (truth, guess))
    psnr = [10 * np.log10(255**2 / np.mean((a - b) ** 2)) for a, b in zip(g, r, strict=True)]
    ssim = [structural_similarity(a, b, data_range=255) for a, b in zip(g, r, strict=True)]
    assert found["per_slice"]["psnr"] == pytest.approx(psnr)
    assert found["per_slice"]["ssim"] == pytest.approx(ssim)
    assert found["psnr"] == pytest.approx(np.mean(psnr))
    assert found["ssim"] == pytest.approx(np.mean(ssim))
    assert found["ssim_3d"] == pytest.approx(structural_similarity(g, r, data_range=255), abs=1e-5)

    def dice(a, b):
        return 2 * (a & b).sum() / (a.sum() + b.sum())

    threshold = threshold_otsu(g.astype(np.uint8))
    assert found["dice"] == pytest.approx(dice(g > threshold, r > threshold))
    by_slice = [np.stack([s > threshold_otsu(s.astype(np.uint8)) for s in v]) for v in (g, r)]
    assert found["dice_per_slice_otsu"] == pytest.approx(dice(*by_slice))
    inside = g > threshold
    np.testing.assert_array_equal(foreground(truth), inside)
    assert found["psnr_foreground"] == pytest.approx(10 * np.log10(255**2 / np.mean((g - r)[inside] ** 2)))

    clipped = [np.clip(v.astype(float), low, high) for v in (truth, guess)]
    parts = [v - np.repeat(projections(v), N, axis=0) for v in clipped]
    r2 = 1 - np.sum((parts[1] - parts[0]) ** 2) / np.sum(parts[0] ** 2)
    assert found["null_space_r2"] == pytest.approx(r2)
    squares = [((parts[1] - parts[0]) ** 2).sum((1, 2)), (parts[0] ** 2).sum((1, 2))]
    assert found["per_slice"]["null_space_r2"] == pytest.approx(1 - squares[0] / squares[1])
    dice_by_slice = [
        dice(a > threshold, b > threshold) if (a > threshold).any() or (b > threshold).any() else None
        for a, b in zip(g, r, strict=True)
    ]
    assert found["per_slice"]["dice"] == pytest.approx(dice_by_slice)
    off = (projections(guess) - projections(truth)) / (high - low)
    assert found["reprojection_max"] == pytest.approx(np.abs(off).max())
    assert found["reprojection_rmse"] == pytest.approx(np.sqrt(np.mean(off**2)))
    assert found["intensity_range"] == pytest.approx([low, high])


def test_a_comparison_in_steps_tells_how_far_it_is_and_can_be_left(truth, guess):
    steps = list(comparing(guess, truth, N))
    fractions = [step.fraction for step in steps]
    assert all(step.metrics is None for step in steps[:-1])
    assert steps[-1].metrics == compare(guess, truth, N)
    assert fractions == sorted(fractions)
    assert len(fractions) > len(truth)
    assert 0 < fractions[0] < fractions[-1] <= 1
    left = comparing(guess, truth, N)
    next(left)
    left.close()


def test_a_slice_without_foreground_has_no_dice(truth, guess):
    dark, empty = truth.copy(), guess.copy()
    dark[5], empty[5] = 0, 0
    assert compare(empty, dark, N)["per_slice"]["dice"][5] is None


def test_the_truth_itself_is_perfect(truth):
    found = compare(truth, truth, N)
    perfect = {
        "psnr": 60,
        "psnr_foreground": 60,
        "ssim": 1,
        "ssim_3d": 1,
        "dice": 1,
        "dice_per_slice_otsu": 1,
        "null_space_r2": 1,
        "reprojection_rmse": 0,
        "reprojection_max": 0,
        "axial_centroid_error_median": 0,
        "axial_centroid_error_p90": 0,
        "border_inner_step_ratio": 1,
    }
    assert {key: found[key] for key in perfect} == pytest.approx(perfect)


def test_nearest_explains_nothing_of_the_null_space(truth):
    # Clipping comes before the projection onto the null space, and nearest stays flat within each slab.
    found = compare(nearest(projections(truth), N), truth, N)
    assert found["null_space_r2"] == pytest.approx(0, abs=1e-6)
    assert found["reprojection_max"] < 1e-6
    assert found["border_inner_step_ratio"] is None


def test_metrics_follow_quality(truth):
    x = projections(truth)
    worse, better = compare(nearest(x, N), truth, N), compare(histospline(x, N), truth, N)
    for key in ("psnr", "psnr_foreground", "ssim", "ssim_3d", "dice", "null_space_r2"):
        assert better[key] > worse[key], key
    assert better["axial_centroid_error_median"] < worse["axial_centroid_error_median"]


def test_an_empty_volume_does_not_pass_on_foreground(truth):
    found = compare(np.full(truth.shape, 300.0), truth, N)
    assert found["psnr_foreground"] < found["psnr"] - 5
    assert found["dice"] == 0


def test_brightness_is_never_rescaled(truth):
    # A method that normalised each volume by itself would call this perfect.
    found = compare(truth * 0.5, truth, N)
    assert found["psnr"] < 40
    assert found["reprojection_max"] > 0.1


def test_a_profile_weighs_the_slices(truth):
    weights = np.array([1, 2, 3, 3, 2, 1]) / 12
    changed = truth.astype(np.float64)
    changed[::6] += 240
    changed[1::6] -= 120
    found = compare(changed, truth, N, profile=weights)
    assert found["reprojection_max"] < 1e-9
    assert compare(changed, truth, N)["reprojection_max"] > 0.001


def test_null_space_of_a_profile_is_measured_from_nearest(truth):
    weights = np.array([1, 2, 3, 3, 2, 1]) / 12
    x = (truth.reshape(-1, N, *truth.shape[1:]) * weights[None, :, None, None]).sum(1)
    found = compare(np.repeat(x, N, axis=0), truth, N, profile=weights)
    # Only clipping, which comes first, keeps it from being exactly zero.
    assert found["null_space_r2"] == pytest.approx(0, abs=0.01)


def test_without_a_step_length_slab_metrics_are_left_out(truth, guess):
    with_n, without = compare(guess, truth, N), compare(guess, truth)
    gone = {
        "null_space_r2",
        "reprojection_rmse",
        "reprojection_max",
        "axial_centroid_error_median",
        "axial_centroid_error_p90",
        "border_inner_step_ratio",
    }
    assert with_n.keys() - without.keys() == gone
    per_slice = with_n.pop("per_slice"), without.pop("per_slice")
    assert all(without[key] == with_n[key] for key in without)
    assert per_slice[0].pop("null_space_r2")
    assert per_slice[0] == per_slice[1]


def test_extra_slices_of_the_truth_are_dropped(truth, guess):
    longer = np.concatenate([truth, np.full((4, 20, 22), 60000, np.uint16)])
    found = compare(guess, longer, N)
    assert found.pop("slices_dropped") == 4
    expected = compare(guess, truth, N)
    del expected["slices_dropped"]
    assert found == expected


def test_results_are_ready_for_json(truth, guess):
    assert json.loads(json.dumps(compare(guess, truth, N), allow_nan=False))["slices"] == 24


def test_blocks_of_the_3d_similarity_add_up(truth, guess, monkeypatch):
    whole = compare(guess, truth)["ssim_3d"]
    monkeypatch.setattr(module, "_BLOCK_VOXELS", 5 * truth[0].size)
    assert compare(guess, truth)["ssim_3d"] == pytest.approx(whole, abs=1e-6)


def test_images_smaller_than_the_window_have_no_similarity(rng):
    volume = rng.random((6, 5, 9))
    found = compare(volume, volume, 6)
    assert found["ssim"] is None
    assert found["ssim_3d"] is None
    assert found["psnr"] == 60


def test_a_truth_sparser_than_the_percentiles_still_has_a_range():
    truth = np.zeros((6, 40, 40))
    truth[3, 20, 20] = 50
    found = compare(np.zeros_like(truth), truth, 6)
    assert found["intensity_range"] == [0, 50]
    assert found["dice"] == 0


@pytest.mark.parametrize(
    ("reconstruction", "truth_shape", "expected"),
    [
        ((24, 20, 22), (23, 20, 22), "24×20×22.*23×20×22.*fewer slices"),
        ((24, 20, 22), (24, 22, 20), "24×20×22.*24×22×20.*height and width"),
        ((20, 22), (24, 20, 22), "20×22.*24×20×22.*volumes"),
        ((0, 20, 22), (24, 20, 22), "0×20×22.*nothing"),
    ],
)
def test_shapes_that_cannot_match_are_named(rng, reconstruction, truth_shape, expected):
    with pytest.raises(UserError, match=expected):
        compare(np.zeros(reconstruction), rng.random(truth_shape), N)


def test_slices_must_make_whole_slabs(rng):
    with pytest.raises(UserError, match=r"24 slices.*slabs of 7"):
        compare(np.zeros((24, 8, 8)), rng.random((24, 8, 8)), 7)


@pytest.mark.parametrize("n", [1, 65, 2.5, True])
def test_step_length_out_of_range(truth, n):
    with pytest.raises(UsageError, match="from 2 to 64"):
        compare(truth, truth, n)


@pytest.mark.parametrize("profile", [[0.5, 0.5], [1, 1, 1, 1, 1, 1], [2, -1, 0, 0, 0, 0]])
def test_profile_that_cannot_be(truth, profile):
    with pytest.raises(UsageError, match="profile"):
        compare(truth, truth, N, profile=profile)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(truth, guess, bad):
    broken = guess.copy()
    broken[3, 4, 5] = bad
    with pytest.raises(UserError, match=r"reconstruction.*not finite"):
        compare(broken, truth, N)
    broken_truth = truth.astype(np.float32)
    broken_truth[3, 4, 5] = bad
    with pytest.raises(UserError, match=r"ground truth.*not finite"):
        compare(guess, broken_truth, N)


def test_a_constant_truth_is_refused():
    with pytest.raises(UserError, match="every voxel of the ground truth is 3"):
        compare(np.zeros((6, 8, 8)), np.full((6, 8, 8), 3.0), N)


@pytest.mark.parametrize("which", [0, 1])
def test_masks_are_not_compared(truth, which):
    volumes = [truth, truth]
    volumes[which] = truth > 1000
    with pytest.raises(UserError, match="is of type bool; intensities"):
        compare(*volumes, N)
