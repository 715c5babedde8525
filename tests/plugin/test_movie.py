"""A movie of the result turning, where the packages for it are installed."""

from importlib.util import find_spec

import pytest
from qtpy.QtWidgets import QFileDialog

from napari_microdiffusion.plugin.reconstruct import turntable

from .conftest import PATIENCE_MS

pytestmark = pytest.mark.windowless
# Asked before there is a viewer: napari's own fixture cannot be skipped once it has made one.
needs_movie = pytest.mark.skipif(
    not all(find_spec(name) for name in ("napari_animation", "imageio_ffmpeg")),
    reason="the extra `movie` is not installed",
)


def test_without_the_packages_the_button_says_what_to_install(opened, finish, monkeypatch):
    monkeypatch.setattr(turntable, "find_spec", lambda _name: None)
    opened.runs.start()
    finish(opened)
    assert not opened.outcome.movie.isEnabled()
    assert "pip install napari-microdiffusion[movie]" in opened.outcome.movie.toolTip()


@pytest.fixture
def turned(opened, finish, monkeypatch, tmp_path):
    """A result, the movie of it short, and where it is saved."""
    monkeypatch.setattr(turntable, "_TURNS", 4)
    monkeypatch.setattr(turntable, "_PICTURES_OF_A_TURN", 2)
    path = tmp_path / "bar.mp4"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    opened.runs.start()
    finish(opened)
    return opened, path


@needs_movie
@pytest.mark.window
def test_a_movie_of_the_result_is_saved(turned, qtbot):
    from imageio_ffmpeg import count_frames_and_secs

    dock, path = turned
    before = dock.viewer.scene.camera.angles
    dock.outcome.movie.click()
    qtbot.waitUntil(lambda: not dock.turntable.is_running, timeout=PATIENCE_MS)
    assert dock.outcome.message.text() == f"Saved: {path}"
    assert count_frames_and_secs(str(path))[0] == 9
    assert not dock.outcome.movie.isChecked()
    assert dock.viewer.dims.ndisplay == 3
    assert dock.viewer.scene.camera.angles != before  # that of 3D
    assert list(path.parent.glob("*.mp4")) == [path]


@needs_movie
@pytest.mark.window
def test_a_cancelled_movie_leaves_no_file(turned, qtbot):
    dock, path = turned
    dock.outcome.movie.click()
    with qtbot.waitSignal(dock.turntable.moved, timeout=PATIENCE_MS):
        pass
    dock.outcome.movie.click()
    assert not dock.turntable.is_running
    assert "cancelled" in dock.outcome.message.text()
    assert [file for file in path.parent.iterdir() if file.suffix != ".tif"] == []
