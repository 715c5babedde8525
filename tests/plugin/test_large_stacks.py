"""A stack that is too large for memory, in the dock: it grows on disk, where one looks first."""

import gc
import threading
from pathlib import Path

import numpy as np
import pytest

from napari_microdiffusion.io import read_image, write_image
from napari_microdiffusion.reconstruction.blocks import plan
from napari_microdiffusion.reconstruction.blocks import reconstruction as in_blocks
from napari_microdiffusion.reconstruction.slab import evaluations
from napari_microdiffusion.stacks.stack import array_of

from .conftest import PATIENCE_MS, N, set_field

pytestmark = pytest.mark.windowless

SHAPE = (4, 70, 100)
VOLUME = (SHAPE[0] * N, *SHAPE[1:])


@pytest.fixture
def large(monkeypatch, tmp_path, rng, dock, finish):
    """The dock with projections that count as too large, in blocks of 32 pixels; gives the blocks done."""
    monkeypatch.setattr(plan, "LARGE", 1000)
    monkeypatch.setattr(evaluations, "PIXELS_ON_CPU", 3000)
    (tmp_path / "made").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "made"))
    stack = rng.uniform(0, 1, SHAPE).astype(np.float32)
    stack[:, 20:40, 30:80] += 100
    write_image(tmp_path / "large.tif", stack, scale=(8.0, 2.0, 2.0), unit="um", step_length=N)
    dock.runs.open_file(str(tmp_path / "large.tif"))
    finish(dock)
    set_field(dock, "method.prior", "off")
    set_field(dock, "method.guide", "histospline")
    return dock


class Begun(list):
    """The blocks that were begun, in their order; the run waits before the third if it is `held`."""

    def __init__(self) -> None:
        self.held, self.reached, self.released = False, threading.Event(), threading.Event()

    def append(self, block) -> None:
        super().append(block)
        if self.held and len(self) == 3:
            self.reached.set()
            self.released.wait(PATIENCE_MS / 1000)


@pytest.fixture
def done(monkeypatch):
    original, begun = in_blocks.reconstruct_block, Begun()

    def noted(facts, block, *others):
        begun.append(block)
        yield from original(facts, block, *others)

    monkeypatch.setattr(in_blocks, "reconstruct_block", noted)
    yield begun
    begun.released.set()


@pytest.fixture
def half_way(large, done, qtbot):
    """The dock in a run that has finished two blocks and waits."""
    done.held = True
    large.runs.start()

    def is_half_way():
        return done.reached.is_set() and any(layer.multiscale for layer in large.viewer.layers)

    qtbot.waitUntil(is_half_way, timeout=PATIENCE_MS)
    return large


def volume_of(dock):
    return next(layer for layer in dock.viewer.layers if layer.name.startswith("large volume"))


@pytest.mark.window
def test_a_large_stack_is_made_on_disk_and_saved_from_there(large, done, finish, tmp_path, viewer):
    large.runs.start()
    finish(large)
    assert large.outcome.error.isHidden(), large.outcome.error.text()
    assert len(done) == 12
    layer = volume_of(large)
    assert layer.multiscale and array_of(layer).shape == VOLUME
    values = np.asarray(array_of(layer))
    means = values.reshape(SHAPE[0], N, *SHAPE[1:]).mean(1)
    given = np.asarray(array_of(viewer.layers["large"]))
    np.testing.assert_allclose(means, given, atol=1e-3)
    viewer.dims.set_point(0, float(layer.extent.world[1][0]) / 2)
    viewer.dims.ndisplay = 3
    large.runs.save_to(tmp_path / "kept.ome.tif")
    finish(large)
    assert large.outcome.error.isHidden(), large.outcome.error.text()
    np.testing.assert_array_equal(read_image(tmp_path / "kept.ome.tif").data, values)
    own, _ = layer.save(str(tmp_path / "own.ome.tif"), plugin="napari-microdiffusion")
    np.testing.assert_array_equal(read_image(own).data, values)
    large.runs.export()
    finish(large)
    (exported,) = tmp_path.glob("*16 bit*")
    assert read_image(exported).data.shape == VOLUME


def test_what_is_looked_at_comes_first(large, done, finish, viewer):
    viewer.scene.camera.center = (0.0, 2.0 * 60, 2.0 * 90)
    large.runs.start()
    finish(large)
    assert (done[0].keep.top, done[0].keep.left) == (32, 64)
    assert (done[-1].keep.top, done[-1].keep.left) != (64, 96)


def test_stopped_it_keeps_the_finished_blocks_and_says_which(half_way, done, finish, tmp_path):
    half_way.runs.stop()
    done.released.set()
    finish(half_way)
    layer = volume_of(half_way)
    assert layer.name.endswith("(stopped)")
    values = np.asarray(array_of(layer))
    finished = [block.keep.index for block in done[:2]]
    assert all(np.isfinite(values[:, *index]).all() for index in finished)
    assert np.isfinite(values[0]).sum() == sum(values[0][index].size for index in finished)
    assert "2 of 12 blocks were finished" in half_way.outcome.warnings.text()
    half_way.runs.save_to(tmp_path / "kept.ome.tif")
    finish(half_way)
    np.testing.assert_array_equal(read_image(tmp_path / "kept.ome.tif").data, values)


def test_cancelled_it_leaves_neither_layer_nor_file(half_way, done, finish, qtbot, tmp_path):
    assert volume_of(half_way).multiscale
    half_way.runs.cancel()
    done.released.set()
    finish(half_way)
    assert not [layer for layer in half_way.viewer.layers if "volume" in layer.name]

    def is_empty():
        gc.collect()
        return not any(Path(tmp_path / "made").iterdir())

    qtbot.waitUntil(is_empty, timeout=PATIENCE_MS)


def test_a_layer_outlives_the_run_that_made_it(large, done, finish, viewer, tmp_path):
    large.runs.start()
    finish(large)
    layer = volume_of(large)
    large.results.runs.clear()
    large.runs.last = large.runs.activity = None
    gc.collect()
    assert np.isfinite(np.asarray(array_of(layer)[3])).all()
    assert any((tmp_path / "made").iterdir())


def test_without_room_on_the_disk_it_is_refused_in_one_sentence(large, finish, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _path: type("Usage", (), {"free": 10})())
    large.runs.start()
    finish(large)
    assert "make room" in large.outcome.error.text()
    assert not [layer for layer in large.viewer.layers if "volume" in layer.name]
