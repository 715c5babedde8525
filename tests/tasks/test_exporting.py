"""Volumes in 16 bits."""

import numpy as np

from napari_microdiffusion.tasks.exporting import SixteenBits, free_path


def numbers(found):
    return np.stack(list(found.planes()))


def test_grey_levels_that_fit_are_kept():
    found = SixteenBits.of(np.array([[[0.4, 4095.6]], [[-3, np.nan]]], np.float32))
    assert numbers(found).ravel().tolist() == [0, 4096, 0, 0]
    assert numbers(found).dtype == np.uint16
    assert (found.factor, found.offset) == (1, 0)


def test_others_are_stretched_and_can_be_had_back():
    for values in ([-0.5, 0.25, 1.0], [0.0, 1e6, 3e6], [-5000.0, 0.0, 5000.0]):
        volume = np.array(values, np.float32).reshape(3, 1, 1)
        found = SixteenBits.of(volume)
        assert numbers(found).max() == 65535
        back = (numbers(found) - found.offset) / found.factor
        np.testing.assert_allclose(back, volume, atol=np.ptp(volume) / 60000)


def test_a_flat_volume_stays_flat():
    assert np.ptp(numbers(SixteenBits.of(np.full((2, 3, 4), 7.0, np.float32)))) == 0


def test_no_file_is_overwritten(tmp_path):
    (tmp_path / "a_b.tif").touch()
    (tmp_path / "a_b 2.tif").touch()
    assert free_path(tmp_path, "a/b", ".tif") == tmp_path / "a_b 3.tif"
