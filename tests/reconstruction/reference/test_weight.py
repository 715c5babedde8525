"""What a reference is worth where, judged by projections."""

import numpy as np
import pytest

from napari_microdiffusion.reconstruction.reference.weight import changed_places, match_weight

SPAN, NOISE = 100.0, 2.0
HERE = np.s_[:, 8:14, 8:14]


@pytest.fixture
def expected():
    """A bright half and a dim one."""
    light = np.full((3, 24, 24), 4.0)
    light[:, :, 16:] = 80.0
    return light.astype(np.float32)


@pytest.fixture
def variance(expected):
    return np.full_like(expected, NOISE**2)


def test_dim_changes_are_told_from_noise(expected, variance, rng):
    seen = expected + rng.normal(0, 0.5 * NOISE, expected.shape).astype(np.float32)
    same = changed_places(seen, expected, variance, SPAN)
    seen[HERE] += 4 * NOISE
    other = changed_places(seen, expected, variance, SPAN)
    assert same.mean() < 0.2
    assert other[HERE].mean() > 0.75
    assert other[:, :4].mean() < 0.2


def test_where_the_tissue_is_as_expected_a_reference_counts_in_full(expected, variance):
    assert match_weight(expected, expected, 0 * variance, SPAN, 6).min() == 1
    assert match_weight(expected + NOISE, expected, variance, SPAN, 6).min() == 1


def test_a_reference_counts_ever_less_the_more_the_light_differs(expected, variance):
    weights = [
        float(match_weight(share * expected, expected, 0 * variance, SPAN, 6).mean())
        for share in (1.05, 1.2, 2)
    ]
    assert weights == sorted(weights, reverse=True)
    assert weights[0] > 0.8
    assert weights[-1] < 0.2


def test_of_thicker_slabs_a_reference_that_differs_counts_for_more(expected, variance):
    thin, thick = (match_weight(1.2 * expected, expected, 0 * variance, SPAN, n).mean() for n in (4, 12))
    assert thick > thin + 0.1
