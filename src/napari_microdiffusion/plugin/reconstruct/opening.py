"""Files and samples on their way into the viewer."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Any

from ...io import UnchosenPosition, read_image
from ...io.axes import UnnamedAxes
from ...optics import MAX_STEP_LENGTH
from ...reconstruction.events import CancelToken
from ...settings.asked import STEP_LENGTH
from ...stacks.metadata import LayerData
from ...stacks.placement import Placement
from ...stacks.roles import projections_and_truth
from ...stacks.stack import Stack
from ...tasks.threads import Source
from ..jobs.activity import Activity
from ..reader import image_layers, read_layers
from ..sample_data import open_vasculature
from .sections.together import Sections


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
    """Reads files with our reader; `axes` and `position` say what the first leaves open."""

    path: str
    axes: str | None = None
    position: int | None = None
    others: tuple[str, ...] = ()

    def __call__(self, _cancel: CancelToken) -> Iterator[LayersMade | Question]:
        """One `LayersMade`, or one `Question`."""
        try:
            made = image_layers(read_image(self.path, self.axes, self.position))
        except UnnamedAxes as error:
            yield _which_axes(self.path, error)
        except UnchosenPosition as error:
            yield _which_image(self.path, self.axes, error)
        else:
            yield LayersMade([*made, *(layer for path in self.others for layer in read_layers(path))])


def make_sample(_cancel: CancelToken) -> Iterator[LayersMade]:
    """Grow the vasculature sample: one `LayersMade`."""
    yield LayersMade(open_vasculature())


class Opening(Activity):
    """A file or a sample on its way into the viewer."""

    def __init__(self, source: Source, viewer: Any, sections: Sections, is_again: bool = False) -> None:
        super().__init__("Opening", source)
        self._is_again = is_again  # what is chosen was read wrongly from the same file
        self.handle = self._handle
        self._viewer, self._sections = viewer, sections
        self.question: Question | None = None
        self.said = ""

    def _handle(self, event: Any) -> None:
        """Add the layers; choose the projections and the truth among them."""
        if isinstance(event, Question):
            self.question = event
        if not isinstance(event, LayersMade):
            return
        section, document = self._sections.projections, self._sections.projections.document
        before = section.chooser.layer
        added = [self._viewer.add_image(data, **look) for data, look, _ in event.layers]
        found, truth = projections_and_truth(added, None if self._is_again else before)
        section.refresh()
        section.select(before if found is None else found)
        if truth is not None and document.slabs:
            n = Stack(truth).shape[0] // document.slabs
            if document.run.origin(STEP_LENGTH) not in ("asked", "file") and n <= MAX_STEP_LENGTH:
                document.ask({STEP_LENGTH: n})
            self._sections.truth.refresh()
            self._sections.truth.chooser.select(truth)
            if document.truth == truth:
                chosen = section.chooser.layer
                self.said = (
                    f"“{truth.name}” is taken for the ground truth of “{chosen.name if chosen else ''}”."
                )
        elif found is None and before is None:
            self.said = f"“{added[0].name}” is opened; it cannot be projections."


def put_scale(made: LayersMade, layer: Any) -> str:
    """Put the scale of a file on the layer that another reader opened; says why where it cannot be."""
    data, look, _ = made.layers[0]
    if tuple(data.shape[-3:]) != tuple(layer.data.shape[-3:]):
        return (
            f"The file holds stacks of shape {tuple(data.shape)}, the layer {layer.data.shape}; "
            "open the file with … instead, which tells channels and slices apart."
        )
    if look["units"][-1] == "pixel":
        return "The file gives no voxel size either; set the layer's scale by hand."
    Placement(look["scale"][-3:], look["translate"][-3:], look["units"][-3:]).put(layer)
    layer.metadata.update(look["metadata"])
    return ""
