"""The beam as it is set in a dock: its shape, width, bend and tilt, or what was measured of it."""

from typing import Any

from pydantic import ValidationError
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from ...errors import UsageError
from ...io.measured_beam import MeasuredBeam
from ...optics import Acquisition
from ...settings.method import settings_error
from ..widgets.fields import choice, real_number, title_label
from ..widgets.model_form import ModelForm
from ..widgets.section import Section, form, label, row
from .measured import BeamImport
from .optics_dialog import OpticsDialog
from .profile_plot import ProfilePlot

BEAM_WORDS = {"uniform": "Uniform", "gaussian": "Gaussian", "bessel": "Bessel", "airy": "Airy"}

_BENT = ("bend", "apex", "tilt", "direction", "side_lobes", "lobe_spacing")
_GIVEN = ("axial_profile", "displacement")


class BeamFields(QWidget):
    """Fields for what `Acquisition` says of the beam, but its step length.

    `changed` is emitted when something of it changes, `preview_wanted` when the beam is to be shown.

    Parameters
    ----------
    views : QWidget
        The choice of the views, shown with the fields of bent beams; the owner reads it.
    """

    changed = Signal()
    preview_wanted = Signal()

    def __init__(self, views: QWidget) -> None:
        super().__init__()
        self._n = 6
        self._spacing: tuple[float, float, float] | None = None
        self._measured: MeasuredBeam | None = None
        self._given: dict[str, Any] = {}
        self.beam = choice(Acquisition, "beam", BEAM_WORDS)
        self.axial_width = real_number(Acquisition, "width", unset="as the step")
        self.plot = ProfilePlot()
        self.optics, self.load = QPushButton("From optics…"), QPushButton("Import…")
        self.preview = QPushButton("Show beam")
        self.optics.setToolTip("<qt>Work out width, bend and tilt from the microscope's optics.</qt>")
        self.load.setToolTip(
            "<qt>Import a measured beam: a CSV table of depth and intensity, or a z-stack of a bead.</qt>"
        )
        self.preview.setToolTip("<qt>Add the beam to the viewer as a small image, at the middle slab.</qt>")
        self._about = label(tone="dim", wrap=True)
        self.forget = QPushButton("Forget the measured beam")
        self.bent = Section("Bent or tilted beam")
        self.shape = ModelForm(Acquisition, _BENT, unset={"lobe_spacing": "none"})
        inner = QVBoxLayout()
        inner.addWidget(self.shape)
        inner.addWidget(views)
        self.bent.set_content(inner)
        self.imported = BeamImport(self)
        layout = form()
        layout.addRow(title_label(Acquisition, "beam"), row(self.beam, stretch=0))
        layout.addRow(title_label(Acquisition, "width"), self.axial_width)
        layout.addRow(self.plot)
        layout.addRow(row(self.optics, self.load, self.preview))
        layout.addRow(self._about)
        layout.addRow(self.forget)
        layout.addRow(self.bent)
        layout.setContentsMargins(0, 0, 0, 0)
        self.setLayout(layout)
        self.beam.currentIndexChanged.connect(self._tell)
        self.axial_width.valueChanged.connect(self._tell)
        self.shape.changed.connect(self._tell)
        self.optics.clicked.connect(self._ask_optics)
        self.load.clicked.connect(self.imported.ask)
        self.preview.clicked.connect(self.preview_wanted)
        self.forget.clicked.connect(self._forget)
        self.imported.measured.connect(self.use_measured)
        self.imported.failed.connect(self._show_failure)
        self._describe()

    def values(self) -> dict[str, Any]:
        """The fields of the acquisition that are set here.

        Raises
        ------
        UsageError
            For a measured beam where the spacing of the slices is not known.
        """
        own = {"beam": self.beam.currentData(), "width": self.axial_width.value() or None}
        return own | self.shape.values() | self._profile()

    def acquisition(self, n: int, **others: Any) -> Acquisition:
        """The acquisition for a step length.

        Raises
        ------
        UserError
            For settings that cannot be.
        """
        try:
            return Acquisition(step_length=n, **{**self.values(), **others})
        except ValidationError as error:
            raise settings_error(error) from error

    def show_values(self, optics: Acquisition) -> None:
        """Show another beam."""
        self.blockSignals(True)
        self.beam.setCurrentIndex(max(0, self.beam.findData(optics.beam)))
        self.axial_width.setValue(optics.width or 0)
        self.shape.show_values(optics)
        self._measured = None
        given = {name: getattr(optics, name) for name in _GIVEN}
        self._given = given if given["axial_profile"] is not None else {}
        self._n = optics.step_length
        self.blockSignals(False)
        self._tell()

    def use_measured(self, beam: MeasuredBeam) -> None:
        """Take the profile and the displacement from a measured beam."""
        self._measured, self._given = beam, {}
        self._tell()

    def set_volume(self, n: int, spacing: tuple[float, float, float] | None) -> None:
        """Say what will be reconstructed or projected.

        Parameters
        ----------
        n : int
            Slices per slab; a profile that was given for another number is forgotten.
        spacing : tuple of 3 floats or None
            Of the volume's voxels (z, y, x) in um, where it is known.
        """
        if n != self._n:
            self._given = {}
        self._n, self._spacing = n, spacing
        self._describe()

    def state(self) -> str:
        """The beam in a word or two."""
        words = "measured" if self._measured or self._given else self.beam.currentText().lower()
        values = self.shape.values()
        return words + (", bent" if values["bend"] else "") + (", tilted" if values["tilt"] else "")

    @property
    def identity(self) -> tuple[object, ...]:
        """What tells this beam from another."""
        own = (self.beam.currentData(), self.axial_width.value(), *self.shape.values().values())
        return (*own, *self._given.values(), None if self._measured is None else id(self._measured))

    def abandon(self) -> None:
        """Stop reading; the dock is going."""
        self.imported.job.abandon()

    def _profile(self) -> dict[str, Any]:
        if self._measured is None:
            return dict(self._given)
        if self._spacing is None:
            raise UsageError(
                f"the measured beam {self._measured.name} is in um, but the spacing of the slices is "
                "not known: choose projections with a scale, or forget the measured beam"
            )
        return self._measured.fields(self._n, self._spacing[0], self._spacing[1:])

    def _ask_optics(self) -> None:
        dialog = OpticsDialog(self, self._spacing)
        dialog.taken.connect(self._take_optics)
        dialog.open()

    def _take_optics(self, fields: dict[str, Any]) -> None:
        self.show_values(Acquisition(step_length=self._n, **fields))

    def _forget(self) -> None:
        self._measured, self._given = None, {}
        self._tell()

    def _show_failure(self, text: str) -> None:
        self._describe(text)

    def _describe(self, failure: str = "") -> None:
        has_own = self._measured is not None or bool(self._given)
        self.forget.setVisible(has_own)
        self.axial_width.setEnabled(not has_own)
        values = self.shape.values()
        named = [word for word in ("bend", "tilt") if values[word]]
        self.bent.set_state(", ".join(f"{word} {values[word]:g}" for word in named) or "straight")
        text = failure
        try:
            acquisition = self.acquisition(self._n)
        except ValueError as error:
            text = text or str(error)
        else:
            beam = acquisition.sampled_beam
            self.plot.show_beam(beam, self._n)
            if has_own:
                source = self._measured.name if self._measured is not None else "the settings"
                text = text or f"Profile of {len(beam.profile)} slices from {source}."
            elif self.plot.beyond > 0:
                text = text or f"{self.plot.beyond:.0%} of the light comes from beyond the slab."
        self._about.setText(text)
        self._about.setVisible(bool(text))

    def _tell(self, *_: Any) -> None:
        self._describe()
        self.changed.emit()
