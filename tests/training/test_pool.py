"""The specimens of training: repeatable, renewed, and sampled and stained as shares say."""

import numpy as np
import pytest

from napari_microdiffusion.specimens import make_specimen
from napari_microdiffusion.training.pool import SpecimenPool
from napari_microdiffusion.training.settings import BatchSettings

MODULE = "napari_microdiffusion.training.pool"


def test_procedural_specimens_are_drawn_and_renewed():
    ours = BatchSettings(pool=1, images_per_structure=1, batches_per_image=2)
    pool, same = SpecimenPool(ours, 4), SpecimenPool(ours, 4)
    (volume,) = pool.volumes
    np.testing.assert_array_equal(volume, same.volumes[0])
    assert volume.shape[1:] == (112, 112)
    # Whole, coarse, or three times as coarse and interpolated: then one slice is left over.
    assert volume.shape[0] in (112, 56, 37, 111)
    assert volume.astype(np.float32).std() > 0
    pool.renew()
    assert pool.volumes[0] is volume
    pool.renew()
    assert len(pool.volumes) == 1
    assert pool.volumes[0] is not volume


def test_references_are_kept():
    references = tuple(make_specimen(kind, (36, 40, 48), 5) for kind in ("vasculature", "nuclei"))
    pool = SpecimenPool(BatchSettings(references=references), 0)
    for _ in range(20):
        pool.renew()
    assert all(a is b for a, b in zip(pool.volumes, references, strict=True))


def test_coarse_specimens_may_come_interpolated_between_their_slices(monkeypatch):
    monkeypatch.setattr(f"{MODULE}._COARSENESS_SHARES", (0, 1, 0))
    found = []
    for share in (0, 1):
        monkeypatch.setattr(f"{MODULE}._INTERPOLATED_SHARE", share)
        found += [
            volume.astype(np.float32)
            for volume in SpecimenPool(BatchSettings(pool=1, plain_share=0), 3).volumes
        ]
    coarse, fine = found
    assert (len(coarse), len(fine)) == (56, 112)
    # A slice between two others is their mixture, three to one.
    np.testing.assert_allclose(fine[3:-1:2], 0.75 * coarse[1:-1] + 0.25 * coarse[2:], atol=5e-3)
    np.testing.assert_allclose(fine[2:-2:2], 0.75 * coarse[1:-1] + 0.25 * coarse[:-2], atol=5e-3)


def test_coarse_specimens_average_over_what_lies_between_their_slices_or_leave_it_out(monkeypatch):
    monkeypatch.setattr(f"{MODULE}._INTERPOLATED_SHARE", 0)
    found = []
    for shares, skipping in (((1, 0, 0), 0), ((0, 0, 1), 0), ((0, 0, 1), 1)):
        monkeypatch.setattr(f"{MODULE}._COARSENESS_SHARES", shares)
        monkeypatch.setattr(f"{MODULE}._SKIPPING_SHARE", skipping)
        found += [
            volume.astype(np.float32)
            for volume in SpecimenPool(BatchSettings(pool=1, plain_share=0), 3).volumes
        ]
    whole, averaged, skipped = found
    np.testing.assert_array_equal(skipped, whole[: 3 * len(skipped) : 3])
    np.testing.assert_allclose(averaged, whole[:111].reshape(37, 3, *whole.shape[1:]).mean(1), atol=5e-3)


@pytest.mark.parametrize("share", [0, 1])
def test_specimens_may_be_stained_at_their_surface(monkeypatch, share):
    monkeypatch.setattr(f"{MODULE}._HOLLOW_SHARE", share)
    monkeypatch.setattr(f"{MODULE}._SIDE", 32)
    seen = []
    monkeypatch.setattr(f"{MODULE}.hollowed", lambda volume, wall, darkness: seen.append(wall) or volume)
    SpecimenPool(BatchSettings(pool=6, images_per_structure=1, plain_share=0), 5)
    assert (len(seen) > 0) == bool(share)
    assert all(1 <= wall <= 3 for wall in seen)


@pytest.mark.parametrize(("share", "most"), [(0.0, 0), (0.5, 9), (1.0, 16)])
def test_specimens_may_be_drawn_without_the_noise_of_a_point_scan(monkeypatch, share, most):
    seen = []

    def spy(structure, conditions, _):
        seen.append(conditions.voxel_noise > 0)
        return np.asarray(structure, np.float32)

    monkeypatch.setattr(f"{MODULE}.image_specimen", spy)
    monkeypatch.setattr(f"{MODULE}._SIDE", 32)
    SpecimenPool(BatchSettings(pool=16, images_per_structure=16, noisy_share=share, plain_share=0), 11)
    assert len(seen) >= 16
    assert (sum(seen) > 0) == (share > 0)
    assert sum(seen) <= most


@pytest.mark.parametrize("share", [0, 1])
def test_specimens_may_be_plain(monkeypatch, share):
    seen = []

    def spy(structure, conditions, _):
        seen.append(conditions)
        return np.asarray(structure, np.float32)

    monkeypatch.setattr(f"{MODULE}.image_specimen", spy)
    monkeypatch.setattr(f"{MODULE}._SIDE", 32)
    pool = SpecimenPool(BatchSettings(pool=12, images_per_structure=4, plain_share=share), 7)
    is_plain = [
        0.5 <= c.lateral_blur <= 1.1 and c.texture == c.voxel_noise == c.axial_tail == 0 for c in seen
    ]
    assert all(is_plain) if share else not all(is_plain)
    assert ({volume.shape for volume in pool.volumes} == {(32, 32, 32)}) == bool(share)
