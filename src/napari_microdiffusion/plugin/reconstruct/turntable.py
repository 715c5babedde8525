"""A movie of the result turning once around itself, made with napari-animation, picture by picture."""

import warnings
from collections.abc import Iterator
from contextlib import ExitStack, closing
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from napari import Viewer
from qtpy.QtCore import QObject, QTimer, Signal

from ...errors import UserError
from ...io.atomic import whole_file

MISSING = "A movie needs one more package: pip install napari-microdiffusion[movie], then start napari again."
_TURNS, _PICTURES_OF_A_TURN, _PER_SECOND = 12, 6, 12
# From a little above; what is up in a slice stays up.
_TILT, _UP = 0.35, (0, -1, 0)
_BLOCK = 16  # sides of pictures in the coding of a movie


def why_no_movie() -> str:
    """Why no movie can be made; nothing where it can."""
    needed = ("napari_animation", "imageio_ffmpeg")
    return "" if all(find_spec(name) is not None for name in needed) else MISSING


class Turntable(QObject):
    """Records a movie of what the viewer shows in 3D; between two pictures the window has its turn.

    `moved` carries the share that is done, `ended` why there is no movie, or nothing where there is one.
    """

    moved = Signal(float)
    ended = Signal(str)

    def __init__(self, viewer: Viewer, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._pictures: Iterator[float] | None = None
        self._angles: Any = None
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._next)

    @property
    def is_running(self) -> bool:
        """Whether a movie is being made."""
        return self._pictures is not None

    def start(self, path: Path) -> None:
        """Begin a movie."""
        if not self.is_running:
            self._angles = self._viewer.scene.camera.angles
            self._pictures = _record(self._viewer, path)
            self._timer.start(0)

    def cancel(self) -> None:
        """End it and leave no file."""
        if self.is_running:
            self._end("The movie was cancelled.")

    def _next(self) -> None:
        try:
            assert self._pictures is not None
            self.moved.emit(next(self._pictures))
        except StopIteration:
            self._end("")
        except Exception as error:  # a layer is gone, the disk is full: whatever it is, the timer has to stop
            self._end(f"There is no movie: {error}")

    def _end(self, reason: str) -> None:
        pictures, self._pictures = self._pictures, None
        self._timer.stop()
        if pictures is not None:
            pictures.close()  # type: ignore[attr-defined]
        self._viewer.scene.camera.angles = self._angles
        self.ended.emit(reason)


def _record(viewer: Viewer, path: Path) -> Iterator[float]:
    """Take one picture after the other; yields the share that is taken."""
    from imageio_ffmpeg import write_frames
    from napari_animation import Animation
    from napari_animation.frame_sequence import FrameSequence

    animation = Animation(viewer)
    with warnings.catch_warnings():
        # napari-animation 0.0.10 uses names that napari 0.9 has replaced and keeps.
        warnings.simplefilter("ignore", DeprecationWarning)
        for angle in np.linspace(0, 2 * np.pi, _TURNS + 1):
            direction = (float(np.cos(angle)), _TILT, float(np.sin(angle)))
            viewer.scene.camera.set_view_direction(direction, _UP)
            animation.capture_keyframe(steps=_PICTURES_OF_A_TURN)
        sequence = FrameSequence(animation.key_frames)
    with whole_file(path) as partial, ExitStack() as at_end:
        movie: Any = None
        first: tuple[int, ...] = ()
        for number, state in enumerate(sequence):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                picture = state.render(viewer, canvas_only=True)
            height, width = (side // _BLOCK * _BLOCK for side in picture.shape[:2])
            if movie is None:
                settings = {"fps": _PER_SECOND, "output_params": ["-f", "mp4"], "macro_block_size": _BLOCK}
                movie = at_end.enter_context(closing(write_frames(str(partial), (width, height), **settings)))
                movie.send(None)
                first = picture.shape
            elif picture.shape != first:
                raise UserError("the window changed its size meanwhile; make it again.")
            movie.send(np.ascontiguousarray(picture[:height, :width, :3]))
            yield (number + 1) / len(sequence)
