"""An optional ground truth beside the result."""

from dataclasses import replace
from typing import Any

from napari import Viewer
from napari.layers import Image

from ....settings.asked import STEP_LENGTH
from ....stacks.metadata import known_of
from ....stacks.placement import Placement
from ....stacks.stack import Stack, array_of
from ....tasks.aligning import Aligned, AlignTruth
from ...jobs.job import Job
from ...layers.result import add_volume
from ...widgets.layer_chooser import LayerChooser
from ...widgets.section import Section, column, label
from ..document import ReconstructionDocument

NONE = "None"
_TIP = (
    "A point-scanned volume of the same place. It is never used for the reconstruction: it shares its "
    "contrast with the result, and the result is measured against it."
)
_MADE_HERE = ("volume", "uncertainty", "INR", "error", "mixed")


class TruthSection(Section):
    """Choice of a layer that holds the volume as a point scan saw it."""

    def __init__(self, document: ReconstructionDocument, viewer: Viewer) -> None:
        super().__init__("Ground truth", page="trust")
        self.document = document
        self._seen: tuple[Any, ...] = ()
        self._note = ""
        self._viewer, self._job = viewer, Job(self)
        self._job.arrived.connect(self._take_slices)
        self.chooser = LayerChooser(viewer, self._why_not, "ground truth", _TIP, none=NONE)
        self._about = label(tone="dim", wrap=True)
        self.set_content(column(self.chooser, self._about))
        self.chooser.changed.connect(self._choose)
        document.events.revision.connect(self._follow)
        self.refresh()

    def refresh(self) -> None:
        """Take the list from the viewer, keeping the choice where it still fits."""
        self.chooser.refresh()
        self._describe()

    def _follow(self, _revision: int = 0) -> None:
        """Look for the truth of other projections; other slices need another one."""
        found = self.document.projections
        seen = (None if found is None else found.layer, self._slices)
        if seen == self._seen:
            return
        is_other, self._seen = not self._seen or seen[0] != self._seen[0], seen
        self.refresh()
        if is_other:
            self.chooser.select(self._truth_of_sample())
        elif self.chooser.layer is not None:
            self._align(self.chooser.layer)
            self._describe()

    @property
    def _slices(self) -> int:
        """Slices of the volume."""
        return self.document.slabs * int(self.document.value(STEP_LENGTH))

    def _why_not(self, layer: Any) -> str:
        from napari.layers import Image

        found = self.document.projections
        if found is None or not isinstance(layer, Image) or layer.rgb:
            return "no volume"
        shape = tuple(layer.data.shape)
        fits = len(shape) == 3 and shape[1:] == found.shape[1:] and shape[0] >= self._slices
        return "" if fits and known_of(layer).get("role") not in _MADE_HERE else "another shape"

    def _truth_of_sample(self) -> Image | None:
        found = self.document.projections
        if found is None:
            return None
        simulated_from = found.known.get("truth")
        for layer in self.chooser.layers:
            of_these = known_of(layer).get("of") == found.layer.name
            if of_these or (simulated_from and layer.name == simulated_from):
                return layer
        return None

    def _choose(self) -> None:
        layer = self.chooser.layer
        self._job.abandon()
        if layer is not None:
            self._align(layer)
        if layer is not self.document.truth:
            self.document.change(truth=layer)
        self._describe()

    def _align(self, layer: Image) -> None:
        """Put a truth where the volume will lie, unless its voxels are others, and say so."""
        found = self.document.projections
        if found is None or self.document.problem:
            return
        volume = found.volume_placement(self.document.value(STEP_LENGTH))
        truth = Placement.of_layer(layer)
        self._note = volume.describe_difference(truth)
        if not truth.is_known or replace(truth, translate=volume.translate).lies_like(volume):
            volume.put(layer)
        if len(array_of(layer)) > self._slices:
            self._note = "Looking for the slices that the projections are of …"
            self._job.abandon()
            self._job.start(AlignTruth(found.data, Stack(layer).data, self.document.acquisition))

    def _take_slices(self, found: Aligned) -> None:
        """Take the slices of a longer truth that the projections are of, as a layer."""
        layer, projections, slices = self.chooser.layer, self.document.projections, self._slices
        note = found.describe(slices)
        if found.first and layer is not None and projections is not None:
            place = projections.volume_placement(self.document.value(STEP_LENGTH))
            name = f"{layer.name} from slice {found.first + 1}"
            part, known = array_of(layer)[found.first : found.first + slices], {"of": projections.layer.name}
            layer.visible = False
            taken = add_volume(self._viewer, name, "ground truth", part, place, layer.contrast_limits, known)
            self.chooser.select(taken)
        self._note = note
        self._describe()

    def release(self) -> None:
        """Let go of the layers; the dock is going."""
        self._job.abandon()

    def _describe(self) -> None:
        found, hint = self.document.projections, self._note if self.chooser.layer is not None else ""
        if found is None:
            hint = "Choose projections first."
        elif not self.chooser.layers:
            height, width = found.shape[1:]
            hint = f"No image layer has the volume's shape, {self._slices} × {height} × {width}."
        self._about.setText(hint)
        self._about.setVisible(bool(hint))
        layer = self.chooser.layer
        self.set_state("none" if layer is None else layer.name)
