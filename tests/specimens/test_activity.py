"""Tissue with activity."""

import numpy as np
import pytest

from napari_microdiffusion.specimens.activity import active_tissue


@pytest.fixture
def tissue():
    regions = np.zeros((2, 3, 4), np.int32)
    regions[0, 0], regions[1, 2] = 1, 2
    return active_tissue(np.full((2, 3, 4), 10.0), regions, 400, rate=10.0, seed=3)


def test_regions_brighten_each_in_their_own_time_and_the_rest_does_not_change(tissue):
    assert tissue.activity.shape == (400, 2)
    assert tissue.activity.min() >= 1
    assert (tissue.activity.max(0) > 1.4).all()
    assert abs(np.corrcoef(tissue.activity.T)[0, 1]) < 0.5
    frame = tissue.frame(7)
    assert frame[0, 0] == pytest.approx(10 * tissue.activity[7, 0])
    assert frame[1, 0] == pytest.approx(10)


def test_it_fades_and_is_the_same_for_a_seed(tissue):
    falling = np.diff(tissue.activity[:, 0]) <= 0
    assert falling.mean() > 0.9
    again = active_tissue(tissue.volume, tissue.regions, 400, rate=10.0, seed=3)
    np.testing.assert_array_equal(again.activity, tissue.activity)
