"""How far a run is, as the dock shows it, and what showing it costs."""

import time
from itertools import pairwise

import pytest
from napari.utils import progress
from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QWidget

from napari_microdiffusion.plugin.jobs.run_panel import RunPanel
from napari_microdiffusion.tasks.progress import Step

from .conftest import PATIENCE_MS

pytestmark = pytest.mark.windowless


def test_the_panel_names_what_is_done_and_how_long_it_takes(qtbot):
    panel = RunPanel("Reconstruct volume")
    qtbot.addWidget(panel)
    panel.begin("Starting", can_stop=True)
    panel.show_step(Step("Fitting the INR", 0.62, 9.0))
    assert panel.stage.text() == "Fitting the INR"
    assert panel.bar.text() == "62 % · 9 s left"
    panel.show_step(Step("Reading the file"), waited=4.2)
    assert panel.bar.text() == "4 s"


def test_a_step_is_one_painting_of_the_bar_and_moves_nothing_else(qtbot):
    panel = RunPanel("Reconstruct volume", has_slices=True)
    qtbot.addWidget(panel)
    panel.begin("Starting", can_stop=True)
    panel.show()
    qtbot.waitExposed(panel)
    panel.show_step(Step("Fitting the INR", 0.1, 900.0))
    qtbot.wait(50)
    seen = Seen(QEvent.Type.Paint, QEvent.Type.LayoutRequest, QEvent.Type.Resize)
    for widget in (panel, *panel.findChildren(QWidget)):
        widget.installEventFilter(seen)
    panel.show_step(Step("Fitting the INR", 0.6, 9.0))
    assert seen.events == []  # not at once: other widgets may have changed as well
    qtbot.wait(50)
    assert seen.events.count((QEvent.Type.Paint, "QProgressBar")) == 1
    assert not [kind for kind, _ in seen.events if kind != QEvent.Type.Paint]
    assert "QLabel" not in [name for _, name in seen.events]


class Seen(QObject):
    """Records events of some kinds, with the class of the widget."""

    def __init__(self, *kinds):
        super().__init__()
        self.kinds, self.events = kinds, []

    def eventFilter(self, watched, event):
        if event.type() in self.kinds:
            self.events.append((event.type(), type(watched).__name__))
        return False


def test_a_stop_that_is_under_way_is_not_overwritten(qtbot):
    panel = RunPanel("Reconstruct volume")
    qtbot.addWidget(panel)
    panel.begin("Starting", can_stop=True)
    panel.ending("Stopping …")
    panel.show_step(Step("Posterior mean", 0.5))
    assert panel.stage.text() == "Stopping …"
    panel.ending("Cancelling …")
    assert panel.stage.text() == "Cancelling …"


def test_a_run_shows_a_share_from_its_first_second_on(opened, slow, qtbot):
    opened.runs.start()
    qtbot.waitUntil(lambda: "%" in opened.panel.bar.text(), timeout=PATIENCE_MS)
    shares = []
    while opened.runs.is_running:
        qtbot.wait(20)
        shares.append(opened.panel.bar.value())
    assert shares == sorted(shares)


@pytest.mark.window
def test_nothing_moves_by_itself_while_the_dock_is_seen(opened, slow, qtbot):
    """Every picture of a moving bar, or of napari's entry, has the whole window painted anew."""
    bar = opened.panel.bar
    with qtbot.waitExposed(opened.window()):
        opened.window().show()
    opened.runs.start()
    while opened.runs.is_running:
        qtbot.wait(20)
        assert bar.maximum() > bar.minimum()
        assert not progress._all_instances


@pytest.mark.window
def test_out_of_sight_napari_tells_of_the_run(viewer, opened, slow, qtbot):
    with qtbot.waitExposed(opened.window()):
        opened.window().show()
    opened.parentWidget().hide()
    opened.runs.start()
    qtbot.waitUntil(lambda: len(progress._all_instances) == 1, timeout=PATIENCE_MS)
    opened.parentWidget().show()
    qtbot.waitUntil(lambda: not progress._all_instances, timeout=PATIENCE_MS)
    opened.runs.cancel()
    qtbot.waitUntil(lambda: not opened.runs.is_running, timeout=PATIENCE_MS)


@pytest.mark.window
def test_labels_change_seldom(opened, slow, qtbot, monkeypatch):
    changes = []
    original = RunPanel.show_step

    def counted(self, step, waited=0.0):
        changes.append(time.monotonic())
        original(self, step, waited)

    monkeypatch.setattr(RunPanel, "show_step", counted)
    opened.runs.start()
    qtbot.waitUntil(lambda: not opened.runs.is_running, timeout=PATIENCE_MS)
    assert len(slow) > 20
    assert all(later - earlier > 0.9 for earlier, later in pairwise(changes[1:]))


def test_the_dock_says_after_a_run_what_the_next_one_takes_here(opened, slow, finish):
    before = opened.document.cost(opened.document.acquisition_of_run(), opened.document.method_of_run())
    opened.runs.start()
    finish(opened)
    after = opened.document.cost(opened.document.acquisition_of_run(), opened.document.method_of_run())
    assert after.seconds > before.seconds
    assert isinstance(opened.panel.estimate, QWidget)
    assert opened.panel.estimate.text() == str(after)
