import numpy as np
import pytest

from napari_microdiffusion.evaluation.intensity import otsu
from napari_microdiffusion.evaluation.structure import axial_centroid_errors, border_inner_step_ratio
from napari_microdiffusion.optics import ProjectionOperator

UNIFORM = ProjectionOperator(np.full(4, 0.25))


def one_bright_column(slices):
    """Two slabs of four 5×5 slices, dark but for pixel (2, 2) at the given slices of the first slab."""
    volume = np.zeros((8, 5, 5))
    for z, value in slices.items():
        volume[z, 2, 2] = value
    return volume


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({0: 1.0}, 0.0),
        ({3: 1.0}, 3.0),
        ({0: 0.5, 1: 0.5}, 0.5),
        ({0: 0.25, 1: 0.25, 2: 0.25, 3: 0.25}, 1.5),
        ({}, 1.5),
    ],
)
def test_centroid_error_in_slices(found, expected):
    errors = axial_centroid_errors(one_bright_column(found), one_bright_column({0: 1.0}), UNIFORM, 0, 1)
    np.testing.assert_allclose(errors, [expected])


def test_centroid_errors_count_only_where_the_truth_has_structure():
    reconstruction = one_bright_column({0: 1.0})
    reconstruction[7, 0, 0] = 1
    errors = axial_centroid_errors(reconstruction, one_bright_column({0: 1.0}), UNIFORM, 0, 1)
    np.testing.assert_allclose(errors, [0])


def test_background_does_not_pull_the_centroid():
    truth, reconstruction = one_bright_column({0: 1.0}) + 9, one_bright_column({2: 1.0}) + 9
    np.testing.assert_allclose(axial_centroid_errors(reconstruction, truth, UNIFORM, 9, 10), [2], atol=1e-6)


def test_border_ratio_counts_steps_where_they_are():
    steps = np.array([1.0, 1, 1, 5, 1, 1, 1])
    volume = np.concatenate([[0], np.cumsum(steps)])[:, None, None] * np.ones((1, 3, 3))
    assert border_inner_step_ratio(volume, 4) == pytest.approx(5)
    assert border_inner_step_ratio(-volume, 4) == pytest.approx(5)


@pytest.mark.parametrize("depth", [4, 8])
def test_border_ratio_is_undefined_without_border_or_inner_step(depth):
    volume = np.repeat(np.arange(depth // 4), 4)[:, None, None] * np.ones((1, 3, 3))
    assert border_inner_step_ratio(volume, 4) is None


def test_border_ratio_of_unsigned_integers_does_not_wrap():
    volume = np.array([5, 4, 9, 8], dtype=np.uint16)[:, None, None]
    assert border_inner_step_ratio(volume, 2) == pytest.approx(5)


def test_otsu_of_one_value_leaves_nothing_above():
    for value in (0, 7, 255):
        image = np.full((4, 4), value, np.uint8)
        assert not (image > otsu(image)).any()
