"""Which layer holds the projections, and what of it is used."""

from napari import Viewer
from napari.layers import Image

from ....settings.recorded import NOTHING_RECORDED
from ....stacks.roles import likely_projections, why_no_projections, why_no_video
from ....stacks.series import ProjectionSeries
from ...widgets.layer_chooser import LayerChooser
from ...widgets.section import Section, button, column, label
from ..document import ReconstructionDocument


class ProjectionsSection(Section):
    """Choice of the projections.

    Parameters
    ----------
    has_frames : bool
        Whether they are frames with a time axis, of which all are taken.
    """

    def __init__(self, document: ReconstructionDocument, viewer: Viewer, has_frames: bool = False) -> None:
        super().__init__("Projections", is_open=True, page="files")
        self.document = document
        self._last: int | None = None
        self.open_file = button("…", "Open a file of projections")
        self.open_file.setFixedWidth(36)
        tip = "Image layers that can be projections: stacks of at least two grey planes."
        if has_frames:
            tip = "Image layers that can be projections with a time axis: (t, z, y, x)."
        self.chooser = LayerChooser(
            viewer,
            why_no_video if has_frames else why_no_projections,
            "projections",
            tip,
            self.open_file,
            likely=likely_projections,
            has_axes=not has_frames,
        )
        self._about = label(tone="dim", wrap=True)
        self.flaws = label(tone="warning", wrap=True)
        self.flaws.hide()
        lost = "Another reader opened this file and lost its voxel size."
        self.calibrate = button("Read the scale from the file", lost)
        again = "Read the file again with our reader; this layer stays, hidden."
        self.reopen = button("Open the file with these apart", again)
        self.reopen.hide()
        self.set_content(column(self.chooser, self._about, self.flaws, self.reopen, self.calibrate))
        self.chooser.changed.connect(self.take)
        self.refresh()

    def select(self, layer: Image) -> None:
        """Choose a layer, if it is on the list."""
        self.chooser.select(layer)

    def refresh(self) -> None:
        """Take the list from the viewer, keeping the choice where it still exists."""
        self.chooser.refresh()
        self.take()

    def take(self) -> None:
        """Tell the document what is chosen and what is known of it."""
        layer, before = self.chooser.layer, self.document.projections
        series = None if layer is None else ProjectionSeries(layer, self.chooser.choices)
        found = None if series is None else series.first
        is_same_layer = found is not None and before is not None and found.layer == before.layer
        recorded = NOTHING_RECORDED if found is None else found.recorded
        if not is_same_layer or recorded != self.document.recorded:
            # A step length that was typed belongs to the layer that it was typed for.
            is_other = self._last is not None and layer is not None and self._last != hash(layer)
            self.document.record(recorded, forget_step_length=is_other, projections=found, series=series)
            self._last = self._last if layer is None else hash(layer)
        elif series is not None and not series.is_same_as(self.document.series):
            self.document.change(projections=found, series=series)
        self._describe()

    def show_flaws(self, flaws: list[str], is_mixed: bool = False) -> None:
        """Warn of what would ruin a result; offer to read the file again where that would mend it."""
        self.reopen.setVisible(is_mixed)
        self.flaws.setText("\n".join(f"⚠ {flaw}" for flaw in flaws))
        self.flaws.setVisible(bool(flaws))

    def _describe(self) -> None:
        found = self.document.projections
        self.calibrate.setVisible(False)
        if found is None:
            self._about.setText("No image layer can be projections yet.")
            self.set_state("none")
            return
        text, series = found.describe("slabs"), self.document.series
        if self.document.is_series:
            text = f"{len(series)} {series.noun}s of {text}"
        notes = " ".join(found.known.get("notes", ()))
        self._about.setText(f"{text}\n{notes}" if notes else text)
        is_lost = not found.placement.is_known and not found.known
        self.calibrate.setVisible(is_lost and bool(found.layer.source.path))
        self.set_state(
            f"{found.layer.name}, {len(series)} {series.noun}s" if self.document.is_series else found.name
        )
