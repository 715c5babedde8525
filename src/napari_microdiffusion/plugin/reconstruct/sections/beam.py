"""Step length and beam."""

from napari import Viewer

from ....optics.placement import short_unit
from ....settings.asked import STEP_LENGTH
from ....settings.slice_thickness import describe_slices
from ...beam.form import BeamForm
from ...beam.views import ViewsChoice
from ...widgets.form import Form
from ...widgets.section import Section, column, label, set_tone
from ..document import ReconstructionDocument


class BeamSection(Section):
    """What is known of the beam.

    Parameters
    ----------
    viewer : napari.Viewer, optional
        Where a layer of mirrored views is looked for; without one there is no such choice.
    """

    def __init__(self, document: ReconstructionDocument, viewer: Viewer | None = None) -> None:
        super().__init__("Beam", is_open=True, page="beams")
        self.document = document
        self.views = ViewsChoice(document, viewer)
        self.form = BeamForm(document, self.views)
        step_length = Form(document, (STEP_LENGTH,))
        self._source = label(tone="dim", wrap=True)
        self._output = label(wrap=True)
        self.set_content(column(step_length, self._source, self.form, self._output))
        document.events.revision.connect(self.refresh)
        self.refresh()

    @property
    def output(self) -> str:
        """What will come of the projections, in words."""
        return str(self._output.text())

    @property
    def source(self) -> str:
        """How the step length is known, in words."""
        return str(self._source.text())

    def refresh(self, _revision: int = 0) -> None:
        """Show what is set."""
        n, source = self.document.value(STEP_LENGTH), self.document.step_length_source()
        is_known = source == "from file"
        self._source.setText(f"{source} ✓" if is_known else source)
        self._source.setVisible(bool(source))
        set_tone(self._source, "dim" if is_known or not source else "warning")
        self._output.setText(self._describe_output(n))
        self.set_state(f"n = {n}, {self.form.state()}")

    def _describe_output(self, n: int) -> str:
        found, slabs = self.document.projections, self.document.slabs
        if found is None:
            return f"slab → {n} slices"
        placement = found.placement
        if not placement.is_known:
            return f"{slabs} slabs → {slabs * n} slices"
        unit, depth = short_unit(placement.units[0]), placement.scale[0]
        text = f"slab {depth:.3g} {unit} → {slabs * n} slices of {depth / n:.3g} {unit}"
        width = self.document.value("acquisition.width")
        beam = None if width is None else width * depth / n
        return f"{text}. {describe_slices(depth, placement.scale[2], n, beam, unit)}".removesuffix(". ")
