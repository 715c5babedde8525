"""The form of the beam: its shape, width, bend and tilt, or what was measured of it."""

from collections.abc import Mapping
from typing import Any

from qtpy.QtWidgets import QWidget

from ...io.measured_beam import MeasuredBeam
from ...settings.asked import BEAM_PATHS, STEP_LENGTH
from ..document import RunDocument
from ..widgets.form import Form
from ..widgets.section import Section, button, column, flow, label
from .measured import BeamImport
from .optics_dialog import OpticsDialog
from .profile_plot import ProfilePlot
from .views import ViewsChoice

BEAM, WIDTH, VIEWS = "acquisition.beam", "acquisition.width", "acquisition.views"
BEAM_WORDS = {"uniform": "Uniform", "gaussian": "Gaussian", "bessel": "Bessel", "airy": "Airy"}
_UNSET = {WIDTH: "as the step", "acquisition.lobe_spacing": "none"}


class BeamForm(QWidget):
    """Fields for what the acquisition says of the beam, but its step length.

    Parameters
    ----------
    views : ViewsChoice
        Shown with the fields of bent beams.
    """

    def __init__(self, document: RunDocument, views: ViewsChoice) -> None:
        super().__init__()
        self.document = document
        self.shape = Form(document, (BEAM, WIDTH), {BEAM: BEAM_WORDS}, _UNSET)
        self.plot = ProfilePlot()
        self.imported = BeamImport(self)
        about_optics = "Work out width, bend and tilt from the microscope's optics."
        about_file = "Import a measured beam: a CSV table of depth and intensity, or a z-stack of a bead."
        about_preview = "Add the beam to the viewer as a small image, at the middle slab."
        self.optics = button("From optics…", about_optics, self._ask_optics)
        self.load = button("Import…", about_file, self.imported.ask)
        self.preview = button("Show beam", about_preview)
        self.about = label(tone="dim", wrap=True)
        self.forget = button("Forget the measured beam", action=self._forget)
        self.bent = Section("Bent or tilted beam")
        self.bent.set_content(column(Form(document, bent_paths(document), unset=_UNSET), views))
        buttons = flow(self.optics, self.load, self.preview)
        column(self.shape, self.plot, buttons, self.about, self.forget, self.bent, inside=self)
        self.imported.measured.connect(self.use_measured)
        self.imported.failed.connect(self._describe)
        document.events.revision.connect(self.refresh)
        self.refresh()

    def use_measured(self, beam: MeasuredBeam) -> None:
        """Take the profile and the displacement from a measured beam."""
        self.document.use_measured(beam)

    def state(self) -> str:
        """The beam in a word or two."""
        value = self.document.value
        words = "measured" if self._has_profile else BEAM_WORDS[value(BEAM)].lower()
        bent = ", bent" if value("acquisition.bend") else ""
        return words + bent + (", tilted" if value("acquisition.tilt") else "")

    def abandon(self) -> None:
        """Stop reading; the dock is going."""
        self.imported.job.abandon()

    def refresh(self, _revision: int = 0) -> None:
        """Show what is set."""
        values = {word: self.document.value(f"acquisition.{word}") for word in ("bend", "tilt")}
        named = [f"{word} {value:g}" for word, value in values.items() if value]
        self.bent.set_state(", ".join(named) or "straight")
        self.forget.setVisible(self._has_profile)
        own = "A measured beam has its own." if self._has_profile else ""
        self.shape.switch(own, (WIDTH,))
        self._describe()

    @property
    def _has_profile(self) -> bool:
        return self.document.run.measured is not None or bool(
            self.document.value("acquisition.axial_profile")
        )

    def _describe(self, failure: str = "") -> None:
        text = failure or self.document.problem
        if not self.document.problem:
            beam = self.document.acquisition.sampled_beam
            self.plot.show_beam(beam, self.document.value(STEP_LENGTH))
            if self._has_profile:
                measured = self.document.run.measured
                source = "the settings" if measured is None else measured.name
                text = text or f"Profile of {len(beam.profile)} slices from {source}."
            elif self.plot.beyond > 0:
                text = text or f"{self.plot.beyond:.0%} of the light comes from beyond the slab."
        self.about.setText(text)
        self.about.setVisible(bool(text))

    def _ask_optics(self) -> None:
        dialog = OpticsDialog(self, spacing_of(self.document))
        dialog.taken.connect(self._take_optics)
        dialog.open()

    def _take_optics(self, fields: Mapping[str, Any]) -> None:
        views = self.document.value(VIEWS)
        plain = {path: self.document.fields[path].default for path in BEAM_PATHS - {VIEWS}}
        found = {f"acquisition.{name}": value for name, value in fields.items()}
        run = self.document.run.measuring(None)
        self.document.change(run=run.asking(plain | found | {VIEWS: views}))

    def _forget(self) -> None:
        self.document.use_measured(None)


def bent_paths(document: RunDocument) -> list[str]:
    """The fields of the acquisition that have no other place in a dock, one added to the model among them."""
    elsewhere = {BEAM, WIDTH, VIEWS, STEP_LENGTH}
    return [
        path
        for path, field in document.fields.items()
        if field.group == "acquisition" and field.kind != "sequence" and path not in elsewhere
    ]


def spacing_of(document: RunDocument) -> tuple[float, float, float] | None:
    """Spacing of the volume's voxels (z, y, x) in um, None where it is not known."""
    slices = document.recorded.slice_spacing_for(document.value(STEP_LENGTH))
    pixels = document.recorded.pixel_size
    return None if slices is None or pixels is None else (slices, *pixels)
