"""Files in the viewer: every format in, our layers out, and the settings of a result back into the dock."""

import json

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDropEvent
from qtpy.QtWidgets import QFileDialog, QInputDialog

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io import provenance_path, read_image, write_image
from napari_microdiffusion.io.mixed_planes import mixed_up
from napari_microdiffusion.settings.files import read_settings
from napari_microdiffusion.stacks.metadata import METADATA_KEY
from napari_microdiffusion.stacks.placement import Placement
from napari_microdiffusion.stacks.reader import get_reader
from napari_microdiffusion.stacks.writer import write_layers
from napari_microdiffusion.tasks.threads import spare_threads

from ..io.golden import interleaved, ramp, write_bruker, write_lsm, write_ngff, write_scanimage
from .conftest import SHAPE, N, set_field

STACK = np.arange(6 * 20 * 24, dtype=np.uint16).reshape(6, 20, 24)
SCANIMAGE = {
    "hChannels.channelSave": 1,
    "hStackManager.enable": True,
    "hStackManager.actualNumSlices": 6,
    "hStackManager.framesPerSlice": 3,
    "hStackManager.stackZStepSize": 6,
    "hRoiManager.imagingFovUm": [[-12, -10], [12, -10], [12, 10], [-12, 10]],
}


def scanimage(folder):
    frames = np.stack([STACK, STACK + 3, STACK + 6], axis=1)[None, :, :, None].astype("int16")
    write_scanimage(folder / "si.tif", interleaved(frames), SCANIMAGE)
    return folder / "si.tif"


def lsm(folder):
    write_lsm(folder / "a.lsm", STACK, (6.0, 1.0, 1.0))
    return folder / "a.lsm"


def bruker(folder):
    return write_bruker(folder, STACK[None], "first")[2]


def zarr(folder):
    write_ngff(folder / "a.ome.zarr", STACK, "zyx", (6, 1, 1))
    return folder / "a.ome.zarr"


FORMATS = [scanimage, lsm, bruker, zarr]


def drop(dock, path):
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    action, button = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton
    dock.dropEvent(QDropEvent(QPointF(5, 5), action, mime, button, Qt.KeyboardModifier.NoModifier))


@pytest.mark.parametrize("make", FORMATS)
def test_napari_opens_it_with_our_reader(viewer, tmp_path, make):
    path = make(tmp_path)
    (layer,) = viewer.open(path, plugin="napari-microdiffusion")
    assert layer.scale[-3] == (3.0 if make is bruker else 6.0)
    assert [str(unit) for unit in layer.units[-3:]] == ["micrometer"] * 3
    assert tuple(layer.axis_labels[-3:]) == ("z", "y", "x")


@pytest.mark.parametrize("make", FORMATS)
def test_it_can_be_dropped_on_the_dock(dock, tmp_path, finish, make):
    drop(dock, make(tmp_path))
    finish(dock)
    found = dock.document.projections
    assert found.shape == STACK.shape
    assert found.placement.is_known


@pytest.mark.parametrize("make", [lsm, zarr])
def test_a_scale_that_another_reader_lost_is_read_again(dock, tmp_path, finish, make):
    (layer,) = dock.viewer.open(make(tmp_path), plugin="napari")
    section = dock.sections.projections
    assert not section.calibrate.isHidden()
    section.calibrate.click()
    finish(dock)
    assert tuple(layer.scale[-3:]) == (6.0, 1.0, 1.0)
    assert dock.document.acquisition.step_length == 6


def test_planes_that_another_reader_mixed_up_are_told_apart(dock, tmp_path, finish, qtbot):
    section = dock.sections.projections
    (mixed,) = dock.viewer.open(str(scanimage(tmp_path)), plugin="napari")
    assert mixed.data.shape == (6, 3, 20, 24)
    qtbot.waitUntil(lambda: not section.flaws.isHidden())
    assert "stack of 3 planes, but its file has 6 slices and 3 time points or frames" in section.flaws.text()
    section.reopen.click()
    finish(dock)
    assert not mixed.visible
    assert dock.document.projections.layer is not mixed
    assert dock.document.projections.shape == STACK.shape
    assert section.reopen.isHidden()
    assert dock.document.acquisition.step_length == 6


