"""Files and samples on their way into the viewer."""

from typing import Any

from ...optics import MAX_STEP_LENGTH
from ...settings.asked import STEP_LENGTH
from ...stacks.placement import Placement
from ...stacks.roles import projections_and_truth
from ...stacks.stack import Stack
from ...tasks.opening import LayersMade, Question
from ...tasks.threads import Source
from ..jobs.activity import Activity
from .sections.together import Sections


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
                self.said = f"“{truth.name}” is taken for the ground truth of “{document.projections.name}”."
        elif found is None and before is None:
            self.said = f"“{added[0].name}” is opened; it cannot be projections."


def put_scale(made: LayersMade, layer: Any) -> str:
    """Put the scale of a file on the layer that another reader opened; says why where it cannot be."""
    data, look, _ = made.layers[0]
    data = data[0] if look.get("multiscale") else data
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
