"""The docks for those who do not see the labels, or use no mouse."""

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractSpinBox, QComboBox, QLabel, QScrollArea, QSlider, QWidget

from napari_microdiffusion.plugin.widgets.form import Form

from .conftest import DOCKS, dock_in
from .test_narrow import unfold

pytestmark = pytest.mark.windowless


def reached_by_tab(dock) -> list[QWidget]:
    """What the keys of a dock go to, in their order."""
    found, widget = [], dock.nextInFocusChain()
    while widget is not dock:
        if dock.isAncestorOf(widget) and widget.focusPolicy() & Qt.FocusPolicy.TabFocus:
            found.append(widget)
        widget = widget.nextInFocusChain()
    return [w for w in found if not isinstance(w, QScrollArea) and w.focusProxy() is None]


def name_of(widget: QWidget) -> str:
    """What a screen reader says of a widget: its name, else the words on it."""
    return widget.accessibleName() or (widget.text() if hasattr(widget, "text") else "")


@pytest.fixture(params=DOCKS)
def any_dock(request, viewer, qtbot, projections):
    viewer.add_image(projections, name="bar")
    dock = dock_in(viewer, qtbot, request.param)
    unfold(dock)
    return dock


def test_everything_that_keys_reach_has_a_name(any_dock):
    widgets = reached_by_tab(any_dock)
    assert len(widgets) > 5
    nameless = [f"{type(w).__name__} {w.objectName()}" for w in widgets if not name_of(w).strip()]
    assert nameless == []


def test_all_fields_are_reached_by_keys(any_dock):
    kinds = (QComboBox, QAbstractSpinBox, QSlider)
    fields = [field for kind in kinds for field in any_dock.findChildren(kind)]
    reached = reached_by_tab(any_dock)
    assert [field.objectName() for field in fields if field not in reached] == []


def test_labels_of_fields_lead_to_them(any_dock):
    fields = [bound for form in any_dock.findChildren(Form) for bound in form.fields.values()]
    lead = {label.buddy(): label.text() for label in any_dock.findChildren(QLabel)}
    assert fields or not any_dock.findChildren(Form)
    missing = [b.path for b in fields if b.field.kind != "switch" and b.widget.native not in lead]
    assert missing == []
    assert all(
        lead[bound.widget.native] == bound.field.title for bound in fields if bound.field.kind != "switch"
    )


def test_where_the_keys_go_is_seen(any_dock):
    any_dock.show()
    assert "QComboBox:focus" in any_dock.styleSheet()
    assert "QPushButton:focus" in any_dock.styleSheet()
