"""Reads files and makes samples for the viewer."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Any

from ..io import UnchosenPosition
from ..io.axes import UnnamedAxes
from ..reconstruction.events import CancelToken
from ..stacks.metadata import LayerData
from ..stacks.on_disk import open_frames, open_stack
from ..stacks.reader import image_layers, read_layers
from ..stacks.sample_data import open_activity, open_vasculature


@dataclass(frozen=True, eq=False)
class LayersMade:
    """Layers of files that were read, or of a sample."""

    layers: list[LayerData]


@dataclass(frozen=True)
class Question:
    """What a file leaves open: `answers` are choices for `ReadFile` by words; `message` says so in one."""

    path: str
    title: str
    text: str
    answers: dict[str, dict[str, Any]]
    message: str


_AXIS_WORDS = {"t": "time", "c": "channel", "z": "depth (z)"}


def _which_axes(path: str, error: UnnamedAxes) -> Question:
    sizes = " × ".join(str(size) for size in error.sizes)
    orders = ["".join(order) for order in permutations("tcz", len(error.sizes) - 2) if "z" in order]
    answers = {", ".join(_AXIS_WORDS[axis] for axis in order): {"axes": f"{order}yx"} for order in orders}
    text = f"{Path(path).name} holds {sizes} pixels and does not name its axes. Before y and x lie:"
    return Question(path, "Axes", text, answers, str(error))


def _which_image(path: str, axes: str | None, error: UnchosenPosition) -> Question:
    answers = {
        f"{index}: {one.name} ({' × '.join(map(str, one.shape))})": {"axes": axes, "position": index}
        for index, one in enumerate(error.positions)
    }
    text = f"{Path(path).name} holds {len(answers)} images. Which one is to be opened?"
    return Question(path, "Image", text, answers, str(error))


@dataclass(frozen=True)
class ReadFile:
    """Reads files with our reader; `axes` and `position` say what the first leaves open.

    With `lazily` frames stay in the first file, however small, to be read as they are asked for.
    """

    path: str
    axes: str | None = None
    position: int | None = None
    others: tuple[str, ...] = ()
    lazily: bool = False

    def __call__(self, _cancel: CancelToken) -> Iterator[LayersMade | Question]:
        """One `LayersMade`, or one `Question`."""
        try:
            chosen = (self.path, self.axes, self.position)
            made = image_layers(*((open_frames(*chosen),) if self.lazily else open_stack(*chosen)))
        except UnnamedAxes as error:
            yield _which_axes(self.path, error)
        except UnchosenPosition as error:
            yield _which_image(self.path, self.axes, error)
        else:
            yield LayersMade([*made, *(layer for path in self.others for layer in read_layers(path))])


def make_sample(_cancel: CancelToken) -> Iterator[LayersMade]:
    """Grow the vasculature sample: one `LayersMade`."""
    yield LayersMade(open_vasculature())


def make_video_sample(_cancel: CancelToken) -> Iterator[LayersMade]:
    """Grow the sample with activity: one `LayersMade`."""
    yield LayersMade(open_activity())
