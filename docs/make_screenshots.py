"""Makes the pictures in docs/images: a session with every dock, in the real viewer, as a person would go on.

    .ci/with-screen python docs/make_screenshots.py [--samples 2] [--theme light] [--only NAME ...]

Opens the vasculature sample, simulates projections of its truth and sweeps the step length, reconstructs,
compares, adapts the prior, works on a batch, and resolves the video sample in depth; ends with an error if
anything warned. In the light theme the pictures' names end in -light. `make pictures` makes them all, and the
tour.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from studio import IMAGES, Studio, without_warnings

SIZE = (1280, 900)
# What there is much to see of: a slice, and a region of the video.
SHOWN_SLICE, VIDEO_REGION = 47, 20
# Frames of the video that are there when it is pictured while it runs.
SEEN = 25


def show_slice(studio: Studio) -> None:
    """Go to the slice with much to see."""
    studio.viewer.dims.set_current_step(0, SHOWN_SLICE)


def simulate(studio: Studio) -> None:
    """Projections of the truth, and the sweep."""
    dock = studio.open("Simulate projections")
    dock.volume.chooser.select(studio.viewer.layers["vasculature ground truth"])
    dock.noise.ask({"photons": 500.0})
    dock.panel.button.click()
    studio.wait(lambda: not dock.runner.is_running)
    show_slice(studio)
    studio.picture("simulate")
    dock.tabs.setCurrentWidget(dock.sweep_tab)
    dock.panel.button.click()
    studio.wait(lambda: not dock.runner.is_running)
    studio.picture("sweep")
    studio.viewer.layers.remove("vasculature ground truth projections n6")


def reconstruct(studio: Studio, samples: int, steps: int) -> None:
    """The main job, with the pictures of its outcome."""
    dock = studio.open("Reconstruct volume")
    dock.sections.projections.select(studio.viewer.layers["vasculature"])
    dock.document.ask({"method.samples": samples, "method.steps": steps})
    dock.sections.guide.open()
    dock.document.ask({"method.guide": "inr"})
    dock.sections.guide.fine.open()
    studio.picture("inr-settings")
    dock.document.ask({"method.guide": "logspline"})
    dock.sections.guide.fold()
    show_slice(studio)
    dock.panel.button.click()
    last = "uncertainty" if samples else "posterior mean"
    over = lambda: not dock.runs.is_running  # noqa: E731
    studio.wait(lambda: any(last in layer.name for layer in studio.viewer.layers) or over())
    studio.wait(lambda: "left" in dock.panel.bar.text() or over())
    show_slice(studio)
    studio.picture("dock")
    studio.wait(over)
    show_slice(studio)
    studio.picture("done")
    if samples:
        dock.outcome.uncertainty.click()
        studio.picture("uncertainty")
        dock.outcome.uncertainty.click()
    dock.outcome.side_by_side.click()
    studio.picture("side-by-side")
    dock.outcome.side_by_side.click()
    dock.outcome.three_d.click()
    studio.picture("volume-3d")
    dock.outcome.three_d.click()


def compare(studio: Studio) -> None:
    """Scores, and the ways of looking."""
    from napari_microdiffusion.interpolation import linear
    from napari_microdiffusion.plugin.layers.result import add_volume
    from napari_microdiffusion.stacks.placement import Placement

    viewer = studio.viewer
    projections, truth = viewer.layers["vasculature"], viewer.layers["vasculature ground truth"]
    known, place = {"step_length": 6, "beam": "uniform"}, Placement.of_layer(truth)
    baseline = linear(projections.data, 6)
    add_volume(viewer, "linear interpolation", "volume", baseline, place, truth.contrast_limits, known)
    dock = studio.open("Compare with ground truth")
    dock.panel.button.click()
    studio.wait(lambda: not dock.runner.is_running)
    show_slice(studio)
    dock.looking.modes["side by side"].click()
    studio.picture("compare")
    dock.volumes.fold()
    for mode in ("overlay", "checkerboard", "curtain"):
        dock.looking.modes[mode].click()
        studio.picture(mode)
    dock.looking.modes["curtain"].click()
    dock.looking.error.click()
    studio.wait(lambda: not dock.runner.is_running)
    studio.picture("error-map")
    with tempfile.TemporaryDirectory() as folder:
        for name in ("scores.png", "scores.csv"):
            dock.export_to(Path(folder) / name)
            studio.wait(lambda: not dock.runner.is_running)
            assert (Path(folder) / name).stat().st_size


def adapt(studio: Studio, minutes: float) -> None:
    """A short adaptation."""
    dock = studio.open("Adapt prior")
    dock.settings.ask({"minutes": minutes})
    with tempfile.TemporaryDirectory() as folder:
        dock.adapt_to(Path(folder) / "mine.safetensors")
        studio.wait(
            lambda: not dock.runner.is_running or len(dock.plot.curves and dock.plot.curves[0].x) > 12
        )
        studio.picture("adapt")
        dock.runner.stop()
        studio.wait(lambda: not dock.runner.is_running)
        assert not dock.messages.error.isVisible(), dock.messages.error.text()


def batch(studio: Studio) -> None:
    """Several files, of which the first is done and shown while the next is worked on."""
    from napari_microdiffusion.io import write_image
    from napari_microdiffusion.optics import Acquisition, simulate_projections
    from napari_microdiffusion.specimens import make_specimen

    viewer, n = studio.viewer, 6
    viewer.layers.clear()
    dock = studio.open("Batch")
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"brain {number}.tif" for number in range(1, 6)]
        for seed, path in enumerate(paths):
            specimen = make_specimen("vasculature", (96, 100, 100), seed)
            projections = simulate_projections(specimen, Acquisition(step_length=n)) * np.float32(1000)
            write_image(path, projections, scale=(n, 1.0, 1.0), step_length=n)
        dock.add_files(*map(str, paths))
        studio.wait(lambda: not dock.planning.is_running)
        dock.output.fold()
        dock.panel.button.click()
        studio.wait(lambda: dock.rows[0].state != "running" and dock.rows[1].state == "running")
        dock.pieces.table.selectRow(0)
        dock.open_result(0)
        studio.wait(lambda: bool(viewer.layers) and "left" in dock.rows[1].time)
        show_slice(studio)
        studio.picture("batch")
        dock.panel.stop.click()
        studio.wait(lambda: not dock.runner.is_running)
        assert not dock.messages.error.isVisible(), dock.messages.error.text()


def video(studio: Studio) -> None:
    """A video with a reference while its frames arrive, and the trace of a region once they all have."""
    dock = studio.open("Reconstruct video")
    dock.empty.linkActivated.emit("sample")
    studio.wait(lambda: not dock.runner.is_running)
    dock.sections.beam.fold()
    dock.panel.button.click()
    over = lambda: not dock.runner.is_running  # noqa: E731
    studio.wait(lambda: (dock.traces.has_traces and len(dock.traces.plot.curves[0].x) > SEEN) or over())
    # At once: a hundred frames are done in a second or two.
    studio.picture("video-run", seconds=0.1)
    studio.wait(over)
    assert not dock.messages.error.isVisible(), dock.messages.error.text()
    # A region whose noise can be seen, in its slice and in the midst of its brightest event.
    dock.traces.region.value = VIDEO_REGION
    trace = dock.traces.plot.curves[0]
    dock.traces.plot.picked.emit(trace.x[trace.y.index(max(trace.y))])
    studio.picture("video")


def main() -> None:
    """Go through the session and take pictures on the way."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--folder", type=Path, default=IMAGES)
    parser.add_argument("--samples", type=int, default=2)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--minutes", type=float, default=5.0, help="of adaptation")
    parser.add_argument("--theme", choices=["dark", "light"], default="dark")
    parser.add_argument("--only", nargs="*", default=[])
    arguments = parser.parse_args()
    with without_warnings():
        studio = Studio(arguments.folder, SIZE, arguments.theme, arguments.only)
        dock = studio.open("Reconstruct volume")
        studio.picture("empty")
        dock.runs.open_sample()
        studio.wait(lambda: not dock.runs.is_running)
        simulate(studio)
        reconstruct(studio, arguments.samples, arguments.steps)
        compare(studio)
        adapt(studio, arguments.minutes)
        batch(studio)
        studio.viewer.close()
        # napari leaves the number of a slider on the screen when its layers go.
        studio = Studio(arguments.folder, SIZE, arguments.theme, arguments.only)
        video(studio)
        studio.viewer.close()


if __name__ == "__main__":
    main()
