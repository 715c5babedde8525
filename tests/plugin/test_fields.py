"""Forms made from the settings' models: every field, with its words and range, and every digit."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from pydantic import BaseModel, Field
from qtpy.QtCore import QLocale
from qtpy.QtGui import QGuiApplication

import napari_microdiffusion
from napari_microdiffusion.plugin.document import FormSettings, RunDocument
from napari_microdiffusion.plugin.reconstruct.document import ReconstructionDocument
from napari_microdiffusion.plugin.reconstruct.sections.advanced import AdvancedSection
from napari_microdiffusion.plugin.reconstruct.sections.diffusion import DiffusionSection
from napari_microdiffusion.plugin.widgets.form import Form
from napari_microdiffusion.settings.files import read_run, record
from napari_microdiffusion.settings.method import ReconstructionConfig

from ..settings.documents import FIELDS, documents
from .conftest import field_of, set_field

SHOWN = [field for field in FIELDS if field.path.split(".")[0] in ("acquisition", "method")]


@pytest.fixture(autouse=True)
def application(qapp):
    """Widgets need one."""


def test_a_field_takes_range_default_and_words_from_the_model():
    document = RunDocument()
    form = Form(document, ("acquisition.step_length", "method.steps", "method.guide"))
    step, steps, guide = (bound.widget.native for bound in form.fields.values())
    assert (step.minimum(), step.maximum()) == (2, 64)
    assert "slices" in step.toolTip()
    assert steps.value() == ReconstructionConfig().steps
    assert ReconstructionConfig.model_fields["steps"].description in steps.toolTip()
    assert guide.currentData() == ReconstructionConfig().guide
    assert {guide.itemData(index) for index in range(guide.count())} == set(
        document.fields["method.guide"].choices
    )


def test_what_is_not_set_is_left_to_the_program():
    document = ReconstructionDocument()
    section = AdvancedSection(document)
    assert field_of(section, "method.memory_gb").text() == "automatic"
    set_field(section, "method.memory_gb", 4)
    assert document.method.memory_gb == 4
    assert field_of(section, "acquisition.photon_gain").text() == "estimated"
    set_field(section, "acquisition.photon_gain", 0)
    assert document.acquisition.photon_gain == 0
    set_field(section, "acquisition.photon_gain", None)
    assert document.acquisition.photon_gain is None
    assert document.run.asked == {"method.memory_gb": 4}


def test_a_prior_from_a_file_is_chosen_and_named(tmp_path):
    document = ReconstructionDocument()
    section = DiffusionSection(document)
    asked = []
    section.prior.file_wanted.connect(lambda: asked.append(True))
    set_field(section, "method.prior", "From a file…")
    assert asked
    assert document.method.prior == "general"
    section.use_prior(str(tmp_path / "mine.safetensors"))
    assert document.method.prior == str(tmp_path / "mine.safetensors")
    assert section.state.startswith("mine.safetensors")


class Depth(BaseModel):
    """A number with a comma or a point."""

    depth: float = Field(1.0, title="Depth", ge=0, le=1e6, json_schema_extra={"unit": "mm"})


@pytest.mark.parametrize("person", ["C", "de_DE"])
def test_numbers_are_read_with_a_point_and_with_a_comma_and_groups_are_refused(person):
    depth = FormSettings(model=Depth)
    form = Form(depth, ("depth",))
    box = form.fields["depth"].widget.native
    box.setLocale(QLocale(person))

    def write(text):
        box.lineEdit().selectAll()
        box.lineEdit().insert(text)
        box.interpretText()
        return depth.value("depth")

    assert (write("7,5"), write("8.25")) == (7.5, 8.25)
    assert write("1.234,5") == write("1,234.5") == 8.25


@pytest.mark.parametrize(("value", "shown"), [(500.0, "500 mm"), (7.25, "7.25 mm"), (0.004, "0.004 mm")])
def test_a_number_is_shown_with_the_decimals_that_it_needs(value, shown):
    depth = FormSettings(model=Depth)
    form = Form(depth, ("depth",))
    depth.ask({"depth": value})
    assert form.fields["depth"].widget.native.text() == shown


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(documents())
def test_no_digit_is_lost_on_the_way_through_the_form_and_a_file(tmp_path_factory, document):
    expected = {"acquisition": document.acquisition, "method": document.method}
    path = tmp_path_factory.mktemp("settings") / "run.json"
    path.write_text(json.dumps(record(document)))
    ours = RunDocument()
    form = Form(ours, [field.path for field in SHOWN])
    ours.use(read_run(path))
    for bound in form.fields.values():
        bound.widget.native.setFocus()
        bound.widget.native.clearFocus()
    assert {"acquisition": ours.acquisition, "method": ours.run.resolved.method} == expected
    path.write_text(json.dumps(record(ours.run.resolved.document)))
    again = RunDocument()
    again.use(read_run(path))
    assert {"acquisition": again.acquisition, "method": again.run.resolved.method} == expected
    # What a person types is what holds, whatever else is set.
    for field in ("method.seed", "acquisition.dark_level"):
        set_field(form, field, 12)
        assert ours.value(field) == 12
    form.release()


# Run in a copy of the package with one more field of the beam.
SCRIPT = """
import sys
from qtpy.QtWidgets import QApplication, QDoubleSpinBox
from napari.components import ViewerModel
application = QApplication([])
from napari_microdiffusion.settings.preferences import stored_fields
from napari_microdiffusion.plugin.reconstruct.view import ReconstructWidget
from napari_microdiffusion.plugin.simulate.view import SimulateWidget
for Dock in ReconstructWidget, SimulateWidget:
    dock = Dock(ViewerModel())
    box = dock.findChild(QDoubleSpinBox, "acquisition.ripple")
    assert (box.value(), box.maximum()) == (0.25, 1)
    assert "Of the beam. In waves." in box.toolTip()
    box.setValue(0.5)
    assert dock.document.acquisition.ripple == 0.5
    dock.document.ask({"acquisition.ripple": 0.12345678901234566})
    assert dock.document.acquisition.ripple == 0.12345678901234566
    dock.close_down()
