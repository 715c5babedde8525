"""Tiles: they cover the stack once, and the result does not show them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_microdiffusion.reconstruction.engine import reconstruct
from napari_microdiffusion.reconstruction.slab import stages as slab_module
from napari_microdiffusion.reconstruction.slab import tile_evaluator as evaluator_module
from napari_microdiffusion.reconstruction.slab.evaluations import working_bytes
from napari_microdiffusion.reconstruction.slab.tiling import LATERAL_CONTEXT, TilePlan


@given(st.integers(1, 30), st.integers(1, 200), st.integers(1, 200), st.integers(1, 300_000), st.booleans())
def test_windows_cover_every_pixel_once_and_read_around_it(slabs, height, width, pixels, shrink):
    plan = TilePlan.for_budget((slabs, height, width), pixels)
    plan = (plan.smaller() or plan) if shrink else plan
    seen = np.zeros((slabs, height, width), int)
    for window in plan.windows():
        seen[window.keep_slabs, *window.keep.index] += 1
        read = np.zeros_like(seen)
        read[window.read_slabs, *window.read.index] = 1
        inner = read[window.read_slabs, *window.read.index][window.inner]
        kept = seen[window.keep_slabs, *window.keep.index]
        assert inner.shape == kept.shape
        # The network's two downsamplings stay on the same grid in every tile.
        assert window.read.top % 4 == 0
        assert window.read.left % 4 == 0
    assert (seen == 1).all()


def test_a_budget_bounds_what_is_read():
    plan = TilePlan.for_budget((40, 900, 700), 200_000)
    for window in plan.windows():
        read = window.read
        pixels = (
            (window.read_slabs.stop - window.read_slabs.start)
            * (read.bottom - read.top)
            * (read.right - read.left)
        )
        assert pixels <= 200_000


def test_small_stacks_are_one_tile_and_tiles_shrink_to_an_end():
    assert len(TilePlan.for_budget((5, 60, 80), 260_000).windows()) == 1
    plan, sides = TilePlan.for_budget((8, 512, 512), 260_000), []
    while plan is not None:
        sides.append(plan.side)
        plan = plan.smaller()
    assert sides == sorted(sides, reverse=True)
    assert sides[-1] == 32


def run(measurement, config):
    return list(reconstruct(measurement.projections, measurement.acquisition, config))


@pytest.fixture(scope="module")
def wide(measure):
    return measure(slabs=3, height=68, width=84)


def test_tiles_give_nearly_what_one_piece_gives(wide, configure, monkeypatch):
    config = configure(samples=1, consistency="nonnegative")
    whole = run(wide, config)[-1].result
    monkeypatch.setattr(evaluator_module, "PIXELS_ON_CPU", 3 * (32 + 2 * LATERAL_CONTEXT) ** 2)
    tiled = run(wide, config)[-1].result
    span = np.ptp(wide.projections)
    difference = np.abs(whole.volume - tiled.volume)
    # The same away from the tiles' borders, where the network sees all that it can see.
    assert np.median(difference) < 1e-4 * span
    assert difference.max() < 0.02 * span
    assert np.abs(whole.uncertainty - tiled.uncertainty).max() < 0.05 * span
    assert tiled.reprojection_max < 1e-5
    # They were tiles, and tiles do change something, or the test would see nothing.
    assert difference.max() > 0


def test_groups_of_slabs_give_nearly_what_one_piece_gives(measure, configure, monkeypatch):
    deep = measure(n=3, slabs=15, height=16, width=16)
    grouped = run(deep, configure(samples=0))[-1].result
    monkeypatch.setattr(slab_module, "STREAMED_SLABS", 15)
    whole = run(deep, configure(samples=0))[-1].result
    difference = np.abs(whole.volume - grouped.volume)
    assert difference.max() < 0.02 * np.ptp(deep.projections)


def test_a_memory_limit_makes_tiles_smaller(wide, configure):
    least = working_bytes(wide.truth.shape, 0) / 1e9
    events = run(wide, configure(samples=0, memory_gb=least + 0.02, consistency="exact"))
    assert events[-1].result.reprojection_max < 1e-5
    posterior = [e for e in events if getattr(e, "stage", "") == "posterior mean" and hasattr(e, "fraction")]
    assert len(posterior) > 1
