"""The docks in a narrow window: nothing is cut off, and all of them fit."""

import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QFontMetricsF
from qtpy.QtWidgets import QCheckBox, QComboBox, QDockWidget, QLabel, QPushButton, QScrollArea, QWidget

from .conftest import DOCKS, dock_in, set_field

pytestmark = pytest.mark.windowless

NARROW = 280


def too_wide(dock) -> list[str]:
    """What needs more room than there is, or reaches beyond what is seen of the dock."""
    (scroll,) = dock.findChildren(QScrollArea)
    inner, room = scroll.widget(), scroll.viewport().width()
    wide = [f"the whole needs {inner.minimumSizeHint().width()} of {room}"]
    found = wide if inner.minimumSizeHint().width() > room else []
    for widget in dock.findChildren(QWidget):
        if widget.isVisibleTo(dock) and inner.isAncestorOf(widget):
            right = widget.mapTo(inner, widget.rect().topRight()).x()
            if right >= room and not isinstance(widget.parent(), QScrollArea):
                found.append(f"{widget.objectName()} {type(widget).__name__} ends at {right} of {room}")
    if dock.minimumSizeHint().width() > NARROW:
        found.append(f"the dock needs {dock.minimumSizeHint().width()}")
    return found


def cut(dock) -> list[str]:
    """What is said in letters that do not fit their place."""
    found = []
    for label in dock.findChildren(QLabel):
        shown = QLabel.text(label)
        if not label.isVisible() or Qt.mightBeRichText(shown) or not shown:
            continue
        letters, room = QFontMetricsF(label.font()), label.contentsRect().width()
        parts = shown.split() if label.wordWrap() else [shown]
        # A letter may reach a pixel beyond the width that is counted for it.
        if (widest := max(map(letters.horizontalAdvance, parts))) > room - 1:
            found.append(f"{shown!r} needs {widest} of {room}")
    for kind in (QPushButton, QCheckBox, QComboBox):
        for field in dock.findChildren(kind):
            if field.isVisible() and field.objectName() != "section":
                needed, room = field.minimumSizeHint().width(), field.width()
                found += [f"{field.objectName()} {kind.__name__} needs {needed} of {room}"] * (needed > room)
    return found


def unfold(dock) -> None:
    """Open all sections."""
    for button in dock.findChildren(QWidget, "section"):
        button.setChecked(True)


@pytest.mark.parametrize("name", DOCKS)
@pytest.mark.parametrize("height", [500, 2000])
def test_nothing_is_wider_than_a_narrow_dock(viewer, qtbot, projections, name, height):
    viewer.add_image(projections, name="a recording with a rather long name 2026-11-28 series 14")
    dock = dock_in(viewer, qtbot, name)
    unfold(dock)
    dock.resize(NARROW, height)
    with qtbot.waitExposed(dock):
        dock.show()
    assert dock.width() == NARROW
    assert too_wide(dock) == []


def test_nor_while_something_is_done_and_said(opened, qtbot, finish):
    unfold(opened)
    set_field(opened, "acquisition.views", "stacked")
    opened.resize(NARROW, 720)
    with qtbot.waitExposed(opened):
        opened.show()
    assert too_wide(opened) == []
    set_field(opened, "acquisition.views", "one")
    opened.panel.begin("Posterior mean of a large stack through a bent beam", can_stop=True)
    qtbot.wait(50)
    assert too_wide(opened) == []
    opened.panel.idle()
    opened.runs.start()
    finish(opened)
    qtbot.wait(50)
    assert too_wide(opened) == []


@pytest.mark.window
@pytest.mark.parametrize("name", DOCKS)
def test_no_letter_is_cut_whatever_the_width(viewer, qtbot, projections, name):
    viewer.add_image(projections, name="a recording with a rather long name 2026-11-28 series 14")
    dock = dock_in(viewer, qtbot, name)
    window = viewer.window._qt_window
    with qtbot.waitExposed(window):
        window.show()
    viewer.window.resize(1280, 720)
    unfold(dock)
    place = dock.parentWidget()
    for theme in ("light", "dark"):
        viewer.theme = theme
        for width in range(NARROW, 400, 7):
            window.resizeDocks([place], [width], Qt.Orientation.Horizontal)
            qtbot.wait(1)
            assert cut(dock) == [], (theme, width)


def test_names_of_files_too_wide_for_the_dock_lose_their_middle(dock, qtbot):
    dock.resize(NARROW, 720)
    with qtbot.waitExposed(dock):
        dock.show()
    path = "/data/2026-11-28/" + "a_very_long_name_" * 5 + "volume.ome.tif"
    dock.outcome.say(f"Saved: {path}")
    qtbot.wait(20)
    shown = QLabel.text(dock.outcome.message)
    assert "…" in shown
    assert shown.endswith(".ome.tif")
    assert cut(dock) == []
    assert dock.outcome.message.toolTip() == dock.outcome.message.text() == f"Saved: {path}"
    dock.outcome.say("Done.")
    assert dock.outcome.message.toolTip() == ""


@pytest.mark.window
def test_docks_open_as_tabs_of_one_place(viewer, qtbot):
    docks = [dock_in(viewer, qtbot, name) for name in DOCKS]
    with qtbot.waitExposed(viewer.window._qt_window):
        viewer.window._qt_window.show()
    viewer.window.resize(1280, 720)
    places = [dock.parent() for dock in docks]
    assert all(isinstance(place, QDockWidget) for place in places)
    window = viewer.window._qt_window
    qtbot.waitUntil(lambda: set(window.tabifiedDockWidgets(places[0])) >= set(places[1:]))
    # The last one is in front, and has the whole height.
    assert not docks[-1].visibleRegion().isEmpty()
    assert window.height() <= 720
