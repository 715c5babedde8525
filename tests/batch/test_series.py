"""A time series as one result: the volumes of its time points, taken up where it was left."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_microdiffusion.batch import Piece, Series, Work, run_batch, work_on
from napari_microdiffusion.errors import Cancelled, UserError
from napari_microdiffusion.io import read_image, write_image
from napari_microdiffusion.reconstruction.events import CancelToken
from napari_microdiffusion.reconstruction.outputs import Outputs
from napari_microdiffusion.settings.document import InputSettings
from napari_microdiffusion.settings.files import read_run

METHOD = {"guide": "linear", "diffusion": "off", "consistency": "exact"}
TIMES = np.random.default_rng(5).uniform(10, 100, (4, 5, 8, 9)).astype(np.float32)


def work_of(**method) -> Work:
    return Work({"acquisition": {"step_length": 2}, "method": {**METHOD, **method}})


@pytest.fixture
def source(tmp_path) -> Path:
    file = tmp_path / "series.ome.tif"
    write_image(file, TIMES, axes="tzyx", scale=(6, 1, 1))
    return file


def series_of(source: Path, name: str = "whole.ome.tif", times: str = "all") -> Series:
    return Series.of(Piece(source, Outputs(source.with_name(name)), InputSettings(path=source, times=times)))


def whole(series: Series, work: Work) -> np.ndarray:
    settings = series.settings(work)
    assert all(report.error == "" for report in run_batch(series.left(settings), work))
    series.write(settings)
    return read_image(series.whole.outputs.volume).data


@pytest.mark.parametrize("name", ["whole.ome.tif", "whole.tif", "whole.ome.zarr"])
def test_every_time_point_is_as_if_it_were_alone(source, name):
    made = whole(series_of(source, name, "1:3"), work_of())
    assert made.shape == (2, 10, 8, 9)
    for index, volume in zip((1, 2), made, strict=True):
        alone = Piece(source, Outputs(source.with_name("alone.ome.tif")), InputSettings(time=index))
        assert work_on(alone, work_of()).error == ""
        np.testing.assert_array_equal(read_image(alone.outputs.volume).data, volume)
    assert [path for path in source.parent.iterdir() if path.name.startswith(".")] == []


def test_scale_and_origin_are_those_of_the_volumes(source):
    whole(series_of(source), work_of())
    image = read_image(source.with_name("whole.ome.tif"))
    assert (image.axes, image.scale) == ("tzyx", (3, 1, 1))


def test_a_series_that_was_cancelled_goes_on(source):
    token, series, work = CancelToken(), series_of(source), work_of()
    settings = series.settings(work)
    running = run_batch(series.left(settings), work, cancel=token)
    next(running)
    token.cancel()
    with pytest.raises(Cancelled):
        next(running)
    again = series_of(source)
    assert [piece.input.time for piece in again.left(settings)] == [1, 2, 3]
    np.testing.assert_array_equal(whole(again, work), whole(series_of(source, "other.ome.tif"), work))


@pytest.mark.parametrize("change", ["settings", "file"])
def test_volumes_of_other_settings_or_of_another_file_are_not_taken_up(source, change):
    series, work = series_of(source), work_of()
    next(run_batch(series.left(series.settings(work)), work))
    if change == "file":
        write_image(source, TIMES + 1, axes="tzyx", scale=(6, 1, 1))
    else:
        work = work_of(guide="nearest")
    again = series_of(source)
    assert len(again.left(again.settings(work))) == 4


def test_the_provenance_makes_the_same_again(source):
    series = series_of(source, times="0:2")
    first = whole(series, work_of())
    content = json.loads(series.whole.outputs.provenance.read_text())
    assert [entry["time"] for entry in content["times"]] == [0, 1]
    earlier = read_run(series.whole.outputs.provenance)
    assert earlier["input"]["times"] == "0:2"
    work = Work(earlier=earlier)
    chosen = work.input_for(source)
    again = Series.of(replace(series.whole, outputs=Outputs(source.with_name("again.ome.tif")), input=chosen))
    np.testing.assert_array_equal(whole(again, work), first)


def test_time_points_that_are_not_there_are_refused(source):
    with pytest.raises(UserError, match=r"no time points 2:9; all there are is 0:4"):
        series_of(source, times="2:9")


def test_the_file_that_is_read_is_not_overwritten(source):
    with pytest.raises(UserError, match="series"):
        series_of(source, "series.ome.tif").settings(work_of())
