"""Step length and beam."""

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout

from ....errors import UsageError
from ....optics import Acquisition
from ...beam.form import BeamFields
from ...beam.views import ViewsChoice
from ...layers.placement import short_unit, spacing_um
from ...layers.stack import Stack
from ...widgets.fields import title_label, whole_number
from ...widgets.section import Section, form, label, row, set_tone
from .projections import Projections

if TYPE_CHECKING:
    from napari import Viewer


class BeamSection(Section):
    """What is known of the beam.

    `preview_wanted` asks for the beam to be shown in the viewer.

    Parameters
    ----------
    viewer : napari.Viewer
        Where a mirrored view is looked for.
    """

    preview_wanted = Signal()

    def __init__(self, viewer: "Viewer") -> None:
        super().__init__("Beam", is_open=True)
        self.step_length = whole_number(Acquisition, "step_length")
        self.step_length.setValue(6)
        self.step_length.setFixedWidth(76)
        self._source = label(tone="dim")
        self._suggested: tuple[int, str] | None = None
        self.views = ViewsChoice(viewer)
        self.fields = BeamFields(self.views)
        self.beam, self.plot = self.fields.beam, self.fields.plot
        self._output = label(wrap=True)
        self._projections: Projections | None = None
        layout = form()
        layout.addRow(title_label(Acquisition, "step_length"), row(self.step_length, self._source))
        column = QVBoxLayout()
        column.addLayout(layout)
        column.addWidget(self.fields)
        column.addWidget(self._output)
        self.set_content(column)
        self.step_length.valueChanged.connect(self._update)
        self.fields.changed.connect(self._update)
        self.fields.preview_wanted.connect(self.preview_wanted)
        self.views.changed.connect(self._update)
        self._update()

    def settings(self) -> dict[str, Any]:
        """Fields of the acquisition that are set here.

        Raises
        ------
        UsageError
            For a measured beam without the spacing of the slices, a mirrored view that is missing, or an odd
            number of projections for two views.
        """
        if self.views.is_apart and self.views.second is None:
            raise UsageError(
                "no other image layer has the size of the projections, so there is no mirrored view; "
                "open it, or choose another number of views"
            )
        if self._projections is not None and self._projections.shape[0] % self.views.per_stack:
            raise UsageError(
                f"“{self._projections.name}” has {self._projections.shape[0]} projections, but two views of "
                "the same slabs make an even number"
            )
        own = {"step_length": self.step_length.value(), "views": self.views.views}
        return own | self.fields.values()

    @property
    def slabs(self) -> int:
        """Slabs of the chosen projections."""
        return 0 if self._projections is None else self._projections.shape[0] // self.views.per_stack

    @property
    def second_view(self) -> Stack | None:
        """The mirrored view, where it is in a layer of its own."""
        return self.views.second

    @property
    def identity(self) -> tuple[object, ...]:
        """What tells this beam and its views from others."""
        second = self.second_view
        apart = None if second is None else (hash(second.layer), id(second.layer.data))
        return (self.step_length.value(), self.views.views, apart, *self.fields.identity)

    @property
    def provenance(self) -> str:
        """How the step length is known."""
        n = self.step_length.value()
        if self._projections is None:
            return ""
        if self._suggested is None:
            return "not in the file: check it"
        return self._suggested[1] if self._suggested[0] == n else "set by hand"

    def take_from(self, projections: Projections | None) -> None:
        """Fill in what is known of other projections."""
        # Told once, at the end: half of it makes no sense to who listens.
        self.blockSignals(True)
        self._projections = projections
        self.views.set_projections(projections)
        self._suggested = None if projections is None else projections.suggest_step_length()
        if self._suggested is not None:
            self.step_length.setValue(self._suggested[0])
        if projections is not None and self.beam.findData(projections.known.get("beam")) >= 0:
            self._show_known(projections.known)
        self.blockSignals(False)
        self._update()

    def show_optics(self, optics: Acquisition) -> None:
        """Show other settings."""
        self.step_length.setValue(optics.step_length)
        self.views.show_views(optics.views)
        self.fields.show_values(optics)

    def _show_known(self, known: dict[str, Any]) -> None:
        """Show what the file says of its beam; one that cannot be, written by another program, is left."""
        try:
            fields = {**known.get("optics", {}), "beam": known["beam"]}
            self.show_optics(Acquisition(step_length=self.step_length.value(), **fields))
        except ValueError:
            self.beam.setCurrentIndex(self.beam.findData(known["beam"]))

    def _update(self, *_: Any) -> None:
        n = self.step_length.value()
        placed = None if self._projections is None else self._projections.placement.of_volume(n)
        self.fields.set_volume(n, None if placed is None else spacing_um(placed))
        source = self.provenance
        is_known = source == "from file"
        self._source.setText(f"{source} ✓" if is_known else source)
        set_tone(self._source, "dim" if is_known or not source else "warning")
        self._output.setText(self._describe_output(n))
        self.set_state(f"n = {n}, {self.fields.state()}")
        self.changed.emit()

    def _describe_output(self, n: int) -> str:
        if self._projections is None:
            return f"slab → {n} slices"
        slabs = self.slabs
        placement = self._projections.placement
        if not placement.is_known:
            return f"{slabs} slabs → {slabs * n} slices"
        unit, depth = short_unit(placement.units[0]), placement.scale[0]
        return f"slab {depth:.3g} {unit} → {slabs * n} slices of {depth / n:.3g} {unit}"
