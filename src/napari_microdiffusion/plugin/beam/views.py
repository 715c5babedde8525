"""One view of every slab, or two with mirrored beams, and where the second one is."""

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QWidget

from ...optics import Acquisition
from ..layers.roles import why_no_projections
from ..layers.stack import Stack
from ..widgets.fields import narrow, title_label
from ..widgets.section import form, label
from ..widgets.stack_chooser import StackChooser

if TYPE_CHECKING:
    from napari import Viewer

ONE, STACKED, APART = "one", "stacked", "apart"
_WORDS = {ONE: "one", STACKED: "two, one after the other", APART: "two, the mirrored in another layer"}


class ViewsChoice(QWidget):
    """How many views there are; the second may lie in the same stack or in a layer of its own.

    Parameters
    ----------
    viewer : napari.Viewer, optional
        Where the layer of the mirrored view is looked for; without one there is no such choice.
    """

    changed = Signal()

    def __init__(self, viewer: "Viewer | None" = None) -> None:
        super().__init__()
        self._projections: Stack | None = None
        self.box = narrow(QComboBox())
        self.box.setObjectName("views")
        for place, words in _WORDS.items():
            if viewer is not None or place != APART:
                self.box.addItem(words, place)
        self.box.setToolTip(
            "<qt>Two where every slab was also recorded with the mirrored beam. In one stack all "
            "projections of the first view come first, then those of the second.</qt>"
        )
        self.chooser: StackChooser | None = None
        self._rows = form()
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.addRow(title_label(Acquisition, "views"), self.box)
        if viewer is not None:
            self.chooser = StackChooser(viewer, self._why_no_mirror, "mirrored view")
            self._rows.addRow(label("Mirrored view"), self.chooser)
            self.chooser.changed.connect(self._tell)
        self.setLayout(self._rows)
        self.box.currentIndexChanged.connect(self._tell)
        self._show()

    @property
    def views(self) -> int:
        """1 or 2."""
        return 1 if self.box.currentData() == ONE else 2

    @property
    def per_stack(self) -> int:
        """Views in the chosen stack of projections."""
        return 2 if self.box.currentData() == STACKED else 1

    @property
    def is_apart(self) -> bool:
        """Whether the mirrored view is in a layer of its own."""
        return bool(self.box.currentData() == APART)

    @property
    def second(self) -> Stack | None:
        """The mirrored view, where it is in a layer of its own that is chosen."""
        return self.chooser.stack if self.is_apart and self.chooser is not None else None

    def show_views(self, views: int) -> None:
        """Show another number of views; the second is then taken to be in the same stack."""
        if views != self.views:
            self.box.setCurrentIndex(self.box.findData(STACKED if views == 2 else ONE))

    def set_projections(self, projections: Stack | None) -> None:
        """Say what the mirrored view must match."""
        self._projections = projections
        self.refresh()

    def refresh(self) -> None:
        """Take the list of layers from the viewer."""
        if self.chooser is not None:
            self.chooser.refresh()

    def _why_no_mirror(self, layer: Any) -> str:
        if self._projections is None:
            return "Choose projections first"
        if reason := why_no_projections(layer):
            return reason
        if layer == self._projections.layer:
            return f"“{layer.name}” is the first view"
        if Stack(layer).shape != self._projections.shape:
            return f"“{layer.name}” has another size than the first view"
        return ""

    def _show(self) -> None:
        if self.chooser is not None:
            self._rows.setRowVisible(self.chooser, self.is_apart)

    def _tell(self, *_: Any) -> None:
        self._show()
        self.changed.emit()