@pytest.mark.parametrize("make", [lsm, zarr])
def test_a_file_that_another_reader_read_well_is_not_doubted(tmp_path, make):
    assert mixed_up(len(STACK), str(make(tmp_path))) == ""
    assert mixed_up(4, str(tmp_path / "none.tif")) == mixed_up(4, "") == ""


def test_repeated_frames_are_averaged_where_the_person_says_so(dock, tmp_path, finish):
    drop(dock, scanimage(tmp_path))
    finish(dock)
    (box,) = (axis.box.native for axis in dock.sections.projections.chooser.axes)
    box.setCurrentText("mean of all")
    found = dock.document.projections
    assert found.name == "si mean"
    np.testing.assert_array_equal(np.asarray(found.data), STACK + 3)
    np.testing.assert_array_equal(found.data[2], STACK[2] + 3)
    set_field(dock, "method.prior", "off")
    set_field(dock, "method.guide", "nearest")
    dock.runs.start()
    finish(dock)
    np.testing.assert_allclose(dock.viewer.layers["si mean volume"].data[::6], STACK + 3, rtol=1e-4)


def test_a_zarr_that_is_no_stack_is_left_to_others(tmp_path):
    write_ngff(tmp_path / "plane.zarr", ramp((7, 9)), "yx", (1, 1))
    assert get_reader(str(tmp_path / "plane.zarr")) is None


@pytest.mark.parametrize("ending", [".ome.tif", ".ome.zarr"])
def test_napari_saves_a_result_with_all_that_is_known(opened, tmp_path, finish, ending):
    opened.runs.start()
    finish(opened)
    volume = opened.viewer.layers["bar volume"]
    path = tmp_path / f"saved{ending}"
    written = volume.save(str(path), plugin="napari-microdiffusion")
    assert written == [str(path), str(provenance_path(path))]
    image = read_image(path)
    np.testing.assert_array_equal(image.data, volume.data)
    assert (image.scale, image.unit) == ((2.0, 2.0, 2.0), "um")
    assert image.metadata["description"]["settings"]["guide"] == "histospline"
    acquisition, settings = read_settings(path)
    assert (acquisition["step_length"], settings["diffusion"]) == (N, "off")
    beside = read_settings(provenance_path(path))
    assert beside[1].pop("threads") == spare_threads()  # Of this run, and not told by the image.
    assert "threads" not in settings
    assert beside == (acquisition, settings)


@pytest.mark.parametrize(
    ("kind", "name", "saved", "version"),
    [
        ("OME-TIFF (*.ome.tif)", "bar volume.ome.tif", "bar volume.ome.tif", None),
        ("OME-TIFF (*.ome.tif)", "typed.ome.zarr", "typed.ome.zarr", "0.4"),
        ("OME-Zarr (*.ome.zarr)", "bar volume.ome.tif", "bar volume.ome.zarr", "0.4"),
        ("OME-Zarr 0.5 (*.ome.zarr)", "bar volume.ome.tif", "bar volume.ome.zarr", "0.5"),
        ("OME-Zarr 0.5 (*.ome.zarr)", "other.ome.zarr", "other.ome.zarr", "0.5"),
        ("ImageJ TIFF (*.tif)", "bar volume.ome.tif", "bar volume.tif", None),
    ],
)
def test_a_result_is_saved_as_the_kind_that_was_chosen(
    opened, tmp_path, finish, monkeypatch, kind, name, saved, version
):
    opened.runs.start()
    finish(opened)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / name), kind))
    opened.dialogs.result()
    finish(opened)
    path = tmp_path / saved
    np.testing.assert_array_equal(read_image(path).data, opened.viewer.layers["bar volume"].data)
    if version == "0.4":
        assert json.loads((path / ".zattrs").read_text())["multiscales"][0]["version"] == "0.4"
    elif version == "0.5":
        assert json.loads((path / "zarr.json").read_text())["attributes"]["ome"]["version"] == "0.5"
    else:
        assert path.is_file()


