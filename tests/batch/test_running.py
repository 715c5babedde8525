"""Many files and time points: here, one after the other, and on a Dask cluster of threads."""

import errno
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_microdiffusion.batch import Work, pieces_of, planning, run_batch, running, work_on
from napari_microdiffusion.errors import Cancelled, RunFailed, UserError
from napari_microdiffusion.io import read_image, write_image
from napari_microdiffusion.io.formats import tiff_images
from napari_microdiffusion.reconstruction.blocks import plan
from napari_microdiffusion.reconstruction.blocks import reconstruction as in_blocks
from napari_microdiffusion.reconstruction.events import CancelToken

METHOD = {"guide": "nearest", "diffusion": "off", "consistency": "nonnegative"}
WORK = Work({"acquisition": {"step_length": 2}, "method": METHOD})
STACK = np.random.default_rng(5).uniform(10, 100, (4, 8, 9)).astype(np.float32)


@pytest.fixture
def files(tmp_path) -> list[Path]:
    """Two stacks, one with three time points, and something that is none."""
    names = ["a.ome.tif", "b.ome.tif", "series.ome.tif", "broken.tif"]
    for name, factor in zip(names[:2], (1, 2), strict=True):
        write_image(tmp_path / name, factor * STACK, scale=(6, 1, 1))
    series = np.stack([STACK, 2 * STACK, 3 * STACK])
    write_image(tmp_path / names[2], series, axes="tzyx", scale=(6, 1, 1))
    (tmp_path / names[3]).write_text("no image")
    return [tmp_path / name for name in names]


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


@pytest.fixture(scope="module")
def client():
    distributed = pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
    options = {"n_workers": 1, "threads_per_worker": 2, "processes": False, "dashboard_address": ":0"}
    with distributed.LocalCluster(**options) as local, distributed.Client(local) as made:
        yield made


def volumes(reports):
    return {Path(r.files["volume"]).name: read_image(r.files["volume"]) for r in reports if not r.error}


def check(reports):
    found = volumes(reports)
    factors = {"a": 1, "b": 2, "series_t0000": 1, "series_t0001": 2, "series_t0002": 3}
    assert set(found) == {f"{name}_volume.ome.tif" for name in factors}
    for name, factor in factors.items():
        image = found[f"{name}_volume.ome.tif"]
        np.testing.assert_allclose(image.data, factor * STACK.repeat(2, axis=0), rtol=1e-5)
        assert image.scale == (3.0, 1.0, 1.0)


def test_every_file_and_time_point_is_a_piece(files, folder):
    pieces, unreadable = pieces_of(files, folder)
    assert [piece.input.time for piece in pieces] == [None, None, 0, 1, 2]
    (broken,) = unreadable
    assert "broken.tif is not a TIFF image" in broken.error
    chosen, _ = pieces_of(files[2:3], folder, work=Work({"input": {"time": 1}}))
    assert [(piece.input.time, piece.outputs.volume.name) for piece in chosen] == [
        (1, "series_volume.ome.tif")
    ]
    averaged, _ = pieces_of(
        files[2:3], folder, ".ome.zarr", Work({"input": {"average_frames": True}}), uncertainty=True
    )
    assert averaged[0].outputs.uncertainty == folder / "series_uncertainty.ome.zarr"


def test_files_of_the_same_name_are_refused_before_any_work(files, folder, tmp_path):
    (tmp_path / "other").mkdir()
    write_image(tmp_path / "other" / "a.tif", STACK)
    with pytest.raises(UserError, match=r"a_volume.ome.tif would be written twice"):
        pieces_of([*files, tmp_path / "other" / "a.tif"], folder)


def test_here_one_after_the_other(files, folder):
    pieces, _ = pieces_of(files, folder)
    reports = list(run_batch(pieces, WORK))
    check(reports)
    assert all(Path(report.files["provenance"]).is_file() for report in reports)


def test_a_piece_reads_its_own_planes_alone(files, folder, monkeypatch):
    monkeypatch.setattr(tiff_images, "load", lambda *_: pytest.fail("the whole series is read"))
    pieces, _ = pieces_of(files[2:3], folder)
    (report,) = run_batch(pieces[1:2], WORK)
    np.testing.assert_allclose(
        tifffile.imread(report.files["volume"]), 2 * STACK.repeat(2, axis=0), rtol=1e-5
    )


