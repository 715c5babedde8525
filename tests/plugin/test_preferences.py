"""Preferences: what the dock starts with, and what it remembers."""

import subprocess
import sys
from pathlib import Path

import pytest
from qtpy.QtWidgets import QFileDialog

from napari_microdiffusion.plugin.reconstruct.preferences import CATEGORY
from napari_microdiffusion.settings.method import ReconstructionConfig

from .conftest import set_field


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
    command = [sys.executable, str(repository / ".ci" / "manifest"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_a_new_dock_starts_as_they_say(kept, open_dock, tmp_path):
    assert open_dock().document.method_of_run() == open_dock().document.method_of_run()
    kept.step_length, kept.beam, kept.samples, kept.device = 9, "bessel", 7, "cpu"
    kept.guide, kept.consistency, kept.memory_gb = "cubic", "exact", 3.5
    dock = open_dock()
    acquisition, config = dock.document.acquisition, dock.document.method_of_run()
    assert (acquisition.step_length, acquisition.beam) == (9, "bessel")
    assert (config.samples, config.device, config.guide) == (7, "cpu", "cubic")
    assert (config.consistency, config.memory_gb, config.diffusion) == ("exact", 3.5, "slab")
    kept.prior = "off"
    assert open_dock().document.method_of_run().diffusion == "off"
    kept.prior = str(tmp_path / "gone.safetensors")
    assert open_dock().document.method_of_run().prior == "general"


def test_defaults_of_the_preferences_are_those_of_the_dock(open_dock):
    config = open_dock().document.method_of_run()
    plain = ReconstructionConfig(threads=config.threads)
    assert config == plain


def test_what_the_file_says_goes_before(kept, open_dock, projections_file, finish):
    kept.step_length = 9
    dock = open_dock()
    dock.runs.open_file(str(projections_file))
    finish(dock)
    assert dock.document.acquisition.step_length == 4


def test_a_run_is_remembered(opened, finish, kept, open_dock, preferences_folder):
    set_field(opened, "method.samples", 2)
    set_field(opened, "acquisition.width", 3.456)
    opened.runs.start()
    finish(opened)
    assert (kept.guide, kept.prior, kept.samples, kept.width) == ("histospline", "off", 2, 3.456)
    # What the file says is none of the person's settings.
    assert kept.step_length == 6
    assert "histospline" in (preferences_folder / "napari-microdiffusion.yaml").read_text()
    again = open_dock().document
    assert (again.method.guide, again.method.diffusion, again.method.samples) == ("histospline", "off", 2)
    assert again.acquisition.width == 3.456
    # And what is set back is forgotten.
    set_field(opened, "acquisition.width", None)
    opened.runs.start()
    finish(opened)
    assert kept.width == 0


def test_a_system_of_the_paper_is_not_remembered(opened, finish, kept):
    set_field(opened, "paper's system", "Interpolation")
    opened.runs.start()
    finish(opened)
    assert opened.runs.last.result.provenance["settings"]["guide"] == "linear"
    assert (kept.guide, kept.consistency) == ("histospline", "noise")


def test_nothing_is_remembered_where_that_is_not_wanted(opened, finish, kept, tmp_path):
    kept.remember = False
    opened.runs.start()
    finish(opened)
    opened.runs.preferences.store_folder("open", tmp_path / "file.tif")
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
