import numpy as np
import pytest
import torch

from napari_microdiffusion.inr.fields import GridField, build_field, interpolate_nodes
from napari_microdiffusion.inr.fitted import FittedInr
from napari_microdiffusion.inr.paper_field import PaperField
from napari_microdiffusion.inr.settings import InrSettings

SHAPE, N = (12, 21, 35), 4


def randomised(settings: InrSettings) -> GridField | PaperField:
    """A field whose every tensor matters."""
    field = build_field(SHAPE, N, settings, 0, "cpu")
    generator = torch.Generator().manual_seed(1)
    for tensor in field.tensors.values():
        tensor.add_(0.3 * torch.randn(tensor.shape, generator=generator))
    return field


@pytest.mark.parametrize(("stride", "axis"), [(1, 0), (3, 0), (4, 1)])
def test_interpolation_between_nodes_is_exact_on_a_line(stride, axis):
    places = torch.arange(5.0) * stride
    nodes = places[:, None].expand(5, 5) if axis == 0 else places[None].expand(5, 5)
    count = 4 * stride - 1
    result = interpolate_nodes(nodes, stride, axis, count)
    torch.testing.assert_close(result.select(1 - axis, 2), torch.arange(float(count)))


def test_the_tensors_have_the_shapes_that_loading_expects():
    for settings in (
        InrSettings(),
        InrSettings(field="paper"),
        InrSettings(field="paper", encoding="sine-cosine"),
    ):
        field = build_field(SHAPE, N, settings, 0, "cpu")
        expected = type(field).tensor_shapes(SHAPE, N, settings)
        assert {name: tuple(tensor.shape) for name, tensor in field.tensors.items()} == expected


def test_the_papers_network_is_eight_layers_of_64_with_a_skip():
    shapes = PaperField.tensor_shapes(SHAPE, N, InrSettings(field="paper"))
    weights = [shapes[f"weight{i}"] for i in range(8)]
    assert weights[0] == (64, 512)
    assert weights[4] == (64, 64 + 512)
    assert {weights[i] for i in (1, 2, 3, 5, 6, 7)} == {(64, 64)}


def test_tiles_of_the_grid_field_agree_with_the_planes_that_are_rendered():
    field = randomised(InrSettings())
    whole = torch.stack([field.plane(z) for z in range(SHAPE[0])])
    for rows, columns in [(slice(0, 16), slice(16, 35)), (slice(16, 21), slice(0, 32))]:
        parts = {name: field.window(name, rows, columns) for name in field.tensors}
        tile = field.intensity(field.log_intensity(parts)).clamp_min(0)
        torch.testing.assert_close(tile, whole[:, rows, columns], atol=1e-5, rtol=1e-5)


def test_an_untrained_network_leaves_a_constant_field_constant():
    field = build_field(SHAPE, N, InrSettings(), 0, "cpu")
    field.tensors["voxels"].fill_(float(np.log(0.5 + field.offset)))
    rendered = FittedInr(field, InrSettings(), np.full(N, 1 / N)).render([0, 2.3, 11.5], "gaussian")
    np.testing.assert_allclose(rendered, 0.5, rtol=1e-5)


def test_no_intensity_is_negative():
    field = build_field(SHAPE, N, InrSettings(), 0, "cpu")
    field.tensors["voxels"].fill_(-20.0)
    assert float(field.plane(3.0).min()) == 0


@pytest.mark.parametrize(
    "settings", [InrSettings(), InrSettings(field="paper", frequencies=4, bandwidth=0.3)]
)
def test_the_field_is_continuous_in_depth(settings):
    field = randomised(settings)
    for z in (0.0, 4.0, 7.5):
        torch.testing.assert_close(field.plane(z), field.plane(z + 1e-4), atol=0.02, rtol=0.02)


def test_between_two_slices_lies_the_mean_of_their_log_intensities():
    field = build_field(SHAPE, N, InrSettings(offset=0.1), 0, "cpu")
    field.tensors["voxels"][3], field.tensors["voxels"][4] = np.log(0.2), np.log(0.8)
    torch.testing.assert_close(field.plane(3.5), torch.full(SHAPE[1:], 0.4 - 0.1))
