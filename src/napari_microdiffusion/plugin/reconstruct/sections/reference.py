"""An optional reference: a point-scanned stack of the same tissue that tells what lies where."""

from typing import Any

from magicgui.widgets import CheckBox
from napari import Viewer
from napari.layers import Image

from ....stacks.metadata import known_of
from ....stacks.stack import Stack
from ...widgets.layer_chooser import LayerChooser
from ...widgets.section import Section, column, label
from ..document import GUIDE, ReconstructionDocument
from .guide import GUIDE_WORDS

NONE = "None"
_TIP = (
    "A point-scanned stack of the same tissue, of any size and voxel size: it is registered to the "
    "projections, and each projection's light is shared out in depth as it has it."
)
_BY_HAND = (
    "Take the reference where its layer lies, moved and turned by hand with napari's transform mode, instead "
    "of finding its place."
)
_MADE_HERE = ("volume", "uncertainty", "INR", "error", "mixed", "projections", "reference", "video")


class ReferenceSection(Section):
    """Choice of a reference."""

    def __init__(self, document: ReconstructionDocument, viewer: Viewer) -> None:
        super().__init__("Reference", page="reference")
        self.document = document
        self.chooser = LayerChooser(viewer, self._why_not, "reference", _TIP, none=NONE)
        self.by_hand = CheckBox(text="as placed by hand", value=document.is_placed_by_hand)
        self.by_hand.native.setToolTip(f"<qt>{_BY_HAND}</qt>")
        self._about = label(tone="dim", wrap=True)
        self.set_content(column(self.chooser, self.by_hand.native, self._about))
        self.chooser.changed.connect(self._choose)
        self.by_hand.changed.connect(lambda value: document.change(is_placed_by_hand=value))
        document.events.revision.connect(self._describe)
        self._describe()

    def refresh(self) -> None:
        """Take the list from the viewer, keeping the choice where it still fits."""
        self.chooser.refresh()

    def _why_not(self, layer: Any) -> str:
        found = self.document.projections
        if not isinstance(layer, Image) or layer.rgb or layer.ndim < 3:
            return "no volume"
        is_other = found is None or layer is not found.layer
        return "" if is_other and known_of(layer).get("role") not in _MADE_HERE else "made of the projections"

    def _choose(self) -> None:
        layer, guide = self.chooser.layer, self.document.value(GUIDE)
        chosen = None if layer is None else Stack(layer, self.chooser.chosen)
        values = {}
        if chosen is not None:
            values = {GUIDE: "reference"}
        elif guide == "reference":
            values = {GUIDE: self.document.fields[GUIDE].default}
        self.document.ask(values, reference=chosen)

    def _describe(self, _revision: int = 0) -> None:
        chosen, is_used = self.document.reference, self.document.value(GUIDE) == "reference"
        text = "" if chosen is None else chosen.describe("slices")
        if chosen is not None and not is_used:
            guide = self.document.value(GUIDE)
            text = f"Not used: the starting estimate is {GUIDE_WORDS.get(guide, guide)}."
        self._about.setText(text)
        self._about.setVisible(bool(text))
        self.by_hand.native.setVisible(chosen is not None)
        self.set_state("none chosen" if chosen is None else chosen.name)
