"""Files and samples on their way into the viewer."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ...io.axes import UnnamedAxes
from ...reconstruction.events import CancelToken
from ...tasks.threads import Source
from ..jobs.activity import Activity
from ..layers.metadata import LayerData
from ..layers.placement import Placement
from ..reader import file_layers
from ..sample_data import open_vasculature
from .sections.projections import ProjectionsSection


@dataclass(frozen=True, eq=False)
class LayersMade:
    """Layers of a file that was read, or of a sample, and the number of the one to be chosen."""

    layers: list[LayerData]
    chosen: int = 0


@dataclass(frozen=True)
class AxesWanted:
    """A file that does not name its axes: which are they? `message` says so where nobody answers."""

    path: str
    sizes: tuple[int, ...]
    message: str


@dataclass(frozen=True)
class ReadFile:
    """Reads a file with our reader; `axes` names its axes where it does not."""

    path: str
    axes: str | None = None

    def __call__(self, _cancel: CancelToken) -> Iterator[LayersMade | AxesWanted]:
        """One `LayersMade`, or one `AxesWanted`."""
        try:
            yield LayersMade(file_layers(self.path, self.axes))
        except UnnamedAxes as error:
            yield AxesWanted(self.path, error.sizes, str(error))


def make_sample(_cancel: CancelToken) -> Iterator[LayersMade]:
    """Grow the vasculature sample: one `LayersMade`."""
    # The truth comes first, so that the projections lie above it.
    yield LayersMade(open_vasculature(), chosen=-1)


class Opening(Activity):
    """A file or a sample on its way into the viewer."""

    def __init__(self, source: Source, viewer: Any, section: ProjectionsSection) -> None:
        super().__init__("Opening", source)
        self.handle = self._handle
        self._viewer, self._section = viewer, section
        self.question: AxesWanted | None = None

    def _handle(self, event: Any) -> None:
        """Add the layers and choose the projections among them."""
        if isinstance(event, AxesWanted):
            self.question = event
        if not isinstance(event, LayersMade):
            return
        added = [self._viewer.add_image(data, **look) for data, look, _ in event.layers]
        self._section.refresh()
        self._section.select(added[event.chosen])


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
