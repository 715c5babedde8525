"""A calculator: from a microscope's optics to the beam in slices and pixels."""

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QDialog, QDialogButtonBox, QDoubleSpinBox, QVBoxLayout, QWidget

from ...errors import UserError
from ...optics import MIN_STEP_LENGTH, Acquisition
from ...optics.beam.foci import Focus, airy_focus, bessel_focus, gaussian_focus, inner_ratio
from ...settings.method import settings_error
from ..widgets.section import form, label, set_tone

_BY_RATIO, _BY_THICKNESS = "inner / outer radius", "thickness in the back focal plane"


class OpticsDialog(QDialog):
    """Asks for the optics and shows the beam that they make.

    `taken` carries fields of `Acquisition` when the person accepts.

    Parameters
    ----------
    parent : QWidget
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
        self.kind = _box(("Gaussian focus", "gaussian"), ("Bessel beam", "bessel"), ("Airy beam", "airy"))
        self.na = _number(
            0.4, 0.01, 1.99, 3, "Numerical aperture that the beam fills; of an annulus, its outer."
        )
        self.wavelength = _number(940, 200, 3000, 0, "Of the excitation, in vacuum.", " nm")
        self.index = _number(1.33, 1, 2, 3, "Refractive index of the specimen.")
        self.photons = _box(("two", 2), ("one", 1))
        self.annulus = _box((_BY_RATIO, "ratio"), (_BY_THICKNESS, "thickness"))
        self.ratio = _number(0.9, 0, 0.999, 3, "Inner radius of the annulus over its outer radius.")
        self.thickness = _number(0.5, 0.001, 50, 3, "Of the annulus in the back focal plane.", " mm")
        self.focal_length = _number(
            12.5, 0.1, 300, 2, "Of the objective: that of its tube lens over its magnification.", " mm"
        )
        self.tilt = _number(0, -60, 60, 2, "Between the beam and the optical axis.", "°")
        self.cubic_phase = _number(
            3, 2, 1000, 1, "Cubic phase where the pupil's intensity is 1/e² of its maximum.", " waves"
        )
        self.axes = _box(("both axes", 2), ("one axis", 1))
        self.direction = _number(
            0, -360, 360, 1, "Where the beam bends or tilts to: 0 along x, 90 along y.", "°"
        )
        self.slice_spacing = _number(z, 0.001, 1000, 4, "Of the volume's slices.", " µm")
        self.pixel = _number(x, 0.001, 1000, 4, "Of the volume's pixels.", " µm")
        self._result = label(wrap=True)
        self._rows = form()
        self._all: dict[str, tuple[str, QWidget]] = {
            "kind": ("Focus", self.kind),
            "na": ("NA", self.na),
            "wavelength": ("Wavelength", self.wavelength),
            "index": ("Refractive index", self.index),
            "photons": ("Photons absorbed", self.photons),
            "annulus": ("Annulus by", self.annulus),
            "ratio": ("Inner / outer", self.ratio),
            "thickness": ("Thickness", self.thickness),
            "focal_length": ("Focal length", self.focal_length),
            "cubic_phase": ("Cubic phase", self.cubic_phase),
            "axes": ("Phase along", self.axes),
            "tilt": ("Tilt", self.tilt),
            "direction": ("Direction", self.direction),
            "slice_spacing": ("Slice spacing", self.slice_spacing),
            "pixel": ("Pixel size", self.pixel),
        }
        for title, box in self._all.values():
            self._rows.addRow(title, box)
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        self._ok = buttons.button(QDialogButtonBox.StandardButton.Ok)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.addLayout(self._rows)
        column.addWidget(self._result)
        column.addWidget(buttons)
        for _, box in self._all.values():
            changed = box.currentIndexChanged if isinstance(box, QComboBox) else box.valueChanged  # type: ignore[attr-defined]
            changed.connect(self._update)
        self.kind.setCurrentIndex(1)
        self._update()

    def focus(self) -> Focus:
        """The focus of the optics as they are set.

        Raises
        ------
        UsageError
            For optics that cannot be.
        """
        basic = (
            self.na.value(),
            self.wavelength.value() / 1000,
            self.index.value(),
            self.photons.currentData(),
        )
        kind = self.kind.currentData()
        if kind == "gaussian":
            return gaussian_focus(*basic)
        if kind == "airy":
            waves, axes = self.cubic_phase.value(), self.axes.currentData()
            return airy_focus(*basic, cubic_phase=waves, axes=axes)
        ratio = self.ratio.value()
        if self.annulus.currentData() == "thickness":
            ratio = inner_ratio(basic[0], self.thickness.value(), self.focal_length.value())
        return bessel_focus(*basic, inner_ratio=ratio, tilt=self.tilt.value())

    def fields(self) -> dict[str, Any]:
        """The beam as fields of `Acquisition`.

        Raises
        ------
        UserError
            For optics, or a beam, that cannot be.
        """
        pixel = self.pixel.value()
        spacing = (self.slice_spacing.value(), pixel * self._oblong, pixel)
        fields = self.focus().optics(spacing, self.direction.value())
        try:
            Acquisition(step_length=MIN_STEP_LENGTH, **fields)
        except ValidationError as error:
            raise settings_error(error) from error
        return fields

    def accept(self) -> None:
        """Hand the beam over and close."""
        self.taken.emit(self.fields())
        super().accept()

    def _update(self, *_: Any) -> None:
        kind, by = self.kind.currentData(), self.annulus.currentData()
        shown = {
            "annulus": kind == "bessel",
            "ratio": kind == "bessel" and by == "ratio",
            "thickness": kind == "bessel" and by == "thickness",
            "focal_length": kind == "bessel" and by == "thickness",
            "cubic_phase": kind == "airy",
            "axes": kind == "airy",
            "tilt": kind == "bessel",
            "direction": kind == "airy" or (kind == "bessel" and self.tilt.value() != 0),
        }
        for name, visible in shown.items():
            self._rows.setRowVisible(self._all[name][1], visible)
        try:
            text, tone = self._describe(), ""
        except UserError as error:
            text, tone = str(error), "warning"
        self._result.setText(text)
        set_tone(self._result, tone)
        if self._ok is not None:
            self._ok.setEnabled(not tone)

    def _describe(self) -> str:
        focus, fields = self.focus(), self.fields()
        lines = [f"Axial width {focus.axial_fwhm:.3g} µm = {fields['width']:.3g} slices (half maximum)"]
        if "bend" in fields:
            lines.append(f"Bend {focus.bend:.3g} µm per µm² = {fields['bend']:.3g} pixels per slice²")
        if "lobe_spacing" in fields:
            lines.append(f"First side lobe {fields['lobe_spacing']:.3g} pixels from the main lobe")
        if "tilt" in fields:
            lines.append(f"Tilt {fields['tilt']:.3g} pixels per slice")
        return "<br>".join(lines)


def _number(
    value: float, low: float, high: float, decimals: int, meaning: str, suffix: str = ""
) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setDecimals(decimals)
    box.setRange(low, high)
    box.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)
    box.setSuffix(suffix)
    box.setValue(value)
    box.setToolTip(f"<qt>{meaning}</qt>")
    return box


def _box(*choices: tuple[str, Any]) -> QComboBox:
    box = QComboBox()
    for words, value in choices:
        box.addItem(words, value)
    return box