assert "ripple" in [field.name for field in stored_fields()]
"""


def test_a_field_added_in_one_place_is_found_in_the_docks(tmp_path, source_with_ripple):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT],
        cwd=tmp_path,
        env=os.environ
        | {"PYTHONPATH": str(source_with_ripple), "QT_QPA_PLATFORM": QGuiApplication.platformName()},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr


def test_a_form_that_is_released_is_connected_to_nothing():
    document = RunDocument()
    before = len(document.events.revision)
    form = Form(document, ("method.seed", "method.guide"))
    widgets = [bound.widget for bound in form.fields.values()]
    assert len(document.events.revision) == before + 1
    form.release()
    assert len(document.events.revision) == before
    assert [len(widget.changed) for widget in widgets] == [0, 0]


def test_fields_are_made_in_one_place():
    by_hand = {"QSpinBox", "QDoubleSpinBox", "QComboBox", "QCheckBox"}
    plugin = Path(napari_microdiffusion.__file__).parent / "plugin"
    made = [
        f"{path.relative_to(plugin)}:{node.lineno}"
        for path in plugin.rglob("*.py")
        if path.relative_to(plugin).parts[0] != "widgets"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in by_hand
    ]
    assert made == []


def test_a_tooltip_calls_the_choices_as_the_list_does(dock):
    box = field_of(dock, "method.consistency")
    told = box.toolTip()
    for index in range(box.count()):
        assert f"<i>{box.itemText(index)}</i>: " in told
    assert "nonnegative" not in told


def test_units_read_as_words(dock):
    assert field_of(dock, "method.inr.minutes").toolTip().endswith("In minutes.</qt>")
    assert "In of" not in field_of(dock, "method.inr.offset").toolTip()
