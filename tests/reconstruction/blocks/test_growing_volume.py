"""A volume that grows on disk: what is read is what was finished, and the projections in between."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_microdiffusion.reconstruction.blocks.finished_blocks import FinishedBlocks
from napari_microdiffusion.reconstruction.blocks.growing_volume import FACTORS, FINISHED, GrowingVolume
from napari_microdiffusion.reconstruction.blocks.plan import BlockPlan

SLABS, N, HEIGHT, WIDTH = 3, 4, 50, 41
PLAN = BlockPlan(HEIGHT, WIDTH, 16, 16)
RNG = np.random.default_rng(1)
PROJECTIONS = RNG.uniform(0, 100, (SLABS, HEIGHT, WIDTH)).astype(np.float32)
VOLUME = RNG.uniform(0, 100, (SLABS * N, HEIGHT, WIDTH)).astype(np.float32)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """All blocks of VOLUME, finished."""
    folder = tmp_path_factory.mktemp("blocks")
    finished = FinishedBlocks(folder / FINISHED, {"run": 1})
    for block in PLAN.blocks():
        finished.write(block, {}, volume=VOLUME[:, *block.keep.index])
    return folder


@pytest.fixture(scope="module")
def whole(store):
    return grown(store, PLAN.blocks())


def grown(store, blocks, quantity="volume"):
    growing = GrowingVolume(PROJECTIONS, N, store, PLAN, quantity)
    for block in blocks:
        growing.add(block)
    return growing


def coarse(volume, factor):
    """Means over squares, those at the end over what there is of them."""
    rows, columns = (-size % factor for size in volume.shape[1:])
    padded = np.pad(volume, ((0, 0), (0, rows), (0, columns)), constant_values=np.nan)
    depth, height, width = padded.shape
    return np.nanmean(padded.reshape(depth, height // factor, factor, width // factor, factor), (2, 4))


def parts(size):
    return st.one_of(
        st.integers(-size, size - 1),
        st.builds(
            slice,
            st.none() | st.integers(-size, size),
            st.none() | st.integers(-size, size),
            st.none() | st.integers(1, 5),
        ),
    )


@settings(max_examples=60, deadline=None)
@given(st.tuples(parts(SLABS * N), parts(HEIGHT), parts(WIDTH)))
def test_any_part_of_a_finished_volume_is_read_as_of_an_array(whole, index):
    np.testing.assert_array_equal(np.asarray(whole.levels[0][index]), VOLUME[index])


@pytest.mark.parametrize("factor", FACTORS)
def test_every_resolution_holds_means_over_squares(whole, factor):
    level = whole.levels[FACTORS.index(factor)]
    expected = coarse(VOLUME, factor)
    assert level.shape == expected.shape
    np.testing.assert_allclose(np.asarray(level), expected, rtol=1e-5)
    np.testing.assert_allclose(level[..., 3], expected[..., 3], rtol=1e-5)


@pytest.mark.parametrize("factor", FACTORS)
def test_between_finished_blocks_the_projections_are_shown(store, factor):
    first, *_, last = PLAN.blocks()
    level = grown(store, [first, last]).levels[FACTORS.index(factor)]
    seen, stack = np.asarray(level), coarse(PROJECTIONS, factor)
    for block in (first, last):
        rows, columns = (slice(s.start // factor, -(-s.stop // factor)) for s in block.keep.index)
        np.testing.assert_allclose(
            seen[:, rows, columns], coarse(VOLUME, factor)[:, rows, columns], rtol=1e-5
        )
    row, column = 24 // factor, 20 // factor
    np.testing.assert_allclose(seen[0, row, column], stack[0, row, column], rtol=1e-5)
    np.testing.assert_allclose(seen[-1, row, column], stack[-1, row, column], rtol=1e-5)
    # Half-way between the middles of two slabs, for an even n, lie the two slices at their border.
    middle = seen[N - 1 : N + 1, row, column].mean()
    np.testing.assert_allclose(middle, stack[:2, row, column].mean(), rtol=1e-5)


def test_once_it_is_over_nothing_stands_where_nothing_was_finished(store):
    growing = grown(store, [next(PLAN.blocks())])
    growing.end()
    for level in growing.levels:
        assert np.isfinite(level[0, 0, 0])
        assert np.isnan(level[0, -1, -1])


def test_an_uncertainty_is_zero_where_it_is_not_known_yet(store):
    growing = GrowingVolume(PROJECTIONS, N, store, PLAN, "uncertainty")
    assert not np.asarray(growing.levels[-1]).any()


def test_reading_outside_is_refused(store):
    finest = grown(store, []).levels[0]
    with pytest.raises(IndexError):
        finest[SLABS * N]
    with pytest.raises(IndexError):
        finest[:, ::-1]


def test_a_part_is_not_read_before_a_slice_of_it_is_chosen(whole, monkeypatch):
    finest, read = whole.levels[0], []
    original = type(finest).read
    monkeypatch.setattr(type(finest), "read", lambda self, at: read.append(at) or original(self, at))
    part = finest[:, 10:30, 5:40:2]
    assert (part.shape, read) == ((SLABS * N, 20, 18), [])
    np.testing.assert_array_equal(part[7], VOLUME[7, 10:30, 5:40:2])
    assert [len(at) for at in read[0]] == [1, 20, 18]
