"""Makes the pictures in docs/images: a session with every dock, in the real viewer, as a person would go on.

    .ci/with-screen python docs/make_screenshots.py [--samples 2] [--theme light] [--only NAME ...]

Opens the vasculature sample, simulates projections of its truth and sweeps the step length, reconstructs,
compares, adapts the prior; ends with an error if anything warned. In the light theme the pictures' names end
in -light.
"""

import argparse
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
from napari.utils.notifications import NotificationSeverity, notification_manager
from PIL import Image
from qtpy.QtWidgets import QApplication

from napari_microdiffusion.plugin import runner

IMAGES = Path(__file__).resolve().parent / "images"
SIZE = (1280, 900)
# A slice with much to see.
SHOWN_SLICE = 47
# Enough for a screen of greys and a few coloured curves, at a third of the bytes.
COLOURS = 128
PLUGIN = "napari-microdiffusion"


class Studio:
    """A viewer, and a camera.

    Parameters
    ----------
    folder : Path
        Where pictures go.
    theme : str
    only : list of str
        Names of the pictures to make; all of them if empty.
    """

    def __init__(self, folder: Path, theme: str, only: list[str]) -> None:
        self.folder, self.theme, self.only = folder, theme, only
        self.viewer = napari.Viewer(show=True)
        self.viewer.theme = theme
        self.viewer.window.resize(*SIZE)
        self.dock: Any = None

    def open(self, name: str) -> Any:
        """Open a dock in place of the one before."""
        if self.dock is not None:
            self.viewer.window.remove_dock_widget(self.dock)
        _, self.dock = self.viewer.window.add_plugin_dock_widget(PLUGIN, name)
        self.pause()
        return self.dock

    def wait(self, reached: Callable[[], bool], seconds: float = 1800) -> None:
        """Let the viewer work until something is reached."""
        deadline = time.monotonic() + seconds
        while not reached():
            if time.monotonic() > deadline:
                raise TimeoutError("the dock does not get on")
            QApplication.processEvents()
            time.sleep(0.01)

    def pause(self, seconds: float = 0.6) -> None:
        """Let everything be drawn."""
        end = time.monotonic() + seconds
        self.wait(lambda: time.monotonic() > end)

    def picture(self, name: str) -> None:
        """Take one."""
        if self.only and name not in self.only:
            return
        self.pause()
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{name}{'' if self.theme == 'dark' else '-' + self.theme}.png"
        pixels = self.viewer.window.screenshot(canvas_only=False, flash=False)
        picture = Image.fromarray(pixels).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
        picture.save(path, optimize=True)
        print(f"{path} {path.stat().st_size // 1000} kB", flush=True)

    def show_slice(self) -> None:
        """Go to the slice with much to see."""
        self.viewer.dims.set_current_step(0, SHOWN_SLICE)


def simulate(studio: Studio) -> None:
    """Projections of the truth, and the sweep."""
    dock = studio.open("Simulate projections")
    dock.volume.chooser.select(studio.viewer.layers["vasculature ground truth"])
    dock.detector.photons.setValue(500)
    dock.panel.button.click()
    studio.wait(lambda: not dock.runner.is_running)
    studio.show_slice()
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
    # Whatever the preferences of whoever runs this.
    dock.sections.diffusion.prior.setCurrentIndex(dock.sections.diffusion.prior.findData("general"))
    dock.sections.diffusion.samples.setValue(samples)
    dock.sections.diffusion.steps.setValue(steps)
    dock.sections.guide.open()
    dock.sections.guide.set_guide("inr")
    dock.sections.guide.fine.open()
    studio.picture("inr-settings")
    dock.sections.guide.set_guide("logspline")
    dock.sections.guide._button.click()
    studio.show_slice()
    dock.panel.button.click()
    last = "uncertainty" if samples else "posterior mean"
    over = lambda: not dock.runs.is_running  # noqa: E731
    studio.wait(lambda: any(last in layer.name for layer in studio.viewer.layers) or over())
    studio.wait(lambda: "left" in dock.panel.left.text() or over())
    studio.show_slice()
    studio.picture("dock")
    studio.wait(over)
    studio.show_slice()
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
    from napari_microdiffusion.plugin.layers import add_volume
    from napari_microdiffusion.plugin.placement import Placement

    viewer = studio.viewer
    projections, truth = viewer.layers["vasculature"], viewer.layers["vasculature ground truth"]
    known, place = {"step_length": 6, "beam": "uniform"}, Placement.of_layer(truth)
    baseline = linear(projections.data, 6)
    add_volume(viewer, "linear interpolation", "volume", baseline, place, truth.contrast_limits, known)
    dock = studio.open("Compare with ground truth")
    dock.panel.button.click()
    studio.wait(lambda: not dock.runner.is_running)
    studio.show_slice()
    dock.looking.modes["side by side"].click()
    studio.picture("compare")
    dock.volumes._button.click()
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
    dock.prior.minutes.setValue(minutes)
    with tempfile.TemporaryDirectory() as folder:
        dock.adapt_to(Path(folder) / "mine.safetensors")
        studio.wait(
            lambda: not dock.runner.is_running or len(dock.plot.curves and dock.plot.curves[0].x) > 12
        )
        studio.picture("adapt")
        dock.runner.stop()
        studio.wait(lambda: not dock.runner.is_running)
        assert not dock.messages.error.isVisible(), dock.messages.error.text()


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
    # What napari says in its corner would lie over the pictures.
    runner.NOTIFY_AFTER_S = float("inf")
    noted: list[str] = []
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", UserWarning)
        warnings.simplefilter("always", RuntimeWarning)
        studio = Studio(arguments.folder, arguments.theme, arguments.only)

        def note(notice: Any) -> None:
            if notice.severity > NotificationSeverity.INFO:
                noted.append(str(notice.message))

        notification_manager.notification_ready.connect(note)
        dock = studio.open("Reconstruct volume")
        studio.picture("empty")
        dock.runs.open_sample()
        studio.wait(lambda: not dock.runs.is_running)
        simulate(studio)
        reconstruct(studio, arguments.samples, arguments.steps)
        compare(studio)
        adapt(studio, arguments.minutes)
        studio.viewer.close()
    noted += [str(warning.message) for warning in warned]
    if noted:
        raise SystemExit("warnings in the session:\n" + "\n".join(noted))


if __name__ == "__main__":
    main()