def test_a_kind_chosen_for_a_name_overwrites_nothing(opened, tmp_path, finish, monkeypatch):
    opened.runs.start()
    finish(opened)
    (tmp_path / "bar volume.tif").write_text("another's")
    answer = (str(tmp_path / "bar volume.ome.tif"), "ImageJ TIFF (*.tif)")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: answer)
    opened.dialogs.result()
    finish(opened)
    assert (tmp_path / "bar volume.tif").read_text() == "another's"
    assert (tmp_path / "bar volume 2.tif").is_file()


@pytest.mark.parametrize("ending", [".ome.tif", ".ome.zarr"])
@pytest.mark.parametrize("kind", [np.float32, np.uint16])
def test_of_several_resolutions_the_finest_is_saved(viewer, tmp_path, ending, kind):
    finest = np.arange(2 * 4 * 6 * 8).reshape(2, 4, 6, 8).astype(kind)
    how = {"scale": (1, 2, 1, 1), "units": ("s", "um", "um", "um"), "axis_labels": ("t", "z", "y", "x")}
    viewer.add_image([finest, finest[..., ::2, ::2]], name="pyramid", multiscale=True, **how)
    (path,) = viewer.layers.save(str(tmp_path / f"saved{ending}"), plugin="napari-microdiffusion")
    image = read_image(path)
    assert image.axes == "tzyx"
    assert image.data.dtype == kind
    np.testing.assert_array_equal(image.data, finest)
    np.testing.assert_allclose(image.scale, (2, 1, 1))


@pytest.mark.parametrize("ending", [".ome.tif", ".ome.zarr"])
def test_projections_keep_their_step_length(opened, tmp_path, ending):
    path = tmp_path / f"saved{ending}"
    opened.viewer.layers["bar"].save(str(path), plugin="napari-microdiffusion")
    (layer,) = opened.viewer.open(path, plugin="napari-microdiffusion")
    assert layer.metadata[METADATA_KEY]["step_length"] == N
    assert Placement.of_layer(layer) == Placement.of_layer(opened.viewer.layers["bar"])


@pytest.mark.parametrize("ending", [".ome.tif", ".ome.zarr"])
def test_a_layer_that_was_moved_lies_there_again(opened, tmp_path, ending):
    layer = opened.viewer.layers["bar"]
    layer.translate = (30.0, -7.0, 11.0)
    path = tmp_path / f"saved{ending}"
    layer.save(str(path), plugin="napari-microdiffusion")
    (again,) = opened.viewer.open(path, plugin="napari-microdiffusion")
    np.testing.assert_allclose(again.translate, (30, -7, 11))
    opened.sections.projections.select(again)
    volume = Placement.of_layer(again).of_volume(N)
    np.testing.assert_allclose(volume.translate, (27, -7, 11))


def test_a_file_that_a_layer_was_read_from_is_not_overwritten(opened, projections_file):
    before = projections_file.read_bytes()
    link = projections_file.with_name("link.ome.tif")
    link.hardlink_to(projections_file)
    with pytest.raises(UserError, match="which is read"):
        write_layers(str(link), [opened.viewer.layers["bar"].as_layer_data_tuple()])
    assert projections_file.read_bytes() == before


