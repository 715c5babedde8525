import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io import describe, provenance_path, save_checkpoint, write_image, write_json
from napari_microdiffusion.io import description as description_module
from napari_microdiffusion.io.formats import tiff_images, tiff_pixels

DATA = np.arange(4 * 50 * 50, dtype="float32").reshape(4, 50, 50)


def test_an_image(tmp_path: Path) -> None:
    path = tmp_path / "stack.ome.tif"
    write_image(path, DATA, scale=(3, 0.5, 0.5), description={"seed": 1}, step_length=6, beam="bessel")
    report = describe(path)
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert report == {
        "file": str(path),
        "kind": "image",
        "format": "OME-TIFF",
        "axes": "zyx",
        "shape": [4, 50, 50],
        "dtype": "float32",
        "scale": [3.0, 0.5, 0.5],
        "pixel_size": [0.5, 0.5],
        "unit": "um",
        "step_length": 6,
        "step_length_source": "from file",
        "beam": "bessel",
        "channels": [],
        "minimum": 0.0,
        "maximum": 9999.0,
        "percentile_0.5": pytest.approx(0.005 * 9999),
        "percentile_99.9": pytest.approx(0.999 * 9999),
        "not_finite": 0,
        "sampled_planes": "all",
        "description": {"seed": 1},
        "provenance": None,
        "positions": [],
        "position": 0,
        "files": 1,
        "notes": [],
    }


def test_how_a_step_length_is_known(tmp_path: Path) -> None:
    path = tmp_path / "stack.tif"
    write_image(path, DATA, scale=(3, 0.5, 0.5))
    report = describe(path)
    assert (report["step_length"], report["step_length_source"]) == (6, "assumed: isotropic voxels")
    write_image(path, DATA)
    report = describe(path)
    assert (report["step_length"], report["step_length_source"]) == (None, "not known")


def test_pixels_that_are_no_numbers_are_counted_and_left_out(tmp_path: Path) -> None:
    data = DATA.copy()
    data[0, 0, :3] = (np.nan, np.inf, -np.inf)
    write_image(tmp_path / "a.tif", data)
    report = describe(tmp_path / "a.tif")
    assert report["not_finite"] == 3
    assert (report["minimum"], report["maximum"]) == (3, 9999)
    write_image(tmp_path / "a.tif", np.full_like(data, np.nan))
    report = describe(tmp_path / "a.tif")
    assert (report["not_finite"], report["minimum"], report["percentile_99.9"]) == (DATA.size, None, None)


def test_of_large_images_some_planes_are_sampled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(description_module, "_SAMPLED_BYTES", 5 * 50 * 50 * 4)
    read: list[int] = []
    whole = np.arange(40, dtype="float32")[:, None, None] + DATA[:1]
    write_image(tmp_path / "a.tif", whole)
    before = tiff_pixels.load_planes
    monkeypatch.setattr(
        tiff_images,
        "load_planes",
        lambda image, path, planes: read.append(int(planes)) or before(image, path, planes),
    )
    monkeypatch.setattr(tiff_images, "load", lambda *_: pytest.fail("the whole file is read"))
    report = describe(tmp_path / "a.tif")
    assert read == [0, 10, 20, 29, 39]
    assert report["sampled_planes"] == "5 of 40"
    assert (report["minimum"], report["maximum"]) == (0, 2499 + 39)


def test_several_images_are_listed_rather_than_one_described(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as writer:
        for name in ("left", "right"):
            writer.write(DATA, photometric="minisblack", metadata={"axes": "ZYX", "Name": name})
    report = describe(tmp_path / "a.ome.tif")
    assert report["kind"] == "images"
    assert [(one["index"], one["name"]) for one in report["positions"]] == [(0, "left"), (1, "right")]
    assert "--position" in report["notes"][0]
    chosen = describe(tmp_path / "a.ome.tif", position="right")
    assert (chosen["position"], chosen["positions"], chosen["shape"]) == (1, ["left", "right"], [4, 50, 50])


def test_provenance_beside_the_file(tmp_path: Path) -> None:
    path = tmp_path / "volume.ome.tif"
    write_image(path, DATA)
    assert provenance_path(path) == tmp_path / "volume.provenance.json"
    write_json(provenance_path(path), {"seed": 5})
    assert describe(path)["provenance"] == {"seed": 5}
    provenance_path(path).write_text("{")
    with pytest.raises(UserError, match=r"volume\.provenance\.json is no readable JSON"):
        describe(path)


def test_a_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "prior.safetensors"
    save_checkpoint(path, "prior", {"w": np.zeros((2, 3), "f4"), "n": np.array(1)}, {"width": 16})
    report = describe(path)
    assert json.loads(json.dumps(report)) == report
    assert report == {
        "file": str(path),
        "kind": "checkpoint",
        "model": "prior",
        "header": {"width": 16},
        "tensors": {"w": {"dtype": "float32", "shape": [2, 3]}, "n": {"dtype": "int64", "shape": []}},
        "parameters": 7,
    }


def test_neither(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        describe(tmp_path / "absent.tif")
    with pytest.raises(UserError, match="no such file"):
        describe(tmp_path / "absent.safetensors")
