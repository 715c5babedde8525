"""A viewer with the dock in it, and small projections that are reconstructed in no time."""

import time
from collections.abc import Callable

import napari
import napari.settings
import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtWidgets import QAbstractSpinBox, QCheckBox, QComboBox, QLineEdit, QWidget

from napari_microdiffusion.io import write_image
from napari_microdiffusion.plugin.adapt.view import AdaptWidget
from napari_microdiffusion.plugin.batch.view import BatchWidget
from napari_microdiffusion.plugin.compare.view import CompareWidget
from napari_microdiffusion.plugin.reconstruct.view import ReconstructWidget
from napari_microdiffusion.plugin.simulate.view import SimulateWidget
from napari_microdiffusion.plugin.video.view import VideoWidget
from napari_microdiffusion.plugin.widgets.dock import Dock

N = 4
SHAPE = (5, 32, 32)
PATIENCE_MS = 60_000
DOCKS = {
    "Reconstruct volume": ReconstructWidget,
    "Simulate projections": SimulateWidget,
    "Compare with ground truth": CompareWidget,
    "Adapt prior": AdaptWidget,
    "Reconstruct video": VideoWidget,
    "Batch": BatchWidget,
}


@pytest.fixture(autouse=True)
def preferences_folder(tmp_path_factory, monkeypatch):
    """Keeps preferences in a folder of the test, away from the person's own and from other tests'."""
    folder = tmp_path_factory.mktemp("preferences")
    # There is no public way to have another folder in the same session.
    monkeypatch.setattr(napari.settings, "_CFG_PATH", str(folder / "settings.yaml"))
    napari.settings._clear_plugin_settings_cache()
    monkeypatch.setattr(
        "napari_microdiffusion.reconstruction.cost.speed.user_cache_path", lambda _name: folder
    )
    yield folder
    napari.settings._clear_plugin_settings_cache()


@pytest.fixture
def projections(rng) -> np.ndarray:
    """Five slabs with a bright tilted bar in noise that is negligible, float32."""
    stack = rng.uniform(0, 1, SHAPE).astype(np.float32)
    for slab in range(SHAPE[0]):
        stack[slab, 8 + 3 * slab : 12 + 3 * slab, 6:26] += 100
    return stack


@pytest.fixture
def projections_file(tmp_path, projections):
    """The projections as this package writes them: 8 x 2 x 2 um, step length 4."""
    path = tmp_path / "bar.tif"
    write_image(path, projections, scale=(8.0, 2.0, 2.0), unit="um", step_length=N)
    return path


@pytest.fixture
def viewer(request):
    """A viewer in its window; in modules marked `windowless` its model alone, which is opened far sooner.

    There a test may still be marked `window`.
    """
    windowless, window = (request.node.get_closest_marker(mark) for mark in ("windowless", "window"))
    if windowless and not window:
        yield ViewerModel()
    else:
        yield request.getfixturevalue("make_napari_viewer")()


def dock_in(viewer, qtbot, name: str) -> Dock:
    """A dock as napari opens it, or on its own where there is no window."""
    if isinstance(viewer, napari.Viewer):
        return viewer.window.add_plugin_dock_widget("napari-microdiffusion", name)[1]
    widget = DOCKS[name](viewer)
    qtbot.addWidget(widget, before_close_func=Dock.close_down)
    return widget


def field_of(dock, name: str) -> QWidget:
    """A field by its dotted path in the settings, or by the name of a box."""
    kinds = (QComboBox, QAbstractSpinBox, QCheckBox, QLineEdit)
    return next(found for found in dock.findChildren(QWidget, name) if isinstance(found, kinds))


def set_field(dock, name: str, value) -> None:
    """Set a field as a person would, None to what stands for it."""
    box = field_of(dock, name)
    if isinstance(box, QComboBox):
        (index,) = [i for i in range(box.count()) if value in (box.itemData(i), box.itemText(i))]
        box.setCurrentIndex(index)
    elif isinstance(box, QCheckBox):
        box.setChecked(value)
    elif isinstance(box, QLineEdit):
        box.setText(str(value))
    else:
        box.setValue(box.minimum() if value is None else value)


@pytest.fixture
def dock(viewer, qtbot) -> ReconstructWidget:
    """The dock "Reconstruct volume"."""
    widget = dock_in(viewer, qtbot, "Reconstruct volume")
    yield widget
    thread = widget.runs.job.thread_at_work
    if widget.runs.is_running and thread is not None and thread.is_alive():
        widget.runs.cancel()
        qtbot.waitUntil(lambda: not widget.runs.is_running, timeout=PATIENCE_MS)


@pytest.fixture
def finish(qtbot) -> Callable[[ReconstructWidget], None]:
    """Waits until the dock has nothing to do."""

    def wait(widget: ReconstructWidget) -> None:
        qtbot.waitUntil(lambda: not widget.runs.is_running, timeout=PATIENCE_MS)

    return wait


@pytest.fixture
def opened(dock, projections_file, finish) -> ReconstructWidget:
    """The dock with the file open and the settings of a quick run."""
    dock.runs.open_file(str(projections_file))
    finish(dock)
    set_field(dock, "method.prior", "off")
    set_field(dock, "method.guide", "histospline")
    return dock


@pytest.fixture
def quick_training(monkeypatch):
    """The training of three small steps; a test may make it endless."""
    from napari_microdiffusion.training import recipe
    from napari_microdiffusion.training.adaptation import closed_form, looks

    monkeypatch.setattr(looks, "_SPECIMEN", (24, 24, 24))
    monkeypatch.setattr(looks, "_OF_A_KIND", 1)
    monkeypatch.setattr(closed_form, "STEP_LENGTHS", (6,))
    real, length = recipe.TrainingRecipe, {"steps": 3}

    def small(**settings):
        settings.pop("minutes")
        return real(**settings, **length, pool=1, stacks=1, slabs=2, patch=16, distribution_stacks=0)

    monkeypatch.setattr(recipe, "TrainingRecipe", small)
    return length


@pytest.fixture
def slow(monkeypatch):
    """Makes the engine pause after every event, so that there is time to interfere; gives the events."""
    from napari_microdiffusion.reconstruction import engine

    original, seen = engine.reconstruct, []

    def paused(*arguments, **options):
        for event in original(*arguments, **options):
            seen.append(event)
            yield event
            options["cancel"].check()
            time.sleep(0.02)

    monkeypatch.setattr(engine, "reconstruct", paused)
    return seen