@pytest.mark.parametrize("ending", [".ome.tif", ".ome.zarr"])
def test_layers_that_match_become_channels(viewer, tmp_path, ending):
    for name in ("first", "second"):
        viewer.add_image(STACK + len(name), name=name, scale=(6, 1, 1), units=("um",) * 3)
    path = tmp_path / f"both{ending}"
    viewer.layers.save(str(path), plugin="napari-microdiffusion")
    image = read_image(path)
    assert (image.axes, image.scale, image.metadata["channels"]) == ("czyx", (6, 1, 1), ("first", "second"))
    np.testing.assert_array_equal(image.data, [STACK + 5, STACK + 6])
    assert not provenance_path(path).exists()


def test_layers_that_differ_are_refused_in_one_sentence(viewer, tmp_path):
    first = viewer.add_image(STACK, name="first", scale=(6, 1, 1))
    cases = {
        "differ in size": viewer.add_image(STACK[:5], name="short"),
        "different places": viewer.add_image(STACK, name="moved", translate=(1, 0, 0)),
        "single plane": viewer.add_image(STACK[0], name="flat"),
        "colour picture": viewer.add_image(np.zeros((5, 6, 3), np.uint8), name="rgb", rgb=True),
        "label them t": viewer.add_image(STACK[None, :2].repeat(2, 0), name="four axes"),
    }
    for message, layer in cases.items():
        both = [first, layer] if message in ("differ in size", "different places") else [layer]
        with pytest.raises(UserError, match=message):
            write_layers(str(tmp_path / "x.ome.tif"), [one.as_layer_data_tuple() for one in both])
    assert list(tmp_path.iterdir()) == []


def test_a_time_series_keeps_its_axis(viewer, tmp_path):
    viewer.add_image(np.stack([STACK, STACK]), name="t", axis_labels=("time", "z", "y", "x"))
    viewer.layers.save(str(tmp_path / "t.ome.tif"), plugin="napari-microdiffusion")
    assert read_image(tmp_path / "t.ome.tif").axes == "tzyx"


class TestSettingsOfAResult:
    @pytest.fixture
    def saved(self, opened, tmp_path, finish):
        """The dock, and a volume that was made with settings other than the ones it has now."""
        set_field(opened, "method.seed", 77)
        set_field(opened, "method.consistency", "exact")
        set_field(opened, "method.light", "flicker")
        set_field(opened, "method.guide", "cubic")
        set_field(opened, "method.samples", 2)
        opened.runs.start()
        finish(opened)
        path = tmp_path / "saved.ome.tif"
        opened.runs.save_to(path)
        finish(opened)
        set_field(opened, "method.seed", 1)
        set_field(opened, "method.consistency", "noise")
        set_field(opened, "method.light", "as recorded")
        set_field(opened, "method.guide", "nearest")
        set_field(opened, "acquisition.step_length", 9)
        return opened, path

    def assert_restored(self, dock):
        config = dock.document.method_of_run()
        assert (config.seed, config.consistency, config.guide, config.samples) == (77, "exact", "cubic", 2)
        assert (config.diffusion, config.light) == ("off", "flicker")
        assert dock.document.acquisition.step_length == N
        assert "in use" in dock.outcome.message.text()

    def test_are_offered_when_it_is_opened(self, saved, finish):
        dock, path = saved
        assert dock.offer.isHidden()
        dock.runs.open_path(str(path))
        finish(dock)
        assert dock.viewer.layers["saved"].metadata[METADATA_KEY]["role"] == "volume"
        assert not dock.offer.isHidden()
        assert dock.document.method_of_run().seed == 1
        dock.offer.use.click()
        self.assert_restored(dock)
        assert dock.offer.isHidden()

    def test_can_be_declined(self, saved, finish):
        dock, path = saved
        dock.runs.open_path(str(path))
        finish(dock)
        dock.offer.leave.click()
        assert dock.offer.isHidden()
        assert dock.document.method_of_run().seed == 1

    def test_come_from_a_dropped_file_of_settings(self, saved):
        dock, path = saved
        drop(dock, provenance_path(path))
        self.assert_restored(dock)

    def test_that_cannot_be_are_refused_and_change_nothing(self, saved, tmp_path):
        dock, _ = saved
        bad = tmp_path / "bad.json"
        bad.write_text(json.dumps({"seed": 5, "guide": "crystal ball"}))
        drop(dock, bad)
        assert "guide is 'crystal ball'" in dock.outcome.error.text().lower()
        assert dock.document.method_of_run().seed == 1

    def test_are_used_whether_they_are_in_sight_or_not(self, saved, tmp_path):
        dock, _ = saved
        other = tmp_path / "other.json"
        other.write_text(json.dumps({"seed": 5, "keep_samples": True, "paper": {"epochs": 3}}))
        drop(dock, other)
        method = dock.document.method_of_run()
        assert (method.seed, method.keep_samples, method.paper.epochs) == (5, True, 3)

    def test_a_new_result_offers_nothing(self, opened, finish):
        opened.runs.start()
        finish(opened)
        assert opened.offer.isHidden()


