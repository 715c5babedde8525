"""A calculator: from a microscope's optics to the beam in slices and pixels."""

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QDialog, QDialogButtonBox, QWidget

from ...errors import UserError
from ...optics import MIN_STEP_LENGTH, Acquisition
from ...optics.beam.microscope import MicroscopeOptics
from ...settings.method import checked
from ..document import FormSettings
from ..widgets.form import Form
from ..widgets.section import column, label, set_tone

_WORDS: dict[str, dict[Any, str]] = {
    "kind": {"gaussian": "Gaussian focus", "bessel": "Bessel beam", "airy": "Airy beam"},
    "photons": {2: "two", 1: "one"},
    "annulus": {"ratio": "inner / outer radius", "thickness": "thickness in the back focal plane"},
    "axes": {2: "both axes", 1: "one axis"},
}


class OpticsDialog(QDialog):
    """Asks for the optics and shows the beam that they make.

    `taken` carries fields of `Acquisition` when the person accepts.

    Parameters
    ----------
    spacing : sequence of 3 floats, optional
        Of the volume's voxels (z, y, x) in um, where it is known.
    """

    taken = Signal(dict)

    def __init__(self, parent: QWidget, spacing: Sequence[float] | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Beam from optics")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        z, y, x = spacing or (1.0, 1.0, 1.0)
        self._oblong = y / x
        self.settings = FormSettings(model=MicroscopeOptics, asked={"slice_spacing": z, "pixel": x})
        self.form = Form(self.settings, MicroscopeOptics.model_fields, _WORDS)
        self.result_label = label(wrap=True)
        self.buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        column(self.form, self.result_label, self.buttons, inside=self).setContentsMargins(9, 9, 9, 9)
        self.settings.events.revision.connect(self._update)
        self.finished.connect(self.form.release)
        self._update()

    def fields(self) -> dict[str, Any]:
        """The beam as fields of `Acquisition`.

        Raises
        ------
        UserError
            For optics, or a beam, that cannot be.
        """
        optics: MicroscopeOptics = self.settings.made()
        spacing = (optics.slice_spacing, optics.pixel * self._oblong, optics.pixel)
        fields = optics.focus().optics(spacing, optics.direction)
        checked(Acquisition, {"step_length": MIN_STEP_LENGTH, **fields}, "acquisition", {})
        return fields

    def accept(self) -> None:
        """Hand the beam over and close."""
        self.taken.emit(self.fields())
        super().accept()

    def _update(self, _revision: int = 0) -> None:
        optics: MicroscopeOptics = self.settings.made()
        self.form.show_only(optics.counting)
        try:
            text, tone = "<br>".join(optics.focus().describe(self.fields())), ""
        except UserError as error:
            text, tone = str(error), "warning"
        self.result_label.setText(text)
        set_tone(self.result_label, tone)
        accept = self.buttons.button(QDialogButtonBox.StandardButton.Ok)
        if accept is not None:
            accept.setEnabled(not tone)
