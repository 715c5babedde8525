"""Scanned volumes as specimens: pieces of any of them serve a training, whatever their size and levels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_microdiffusion.training.batches import batches
from napari_microdiffusion.training.pool import SpecimenPool
from napari_microdiffusion.training.scanned import varied
from napari_microdiffusion.training.settings import BatchSettings

PATCH = 48


@settings(max_examples=20, deadline=None)
@given(
    depth=st.integers(12, 70),
    height=st.integers(30, 130),
    width=st.integers(30, 130),
    offset=st.sampled_from([0, 500]),
    seed=st.integers(0, 1000),
)
def test_a_piece_is_a_specimen(depth, height, width, offset, seed):
    rng = np.random.default_rng(seed)
    volume = (offset + rng.gamma(0.3, 500, (depth, height, width))).astype(np.uint16)
    piece = varied(volume, 100, rng)
    assert piece.min() >= 0
    assert 0.9 < np.percentile(piece, 99.95) < 1.1
    assert min(piece.shape[1:]) >= PATCH
    # Zooming rounds up.
    assert max(piece.shape) <= 102


@pytest.fixture
def scanned():
    """Constant along each axis but one, so that it is told from tissue; two values alone."""
    volume = np.zeros((40, 60, 60), np.uint16)
    volume[:, :, 20:40] = 3000
    return volume


def test_the_share_says_how_many_specimens_are_scanned(scanned):
    chosen = BatchSettings(pool=12, images_per_structure=12, scanned=(scanned,), scanned_share=0.5)
    pool = SpecimenPool(chosen, 3)
    is_scanned = [np.mean((v < 0.02) | (v > 0.98)) > 0.9 for v in map(np.float32, pool.volumes)]
    assert 3 <= sum(is_scanned) <= 9


def test_batches_are_made_of_scanned_volumes_alone(scanned):
    chosen = BatchSettings(
        stacks=2, slabs=3, pool=2, recordings=2, scanned=(scanned,), scanned_share=1.0, step_length=4
    )
    batch = next(batches(chosen, 1))
    assert batch.residual.shape[-2:] == (PATCH, PATCH)
    assert np.isfinite(batch.residual.numpy()).all()
