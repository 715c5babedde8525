"""Trying settings on a part, looking along z, and going back to defaults."""

import numpy as np
import pytest
from qtpy.QtWidgets import QLabel, QWidget

from napari_microdiffusion.interpolation import histospline
from napari_microdiffusion.plugin.widgets.help_page import HelpPage
from napari_microdiffusion.plugin.widgets.section import Section

from .conftest import N, set_field

pytestmark = pytest.mark.windowless


def quick(dock):
    """The settings of a quick run."""
    set_field(dock, "acquisition.step_length", N)
    set_field(dock, "method.prior", "off")
    set_field(dock, "method.guide", "histospline")


def test_a_rectangle_is_tried_before_the_whole(dock, projections, finish):
    wide = np.tile(projections, (1, 3, 3))
    dock.viewer.add_image(wide, name="wide", scale=(8, 2, 2), units=("um",) * 3)
    quick(dock)
    dock.viewer.add_shapes([[[20, 40], [20, 120], [100, 120], [100, 40]]], shape_type="rectangle")
    dock.try_here.click()
    finish(dock)
    assert dock.outcome.error.isHidden(), dock.outcome.error.text()
    part = dock.viewer.layers["wide part volume"]
    whole = histospline(wide, N)
    np.testing.assert_allclose(part.data, whole[:, 10:50, 20:60], atol=1)
    assert tuple(part.translate) == (0, 20, 40)
    assert "a part alone" in dock.outcome.warnings.text()
    dock.panel.button.click()
    finish(dock)
    assert dock.viewer.layers["wide volume"].data.shape == whole.shape


def test_the_chosen_result_is_seen_along_z_without_a_truth(opened, finish):
    section = opened.along_z
    assert section.state == ""
    opened.runs.start()
    finish(opened)
    section.open()
    assert section.state == "bar volume"
    section.sections.show_slice(7)
    assert section.sections.point[0] == 7

    class Event:
        position = (0.0, 20.0, 40.0)

    section.sections._mouse_moved(opened.viewer, Event())
    assert section.sections.point == (7, 10, 20)
    section.sections.grab()  # paints every section
    opened.viewer.layers.remove("bar volume")
    assert section.state == ""


def test_defaults_come_back_and_what_the_file_says_stays(opened):
    set_field(opened, "acquisition.step_length", 3)
    set_field(opened, "method.seed", 5)
    opened.sections.advanced.reset.click()
    assert opened.document.value("method.seed") == 0
    assert opened.document.value("method.guide") == opened.document.fields["method.guide"].default
    assert opened.document.acquisition.step_length == N
    assert opened.document.step_length_source() == "from file"


def test_what_a_step_length_means_for_the_slices_is_told(dock):
    dock.viewer.add_image(np.ones((4, 40, 40)), scale=(50, 0.5, 0.5), units=("um",) * 3)
    set_field(dock, "acquisition.step_length", 6)
    assert "17 times as thick as a pixel is wide" in dock.sections.beam.output
    set_field(dock, "acquisition.step_length", 64)
    assert "thick" not in dock.sections.beam.output


def test_every_section_leads_to_its_page_of_the_manual(dock, qtbot):
    sections = [section for section in dock.findChildren(Section) if hasattr(section, "help")]
    assert len(sections) >= len(dock.sections.all())
    for section in sections:
        section.help.click()
        (page,) = section.findChildren(HelpPage)
        text = page.browser.toPlainText()
        assert len(text) > 500, section.title
        page.close()
        qtbot.waitUntil(lambda section=section: not section.findChildren(HelpPage))


@pytest.mark.window
def test_no_field_lies_on_its_label(dock, qtbot):
    for section in dock.sections.all():
        section.open()
    qtbot.wait(50)
    for name in ("paper's system", "schedule"):
        field = dock.findChild(QWidget, name)
        (title,) = [label for label in dock.findChildren(QLabel) if label.buddy() is field]
        assert title.width() > 50
        assert title.geometry().right() < field.geometry().left()
