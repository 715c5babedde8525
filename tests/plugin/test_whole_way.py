"""The whole way: a reference, a stack with it, a video, its regions, their traces, and the files of all."""

import csv
from importlib.util import find_spec

import numpy as np
import pytest
from napari.utils.notifications import NotificationSeverity, notification_manager

from napari_microdiffusion.io import read_image, write_image
from napari_microdiffusion.optics import Acquisition, simulate_projections
from napari_microdiffusion.specimens import make_specimen
from napari_microdiffusion.specimens.activity import active_tissue
from napari_microdiffusion.stacks.metadata import known_of
from napari_microdiffusion.video.regions import find_regions

from .conftest import PATIENCE_MS, dock_in, set_field

N, FRAMES, RATE, MARGIN = 6, 30, 10.0, 6
SHAPE = (24, 56, 56)


def record(folder):
    """A scan, a stack of projections and a video of them, as a microscope saves them; gives the tissue."""
    rng = np.random.default_rng(5)
    around = make_specimen("neurons", tuple(size + 2 * MARGIN for size in SHAPE), 1) + np.float32(0.05)
    still = around[MARGIN:-MARGIN, MARGIN:-MARGIN, MARGIN:-MARGIN]
    tissue = active_tissue(still, find_regions(still), FRAMES, RATE, 2)
    acquisition = Acquisition(step_length=N)
    clean = np.stack([simulate_projections(tissue.frame(t), acquisition) for t in range(FRAMES)])
    photons = 60 / np.percentile(clean, 99.9)
    # Scanned on another day, two micrometres further up and three to the side.
    scan = rng.poisson(np.roll(around, (2, -3), (0, 1)) * 200).astype(np.uint16)
    slabs = rng.poisson(simulate_projections(still, acquisition) * photons).astype(np.uint16)
    film = rng.poisson(clean * photons).astype(np.uint16)
    write_image(folder / "scan.ome.tif", scan, scale=(1, 1, 1))
    place = {"scale": (N, 1, 1), "step_length": N}
    write_image(folder / "slabs.ome.tif", slabs, **place)
    write_image(folder / "film.ome.tif", film, axes="tzyx", **place)
    return tissue


def one_stack(viewer, dock, folder, wait, seen) -> None:
    """A stack of projections, reconstructed with the reference and saved."""
    viewer.open(folder / "scan.ome.tif", plugin="napari-microdiffusion")
    dock.runs.open_file(str(folder / "slabs.ome.tif"))
    wait(dock.runs)
    set_field(dock, "reference", "scan")
    set_field(dock, "method.samples", 0)
    seen("stack chosen")
    dock.panel.button.click()
    wait(dock.runs)
    assert dock.outcome.error.isHidden(), dock.outcome.error.text()
    seen("stack done")
    dock.runs.save_to(folder / "volume.ome.tif")
    wait(dock.runs)
    assert dock.outcome.error.isHidden(), dock.outcome.error.text()


def a_video(viewer, dock, folder, wait, seen) -> None:
    """The video, resolved with the reference; then again, with the regions of the first time painted on."""
    dock.open_file(str(folder / "film.ome.tif"))
    wait(dock.runner)
    set_field(dock, "reference", "scan")
    set_field(dock, "rate", RATE)
    seen("video chosen")
    dock.panel.button.click()
    wait(dock.runner)
    assert dock.messages.error.isHidden(), dock.messages.error.text()
    seen("video done")
    regions = viewer.layers["film regions"]
    regions.data[regions.data == 1] = 0
    regions.refresh()
    set_field(dock, "regions", "film regions")
    dock.panel.button.click()
    wait(dock.runner)
    assert dock.messages.error.isHidden(), dock.messages.error.text()
    seen("video with regions")


def its_files(dock, folder, wait, seen) -> None:
    """Traces as a table and as NWB, and the volumes."""
    for name in ("traces.csv", *(["traces.nwb"] if find_spec("pynwb") else [])):
        dock.save_traces(folder / name)
        wait(dock.runner)
        assert dock.messages.error.isHidden(), dock.messages.error.text()
    dock.save_volumes(folder / "video.ome.zarr")
    wait(dock.runner)
    assert dock.messages.error.isHidden(), dock.messages.error.text()
    seen("video saved")


@pytest.fixture
def said():
    """What napari's notices say beyond the plain."""
    noted = []

    def note(notice):
        if notice.severity > NotificationSeverity.INFO:
            noted.append(notice.message)

    notification_manager.notification_ready.connect(note)
    yield noted
    notification_manager.notification_ready.disconnect(note)


def alike(first, second) -> float:
    return float(np.corrcoef(np.ravel(first), np.ravel(second))[0, 1])


def test_from_a_reference_to_traces(viewer, qtbot, tmp_path, said):
    def wait(runner):
        qtbot.waitUntil(lambda: not runner.is_running, timeout=PATIENCE_MS)

    tissue, seen = record(tmp_path), lambda _name: None
    dock = dock_in(viewer, qtbot, "Reconstruct volume")
    one_stack(viewer, dock, tmp_path, wait, seen)
    found = dock.runs.last.result.provenance["reference"]["registration"]
    np.testing.assert_allclose(found["shift"], (-2, 3, 0), atol=0.5)
    volume = read_image(tmp_path / "volume.ome.tif").data
    alone = np.repeat(read_image(tmp_path / "slabs.ome.tif").data.astype(float), N, axis=0)
    assert alike(volume, tissue.volume) > max(0.9, alike(alone, tissue.volume) + 0.05)

    video = dock_in(viewer, qtbot, "Reconstruct video")
    a_video(viewer, video, tmp_path, wait, seen)
    its_files(video, tmp_path, wait, seen)
    regions = video.last.regions
    assert not (regions == 1).any()
    with (tmp_path / "traces.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    light = video.last.resolved.finished.traces.light
    # Without the one that was painted out.
    assert {int(row["region"]) for row in rows} == set(range(2, light.shape[1] + 1))
    # Where one region covers a true one that changes, its trace is that one's.
    followed = []
    for number in range(1, int(tissue.regions.max()) + 1):
        labels = regions[tissue.regions == number]
        label = int(np.bincount(labels).argmax())
        if label and (labels == label).mean() > 0.7 and np.ptp(tissue.activity[:, number - 1]) > 0.5:
            followed.append(alike(light[:, label - 1], tissue.activity[:, number - 1]))
    assert len(followed) > 2 and np.median(followed) > 0.9
    assert read_image(tmp_path / "video.ome.zarr").data.shape == (FRAMES, *SHAPE)
    layers = [layer for layer in viewer.layers if known_of(layer).get("role") == "video"]
    assert [layer.data.shape for layer in layers] == [(FRAMES, *SHAPE)] * 2
    if find_spec("pynwb"):
        from pynwb import NWBHDF5IO

        with NWBHDF5IO(tmp_path / "traces.nwb", "r") as file:
            assert "ophys" in file.read().processing
    assert said == []
