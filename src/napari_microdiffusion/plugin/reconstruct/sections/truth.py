"""An optional ground truth beside the result."""

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QComboBox

from ...layers.metadata import known_of
from ...layers.placement import Placement
from ...widgets.fields import LABEL_WIDTH, narrow
from ...widgets.section import Section, form, label
from .projections import Projections

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Image

NONE = "None"


class TruthSection(Section):
    """Choice of a layer that holds the volume as a point scan saw it."""

    def __init__(self, viewer: "Viewer") -> None:
        super().__init__("Ground truth")
        self._viewer = viewer
        self._layers: list[Image] = []
        self._projections: Projections | None = None
        self._step_length, self._views = 2, 1
        self.layer_box = narrow(QComboBox())
        self.layer_box.setObjectName("ground truth")
        self.layer_box.setToolTip(
            "<qt>A point-scanned volume of the same place. It is never used for the reconstruction: it "
            "shares its contrast with the result, and the result is measured against it.</qt>"
        )
        self.layer_box.currentIndexChanged.connect(self._choose)
        self._about = label(tone="dim", wrap=True)
        layout = form()
        title = label("Layer")
        title.setMinimumWidth(LABEL_WIDTH)
        layout.addRow(title, self.layer_box)
        layout.addRow(self._about)
        self.set_content(layout)
        self.refresh()

    @property
    def layer(self) -> "Image | None":
        """The chosen layer, None for none."""
        index = self.layer_box.currentIndex() - 1
        return self._layers[index] if 0 <= index < len(self._layers) else None

    def set_projections(self, projections: Projections | None, step_length: int, views: int = 1) -> None:
        """Say which volume it would be the truth of; `views` are those that lie in the one stack."""
        other = (
            self._projections is None or projections is None or projections.layer != self._projections.layer
        )
        self._projections, self._step_length, self._views = projections, step_length, views
        self.refresh()
        if other:
            self.layer_box.setCurrentIndex(self._index_of_sample_truth())

    def refresh(self) -> None:
        """Take the list from the viewer, keeping the choice where it still fits."""
        before = self.layer
        self._layers = [layer for layer in self._viewer.layers if self._fits(layer)]
        self.layer_box.blockSignals(True)
        self.layer_box.clear()
        self.layer_box.addItems([NONE, *(layer.name for layer in self._layers)])
        if before is not None and before in self._layers:
            self.layer_box.setCurrentIndex(1 + self._layers.index(before))
        self.layer_box.blockSignals(False)
        self.layer_box.setEnabled(bool(self._layers))
        self._describe()

    @property
    def _slices(self) -> int:
        """Slices of the volume."""
        images = 0 if self._projections is None else self._projections.shape[0]
        return images // self._views * self._step_length

    def _fits(self, layer: object) -> bool:
        from napari.layers import Image

        if self._projections is None or not isinstance(layer, Image) or layer.rgb or layer.multiscale:
            return False
        height, width = self._projections.shape[1:]
        ours = known_of(layer).get("role") in ("volume", "uncertainty", "INR", "error", "mixed")
        shape = tuple(layer.data.shape)
        # A stack whose last slices fill no whole slab has a few more than the volume.
        return (
            not ours
            and len(shape) == 3
            and shape[1:] == (height, width)
            and 0 <= shape[0] - self._slices < self._step_length
        )

    def _index_of_sample_truth(self) -> int:
        if self._projections is None:
            return 0
        simulated_from = self._projections.known.get("truth")
        for index, layer in enumerate(self._layers):
            of_these = known_of(layer).get("of") == self._projections.layer.name
            if of_these or (simulated_from and layer.name == simulated_from):
                return index + 1
        return 0

    def _choose(self, _index: int) -> None:
        layer = self.layer
        if layer is not None and self._projections is not None:
            self._align(layer)
        self._describe()
        self.changed.emit()

    def _align(self, layer: "Image") -> None:
        """Put a truth whose file gave no scale where the volume will lie."""
        placement = (
            self._projections.placement.of_volume(self._step_length) if self._projections else Placement()
        )
        current = Placement.of_layer(layer)
        if not current.is_known and current.scale == (1.0, 1.0, 1.0) and placement != current:
            layer.scale, layer.translate = placement.scale, placement.translate
            layer.units = placement.units
            layer.axis_labels = ("z", "y", "x")

    def _describe(self) -> None:
        if self._projections is None:
            hint = "Choose projections first."
        elif not self._layers:
            height, width = self._projections.shape[1:]
            hint = f"No image layer has the volume's shape, {self._slices} × {height} × {width}."
        else:
            hint = ""
        self._about.setText(hint)
        self._about.setVisible(bool(hint))
        layer = self.layer
        self.set_state("none: uncertainty only" if layer is None else layer.name)
