"""A viewer and a camera, for the pictures of these pages: opens docks as a person would."""

import os
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# Read when napari is imported: the preferences of whoever runs this are neither used nor changed.
os.environ["NAPARI_CONFIG"] = str(Path(tempfile.mkdtemp(prefix="microdiffusion-")) / "settings.yaml")

import napari
from napari.utils.notifications import NotificationSeverity, notification_manager
from PIL import Image
from qtpy.QtWidgets import QApplication

from napari_microdiffusion.plugin.jobs import runner

IMAGES = Path(__file__).resolve().parent / "images"
# Enough for a screen of greys and a few coloured curves, at a third of the bytes.
COLOURS = 128
PLUGIN = "napari-microdiffusion"


class Studio:
    """A viewer, and a camera.

    Parameters
    ----------
    folder : Path
        Where pictures go.
    size : tuple of int
        Of the window.
    theme : str
    only : sequence of str
        Names of the pictures to make; all of them if empty.
    """

    def __init__(
        self, folder: Path, size: tuple[int, int], theme: str = "dark", only: Sequence[str] = ()
    ) -> None:
        self.folder, self.theme, self.only = folder, theme, only
        self.viewer = napari.Viewer(show=True)
        self.viewer.theme = theme
        self.viewer.window.resize(*size)
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

    def picture(self, name: str, seconds: float = 0.6) -> None:
        """Take one, once everything has had time to be drawn."""
        if self.only and name not in self.only:
            return
        self.pause(seconds)
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{name}{'' if self.theme == 'dark' else '-' + self.theme}.png"
        self.shot().quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
        print(f"{path} {path.stat().st_size // 1000} kB", flush=True)

    def shot(self) -> Image.Image:
        """The window as it is."""
        pixels = self.viewer.window.screenshot(canvas_only=False, flash=False)
        return Image.fromarray(pixels).convert("RGB")


@contextmanager
def without_warnings() -> Iterator[None]:
    """Give a session that ends with an error if anything warned in it."""
    # What napari says in its corner would lie over the pictures.
    runner.NOTIFY_AFTER_S = float("inf")
    noted: list[str] = []

    def note(notice: Any) -> None:
        if notice.severity > NotificationSeverity.INFO:
            noted.append(str(notice.message))

    notification_manager.notification_ready.connect(note)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", UserWarning)
        warnings.simplefilter("always", RuntimeWarning)
        yield
    notification_manager.notification_ready.disconnect(note)
    noted += [str(warning.message) for warning in warned]
    if noted:
        raise SystemExit("warnings in the session:\n" + "\n".join(noted))