def test_an_image_that_no_run_made_has_no_settings(tmp_path):
    write_image(tmp_path / "p.ome.tif", np.ones(SHAPE, np.float32), step_length=4)
    with pytest.raises(UserError, match="is no result of a reconstruction"):
        read_settings(tmp_path / "p.ome.tif")


class TestAxesWithoutNames:
    @pytest.fixture
    def file(self, tmp_path):
        path = tmp_path / "unnamed.tif"
        tifffile.imwrite(path, np.stack([STACK, STACK + 1]), photometric="minisblack")
        return path

    def test_are_asked_for(self, dock, file, finish, monkeypatch):
        asked = []

        def answer(_parent, _title, text, choices, *_more):
            asked.append((text, choices))
            return "time, depth (z)", True

        monkeypatch.setattr(QInputDialog, "getItem", answer)
        drop(dock, file)
        finish(dock)
        finish(dock)
        ((text, choices),) = asked
        assert "2 × 6 × 20 × 24 pixels" in text
        assert set(choices) == {f"{a}, depth (z)" for a in ("time", "channel")} | {
            f"depth (z), {a}" for a in ("time", "channel")
        }
        (layer,) = dock.viewer.layers
        assert tuple(layer.axis_labels) == ("t", "z", "y", "x")

    def test_without_an_answer_the_file_is_refused_in_one_sentence(self, dock, file, finish, monkeypatch):
        monkeypatch.setattr(QInputDialog, "getItem", lambda *_arguments: ("", False))
        drop(dock, file)
        finish(dock)
        assert "axes beside channel, time and depth" in dock.outcome.error.text()
        assert not dock.viewer.layers


class TestSeveralImages:
    @pytest.fixture
    def file(self, tmp_path):
        with tifffile.TiffWriter(tmp_path / "both.ome.tif", ome=True) as writer:
            for name in ("left", "right"):
                about = {"axes": "ZYX", "Name": name}
                writer.write(STACK + len(name), photometric="minisblack", metadata=about)
        return tmp_path / "both.ome.tif"

    def test_are_asked_for(self, dock, file, finish, monkeypatch):
        asked = []

        def answer(_parent, _title, text, choices, *_more):
            asked.append((text, choices))
            return choices[1], True

        monkeypatch.setattr(QInputDialog, "getItem", answer)
        drop(dock, file)
        finish(dock)
        finish(dock)
        ((text, choices),) = asked
        assert "both.ome.tif holds 2 images" in text
        assert ["left" in choices[0], "right" in choices[1]] == [True, True]
        (layer,) = dock.viewer.layers
        np.testing.assert_array_equal(layer.data, STACK + 5)

    def test_without_an_answer_none_is_taken(self, dock, file, finish, monkeypatch):
        monkeypatch.setattr(QInputDialog, "getItem", lambda *_arguments: ("", False))
        drop(dock, file)
        finish(dock)
        assert "holds 2 images" in dock.outcome.error.text()
        assert not dock.viewer.layers
