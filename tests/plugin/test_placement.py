"""Where layers lie."""

import pytest

from napari_microdiffusion.optics.placement import short_unit
from napari_microdiffusion.plugin.layers.placement import Placement


@pytest.mark.parametrize("n", [2, 5, 6])
def test_volume_and_projections_cover_the_same_depth(n):
    projections = Placement((float(n), 1.0, 1.0), (4.0, 2.0, 3.0), ("um", "um", "um"))
    volume = projections.of_volume(n)
    assert volume.scale == pytest.approx((1.0, 1.0, 1.0))
    assert volume.translate[0] - 0.5 == pytest.approx(4.0 - n / 2)
    assert volume.translate[1:] == (2.0, 3.0)
    last_slice = volume.translate[0] + (7 * n - 1) * volume.scale[0]
    assert last_slice + 0.5 == pytest.approx(4.0 + 6 * n + n / 2)


def test_projections_of_a_volume_at_the_origin_lead_back_to_it():
    projections = Placement((6.0, 0.5, 0.5), units=("um", "um", "um")).moved_to_slab_centres(6)
    assert projections.translate == (2.5, 0.0, 0.0)
    assert projections.of_volume(6).translate == pytest.approx((0.0, 0.0, 0.0))


@pytest.mark.parametrize("n", [2, 5, 6])
def test_a_volume_and_its_projections_lead_to_each_other(n):
    volume = Placement((1.5, 0.5, 0.5), (4.0, 2.0, 3.0), ("um", "um", "um"))
    back = volume.of_projections(n).of_volume(n)
    assert (back.scale, back.translate) == (
        pytest.approx(volume.scale),
        pytest.approx(volume.translate),
    )


def test_voxels_in_words():
    assert Placement((6.0, 1.0, 0.25), units=("um", "um", "um")).describe_voxel() == "6 × 1 × 0.25 µm"
    assert short_unit("micrometer") == "µm"
    assert not Placement().is_known
