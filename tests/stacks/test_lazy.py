"""Lazy arrays are read in threads while the viewer reads others."""

from threading import Event, Thread

import dask.array as da
import numpy as np
import pytest
from dask.cache import Cache

from napari_microdiffusion.stacks.lazy import apart, is_lazy


@pytest.mark.parametrize("part", [np.s_[:], np.s_[1], np.s_[..., 2:4, 1], np.s_[[0, 1], 1:]])
def test_parts_are_those_of_the_array(part, rng):
    values = rng.uniform(size=(2, 6, 7)).astype(np.float32)
    lazy = apart(da.from_array(values, chunks=(1, 3, 7)))
    assert is_lazy(lazy) and is_lazy(lazy[part])
    assert lazy[part].shape == values[part].shape
    np.testing.assert_array_equal(np.asarray(lazy[part]), values[part])
    np.testing.assert_array_equal(np.array(lazy[part], np.float64), values[part])
    np.testing.assert_array_equal(np.stack(list(lazy)), values)


def test_what_is_in_memory_is_left_alone(rng):
    values = rng.uniform(size=(2, 3, 4))
    assert apart(values) is values
    assert not is_lazy(values)


def test_a_thread_reads_while_the_viewer_caches_what_it_reads():
    began, seen, read = Event(), Event(), []

    def slowly(block):
        began.set()
        seen.wait(10)
        return block

    whole = da.ones((2, 3, 4), chunks=(1, 3, 4))
    stack = apart(whole.map_blocks(slowly, dtype=whole.dtype, meta=np.empty((0, 0, 0))))
    thread = Thread(target=lambda: read.append(np.asarray(stack)))
    cache = Cache(1e6)
    # As the viewer does for each slice: the thread begins during one and ends after the next.
    with cache:
        thread.start()
        assert began.wait(10)
    with cache:
        whole[0].compute()
    seen.set()
    thread.join(10)
    np.testing.assert_array_equal(read, [np.ones((2, 3, 4))])
