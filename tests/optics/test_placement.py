"""Where stacks lie."""

import pytest

from napari_microdiffusion.optics.placement import StackPlacement as Placement
from napari_microdiffusion.optics.placement import short_unit


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
    projections = Placement((6.0, 0.5, 0.5), units=("um", "um", "um")).with_first_slice_at_zero(6)
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


@pytest.mark.parametrize("n", [2, 5, 6])
@pytest.mark.parametrize("scale", [None, (7.0, 0.5, 0.5)])
def test_without_an_origin_the_volume_begins_where_a_point_scan_without_one_does(scale, n):
    truth = Placement.recorded(None if scale is None else (scale[0] / n, *scale[1:]))
    volume = Placement.recorded(scale, step_length=n).of_volume(n)
    assert volume.translate == (0.0, 0.0, 0.0)
    assert volume.lies_like(truth)


def test_a_recorded_origin_goes_before_the_rule():
    slabs = Placement.recorded((6.0, 1.0, 1.0), "um", (0.0, 3.0, 4.0), step_length=6)
    assert slabs.translate == (0.0, 3.0, 4.0)
    assert slabs.of_volume(6).translate == (-2.5, 3.0, 4.0)


def test_of_a_turned_stack_the_volume_is_turned_with_it():
    turn = ((0.0, -1.0, 0.0), (1.0, 0.0, 0.0), (0.0, 0.0, 1.0))
    slabs = Placement((6.0, 1.0, 1.0), (0.0, 10.0, 0.0), ("um",) * 3, rotate=turn)
    volume = slabs.of_volume(6)
    # Its depth runs along y, so that is where the first slice moves to.
    assert volume.translate == pytest.approx((0.0, 7.5, 0.0))
    assert (volume.rotate, volume.scale) == (turn, (1.0, 1.0, 1.0))
    assert volume.of_projections(6).lies_like(slabs)
    assert not volume.is_upright


def test_a_part_lies_where_it_was_cut_out():
    whole = Placement((2.0, 0.5, 0.5), (1.0, 2.0, 3.0), ("um",) * 3)
    assert whole.of_part(0, 10, 20).translate == (1.0, 7.0, 13.0)
    sheared = Placement((2.0, 0.5, 0.5), shear=(0.0, 0.0, 0.2))
    assert sheared.of_part(0, 0, 10).translate == pytest.approx((0.0, 1.0, 5.0))