def test_on_a_cluster(files, folder, client):
    pieces, _ = pieces_of(files, folder)
    check(list(run_batch(pieces, WORK, client=client)))


def test_a_failure_is_one_line_and_the_others_go_on(files, folder, monkeypatch):
    pieces, _ = pieces_of(files, folder)
    files[0].unlink()
    from napari_microdiffusion.reconstruction import engine

    original = engine.reconstruct

    def failing(projections, *arguments, **options):
        if projections.max() > 250:
            raise RunFailed("out of memory\non the card")
        return original(projections, *arguments, **options)

    monkeypatch.setattr(engine, "reconstruct", failing)
    reports = list(run_batch(pieces, WORK))
    errors = {report.piece.name: report.error for report in reports if report.error}
    assert errors == {
        "a.ome.tif": f"{files[0]}: no such file.",
        "series.ome.tif, time point 2": "out of memory on the card",
    }
    assert len(volumes(reports)) == 3
    assert not [path for path in folder.iterdir() if path.suffix == ".part"]


def test_a_defect_on_a_worker_leaves_the_others_alone(files, folder, client, monkeypatch):
    def sometimes(piece, work):
        if piece.input.time == 1:
            raise KeyError("nobody thought of this")
        return work_on(piece, work)

    monkeypatch.setattr(running, "work_on", sometimes)
    pieces, _ = pieces_of(files, folder)
    reports = list(run_batch(pieces, WORK, client=client))
    assert [r.error for r in reports if r.error] == ["KeyError: 'nobody thought of this'"]
    assert len(volumes(reports)) == 4


def test_the_step_length_comes_from_the_file_or_is_asked_for(folder, tmp_path):
    write_image(tmp_path / "knows.tif", STACK, step_length=3, beam="bessel")
    write_image(tmp_path / "plain.tif", STACK)
    pieces, _ = pieces_of([tmp_path / "knows.tif", tmp_path / "plain.tif"], folder)
    known, unknown = run_batch(pieces, Work({"method": METHOD}))
    assert len(read_image(known.files["volume"]).data) == 12
    assert unknown.error.startswith("the step length is not known; give it with")


@pytest.mark.parametrize("on_cluster", [False, True])
def test_cancelling_ends_the_batch_and_keeps_what_is_written(files, folder, request, on_cluster):
    made = request.getfixturevalue("client") if on_cluster else None
    pieces, _ = pieces_of(files, folder)
    token, reports = CancelToken(), []
    with pytest.raises(Cancelled):
        for report in run_batch(pieces, WORK, client=made, cancel=token):
            reports.append(report)
            token.cancel()
    assert 1 <= len(volumes(reports)) < 5


@pytest.fixture
def share_gone(monkeypatch):
    """Takes the network share of the files whose names have a mark away, once their headers are read."""

    def take(mark: str) -> None:
        for name in ("read", "read_array", "readinto", "read_segments", "memmap_array"):
            real = getattr(tifffile.FileHandle, name)

            def reading(self, *arguments, _real=real, **options):
                if mark in self.name and _is_for_pixels():
                    raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
                return _real(self, *arguments, **options)

            monkeypatch.setattr(tifffile.FileHandle, name, reading)

    return take


def _is_for_pixels() -> bool:
    frame = sys._getframe()
    while frame is not None:
        if frame.f_code.co_name in ("asarray", "segments", "decode"):
            return True
        frame = frame.f_back
    return False


@pytest.mark.parametrize("where", ["here", "cluster"])
def test_a_share_that_is_gone_fails_its_files_alone_and_they_are_done_later(
    files, folder, share_gone, monkeypatch, where, request
):
    pieces, _ = pieces_of(files, folder)
    before = [path.read_bytes() for path in files]
    made = request.getfixturevalue("client") if where == "cluster" else None
    share_gone("series")
    reports = list(run_batch(pieces, WORK, client=made))
    monkeypatch.undo()
    errors = [report.error for report in reports if report.error]
    assert len(errors) == 3
    assert all("series.ome.tif cannot be read (Stale file handle)" in error for error in errors)
    assert len(volumes(reports)) == 2
    assert not [path for path in folder.iterdir() if path.suffix == ".part"]
    assert [path.read_bytes() for path in files] == before
    left = [piece for piece in pieces if not piece.outputs.are_written()]
    assert [piece.input.time for piece in left] == [0, 1, 2]
    again = list(run_batch(left, WORK, client=made))
    assert [report.error for report in again] == ["", "", ""]
    check([*reports, *again])


