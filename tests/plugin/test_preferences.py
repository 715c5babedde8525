"""Preferences: what the dock starts with, and what it remembers."""

from pathlib import Path

import pytest
from npe2 import PluginManifest
from qtpy.QtWidgets import QFileDialog

from napari_microdiffusion.optics import Acquisition
from napari_microdiffusion.plugin.reconstruct.preferences import CATEGORY
from napari_microdiffusion.settings.method import ReconstructionConfig


@pytest.fixture
def kept(preferences_folder):
    """The preferences, as napari keeps them."""
    from napari.settings import get_plugin_settings

    return getattr(get_plugin_settings("napari-microdiffusion"), CATEGORY)


@pytest.fixture
def open_dock(make_napari_viewer):
    def made():
        viewer = make_napari_viewer()
        return viewer.window.add_plugin_dock_widget("napari-microdiffusion", "Reconstruct volume")[1]

    return made


def test_the_manifest_says_what_the_settings_say(repository):
    manifest = PluginManifest.from_file(repository / "napari.yaml")
    properties = manifest.contributions.configurations[CATEGORY].properties
    for model in (ReconstructionConfig, Acquisition):
        schema = model.model_json_schema()["properties"]
        unset_is_zero = {"memory_gb", "width", "lobe_spacing"}
        for name in properties.keys() & schema.keys() - unset_is_zero - {"prior", "step_length"}:
            ours, said = properties[name], schema[name]
            assert ours.default == said["default"], name
            assert set(ours.enum or ()) == set(said.get("enum", ())), name
            assert (ours.minimum, ours.maximum) == (said.get("minimum"), said.get("maximum")), name
    steps = Acquisition.model_json_schema()["properties"]["step_length"]
    assert (properties["step_length"].minimum, properties["step_length"].maximum) == (
        steps["minimum"],
        steps["maximum"],
    )


def test_a_new_dock_starts_as_they_say(kept, open_dock, tmp_path):
    assert open_dock().sections.config() == open_dock().sections.config()
    kept.step_length, kept.beam, kept.samples, kept.device = 9, "bessel", 7, "cpu"
    kept.guide, kept.consistency, kept.memory_gb = "cubic", "exact", 3.5
    dock = open_dock()
    acquisition, config = dock.sections.acquisition(), dock.sections.config()
    assert (acquisition.step_length, acquisition.beam) == (9, "bessel")
    assert (config.samples, config.device, config.guide) == (7, "cpu", "cubic")
    assert (config.consistency, config.memory_gb, config.diffusion) == ("exact", 3.5, "slab")
    kept.prior = "off"
    assert open_dock().sections.config().diffusion == "off"
    kept.prior = str(tmp_path / "gone.safetensors")
    assert open_dock().sections.config().prior == "general"


def test_defaults_of_the_preferences_are_those_of_the_dock(open_dock):
    config = open_dock().sections.config()
    plain = ReconstructionConfig(threads=config.threads)
    assert config == plain


def test_what_the_file_says_goes_before(kept, open_dock, projections_file, finish):
    kept.step_length = 9
    dock = open_dock()
    dock.runs.open_file(str(projections_file))
    finish(dock)
    assert dock.sections.beam.step_length.value() == 4


def test_a_run_is_remembered(opened, finish, kept, open_dock, preferences_folder):
    opened.sections.diffusion.samples.setValue(2)
    opened.runs.start()
    finish(opened)
    assert (kept.step_length, kept.guide, kept.prior, kept.samples) == (4, "histospline", "off", 2)
    assert "histospline" in (preferences_folder / "napari-microdiffusion.yaml").read_text()
    config = open_dock().sections.config()
    assert (config.guide, config.diffusion, config.samples) == ("histospline", "off", 2)


def test_nothing_is_remembered_where_that_is_not_wanted(opened, finish, kept, tmp_path):
    kept.remember = False
    opened.runs.start()
    finish(opened)
    opened.runs.preferences.keep_folder("open", tmp_path / "file.tif")
    assert (kept.guide, kept.prior, kept.open_folder) == ("logspline", "general", "")


def test_folders_are_remembered(opened, kept, tmp_path, projections_file, monkeypatch, finish):
    asked = []
    (tmp_path / "data").mkdir()
    file = tmp_path / "data" / "bar.tif"
    file.write_bytes(projections_file.read_bytes())

    def answer(_parent, _title, folder, _kinds):
        asked.append(folder)
        return str(file), ""

    monkeypatch.setattr(QFileDialog, "getOpenFileName", answer)
    for _ in range(2):
        opened.dialogs.projections()
        finish(opened)
    assert asked == ["", str(tmp_path / "data")]
    assert kept.open_folder == str(tmp_path / "data")
    opened.runs.start()
    finish(opened)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", answer)
    kept.save_folder = str(tmp_path)
    file = tmp_path / "data" / "out.ome.tif"
    opened.dialogs.result()
    finish(opened)
    assert Path(asked[-1]).parent == tmp_path
    assert kept.save_folder == str(tmp_path / "data")
