"""Makes the pictures in docs/images from the real viewer, with the vasculature sample.

    xvfb-run -a -s "-screen 0 1280x1024x24" python docs/make_screenshots.py [--samples 2] [--only NAME ...]

Pictures: empty, dock (at work), done, uncertainty, volume-3d, side-by-side.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
from qtpy.QtWidgets import QApplication

IMAGES = Path(__file__).resolve().parent / "images"
SIZE = (1280, 900)
# A slice with much to see.
SHOWN_SLICE = 47


class Studio:
    """A viewer with the dock in it, and a camera.

    Parameters
    ----------
    folder : Path
        Where pictures go.
    only : list of str
        Names of the pictures to make; all of them if empty.
    """

    def __init__(self, folder: Path, only: list[str]) -> None:
        self.folder, self.only = folder, only
        self.viewer = napari.Viewer(show=True)
        self.viewer.window.resize(*SIZE)
        _, self.dock = self.viewer.window.add_plugin_dock_widget(
            "napari-microdiffusion", "Reconstruct volume"
        )
        self.pause()

    def wait(self, reached: Callable[[], bool], seconds: float = 900) -> None:
        """Let the viewer work until something is reached."""
        deadline = time.monotonic() + seconds
        while not reached():
            if time.monotonic() > deadline:
                raise TimeoutError(self.dock.outcome.error.text() or "the dock does not get on")
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
        path = self.folder / f"{name}.png"
        self.viewer.window.screenshot(str(path), canvas_only=False, flash=False)
        print(path)


def main() -> None:
    """Go through a reconstruction and take pictures on the way."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--folder", type=Path, default=IMAGES)
    parser.add_argument("--samples", type=int, default=2)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--only", nargs="*", default=[])
    arguments = parser.parse_args()
    studio = Studio(arguments.folder, arguments.only)
    dock: Any = studio.dock
    studio.picture("empty")

    dock.runs.open_sample()
    studio.wait(lambda: not dock.runs.is_running)
    dock.sections.diffusion.samples.setValue(arguments.samples)
    dock.sections.diffusion.steps.setValue(arguments.steps)
    studio.viewer.dims.set_current_step(0, SHOWN_SLICE)
    dock.panel.button.click()
    last = "uncertainty" if arguments.samples else "posterior mean"
    studio.wait(lambda: any(last in layer.name for layer in studio.viewer.layers) or not dock.runs.is_running)
    studio.wait(lambda: "left" in dock.panel.left.text() or not dock.runs.is_running)
    studio.viewer.dims.set_current_step(0, SHOWN_SLICE)
    studio.picture("dock")

    studio.wait(lambda: not dock.runs.is_running)
    studio.viewer.dims.set_current_step(0, SHOWN_SLICE)
    studio.picture("done")
    if arguments.samples:
        dock.outcome.uncertainty.click()
        studio.picture("uncertainty")
        dock.outcome.uncertainty.click()
    dock.outcome.side_by_side.click()
    studio.picture("side-by-side")
    dock.outcome.side_by_side.click()
    dock.outcome.three_d.click()
    studio.picture("volume-3d")
    studio.viewer.close()


if __name__ == "__main__":
    main()
