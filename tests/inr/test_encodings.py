import numpy as np
import torch

from napari_microdiffusion.inr.encodings import (
    gaussian_encoding,
    gaussian_frequencies,
    sine_cosine_encoding,
    voxel_coordinates,
)


def test_voxel_centres_fill_the_interval_evenly():
    np.testing.assert_allclose(voxel_coordinates(np.arange(4), 4), [-0.75, -0.25, 0.25, 0.75])
    np.testing.assert_allclose(voxel_coordinates(np.array([-0.5, 3.5]), 4), [-1, 1])


def test_the_papers_encoding_has_512_dimensions():
    matrix = torch.from_numpy(gaussian_frequencies(256, 4.0, seed=3))
    encoded = gaussian_encoding(torch.rand(5, 7, 3), matrix)
    assert encoded.shape == (5, 7, 512)
    assert abs(float(matrix.std()) - 4) < 0.3
    torch.testing.assert_close(encoded.square().sum(-1), torch.full((5, 7), 256.0))


def test_gaussian_features_are_sines_and_cosines_of_whole_turns():
    matrix = torch.tensor([[1.0, 0.0, 0.0], [0.0, 2.0, 0.0]])
    encoded = gaussian_encoding(torch.tensor([[0.25, 0.125, 0.9]]), matrix)
    torch.testing.assert_close(encoded, torch.tensor([[1.0, 1.0, 0.0, 0.0]]), atol=1e-6, rtol=0)


def test_gaussian_frequencies_are_seeded():
    np.testing.assert_array_equal(gaussian_frequencies(8, 4.0, 1), gaussian_frequencies(8, 4.0, 1))
    assert not np.array_equal(gaussian_frequencies(8, 4.0, 1), gaussian_frequencies(8, 4.0, 2))


def test_octaves_double_the_frequency():
    encoded = sine_cosine_encoding(torch.tensor([[0.25, 0.0, -0.5]]), octaves=2)
    assert encoded.shape == (1, 12)
    half = 2**-0.5
    sines, cosines = [half, 1, 0, 0, -1, 0], [half, 0, 1, 1, 0, -1]
    torch.testing.assert_close(encoded, torch.tensor([sines + cosines]), atol=1e-6, rtol=0)