def test_a_share_that_is_gone_while_headers_are_read(files, folder, monkeypatch):
    real = planning.read_sizes

    def reading(path, *rest):
        if path.name == "a.ome.tif":
            raise OSError(errno.EHOSTDOWN, "Host is down")
        return real(path, *rest)

    monkeypatch.setattr(planning, "read_sizes", reading)
    pieces, unreadable = pieces_of(files, folder)
    assert len(pieces) == 4
    assert "Host is down" in unreadable[0].error


def test_a_lost_worker_costs_its_piece_alone(files, folder):
    """Of two processes one is killed in the middle of its piece, as the system does where memory ends."""
    distributed = pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
    import dask

    pieces, _ = pieces_of(files[:2], folder)

    def dies(piece, work):
        if piece.source.name == "b.ome.tif":
            (piece.outputs.volume.parent / ".microdiffusion-0123456789ab.part").write_text("half")
            # The scheduler is told in batches: it is to know by now that the other piece is done.
            time.sleep(0.5)
            os.kill(os.getpid(), signal.SIGKILL)
        return work_on(piece, work)

    options = {"n_workers": 1, "threads_per_worker": 1, "dashboard_address": ":0"}
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        distributed.LocalCluster(**options) as local,
        distributed.Client(local) as made,
    ):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(running, "work_on", dies)
            reports = {report.piece.name: report for report in run_batch(pieces, WORK, client=made)}
        assert reports["a.ome.tif"].error == ""
        assert "its worker was lost" in reports["b.ome.tif"].error
        assert not pieces[1].outputs.are_written()
        # The cluster has another worker by now, and the piece is done after all.
        (again,) = run_batch(pieces[1:], WORK, client=made)
        assert again.error == ""
    assert len(volumes([reports["a.ome.tif"], again])) == 2


def test_workers_share_the_blocks_of_a_large_stack(tmp_path, monkeypatch):
    distributed = pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
    monkeypatch.setattr(plan, "LARGE", 100)
    stack = np.random.default_rng(6).uniform(10, 100, (4, 70, 90)).astype(np.float32)
    write_image(tmp_path / "large.ome.tif", stack, scale=(6, 1, 1))
    work = Work({"acquisition": {"step_length": 2}, "method": {**METHOD, "memory_gb": 0.03}})
    original, done_by = in_blocks.reconstruct_block, {}

    def noted(facts, block, *others):
        done_by.setdefault(block.name, []).append(distributed.get_worker().address)
        time.sleep(0.05)
        yield from original(facts, block, *others)

    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    (alone,), _ = pieces_of([tmp_path / "large.ome.tif"], tmp_path / "one", work=work)
    assert work_on(alone, work).error == ""
    monkeypatch.setattr(in_blocks, "reconstruct_block", noted)
    (shared,), _ = pieces_of([tmp_path / "large.ome.tif"], tmp_path / "two", work=work)
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": False, "dashboard_address": ":0"}
    with distributed.LocalCluster(**options) as local, distributed.Client(local) as made:
        (report,) = run_batch([shared], work, client=made)
    assert report.error == ""
    assert len(done_by) == 9
    assert all(len(workers) == 1 for workers in done_by.values())
    assert len({worker for (worker,) in done_by.values()}) == 2
    assert shared.outputs.volume.read_bytes() == alone.outputs.volume.read_bytes()
    assert not shared.outputs.blocks.exists()


def test_the_input_of_another_piece_is_not_overwritten(tmp_path):
    for name in ("a.ome.tif", "a_volume.ome.tif"):
        write_image(tmp_path / name, STACK, scale=(6, 1, 1))
    pieces, _ = pieces_of([tmp_path / "a.ome.tif", tmp_path / "a_volume.ome.tif"], tmp_path)
    reports = {report.piece.source.name: report for report in run_batch(pieces, WORK)}
    assert "would be overwritten, which is read" in reports["a.ome.tif"].error
    assert reports["a_volume.ome.tif"].error == ""
    np.testing.assert_array_equal(read_image(tmp_path / "a_volume.ome.tif").data, STACK)
