"""A calculator: from a microscope's optics to the beam in slices and pixels."""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QDialog, QDialogButtonBox, QVBoxLayout, QWidget

from ...errors import UserError
from ...optics import MIN_STEP_LENGTH, Acquisition
from ...optics.beam.foci import Focus, airy_focus, bessel_focus, gaussian_focus, inner_ratio
from ...settings.method import checked
from ..document import FormSettings
from ..widgets.form import Form
from ..widgets.section import label, set_tone

_WORDS: dict[str, dict[Any, str]] = {
    "kind": {"gaussian": "Gaussian focus", "bessel": "Bessel beam", "airy": "Airy beam"},
    "photons": {2: "two", 1: "one"},
    "annulus": {"ratio": "inner / outer radius", "thickness": "thickness in the back focal plane"},
    "axes": {2: "both axes", 1: "one axis"},
}


def _length(default: float, most: float, title: str, description: str, unit: str) -> Any:
    extra: Any = {"unit": unit}
    return Field(default, title=title, description=description, gt=0, le=most, json_schema_extra=extra)


class MicroscopeOptics(BaseModel):
    """What makes a beam."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["gaussian", "bessel", "airy"] = Field("bessel", title="Focus")
    na: float = Field(
        0.4,
        title="NA",
        description="Numerical aperture that the beam fills; of an annulus, its outer.",
        ge=0.01,
        le=1.99,
    )
    wavelength: float = Field(
        940,
        title="Wavelength",
        description="Of the excitation, in vacuum.",
        ge=200,
        le=3000,
        json_schema_extra={"unit": "nm"},
    )
    index: float = Field(
        1.33, title="Refractive index", description="Refractive index of the specimen.", ge=1, le=2
    )
    photons: Literal[1, 2] = Field(2, title="Photons absorbed")
    annulus: Literal["ratio", "thickness"] = Field("ratio", title="Annulus by")
    ratio: float = Field(
        0.9,
        title="Inner / outer",
        description="Inner radius of the annulus over its outer radius.",
        ge=0,
        le=0.999,
    )
    thickness: float = _length(0.5, 50, "Thickness", "Of the annulus in the back focal plane.", "mm")
    focal_length: float = _length(
        12.5, 300, "Focal length", "Of the objective: that of its tube lens over its magnification.", "mm"
    )
    cubic_phase: float = Field(
        3,
        title="Cubic phase",
        description="Cubic phase where the pupil's intensity is 1/e² of its maximum.",
        ge=2,
        le=1000,
        json_schema_extra={"unit": "waves"},
    )
    axes: Literal[1, 2] = Field(2, title="Phase along")
    tilt: float = Field(
        0,
        title="Tilt",
        description="Between the beam and the optical axis.",
        ge=-60,
        le=60,
        json_schema_extra={"unit": "°"},
    )
    direction: float = Field(
        0,
        title="Direction",
        description="Where the beam bends or tilts to: 0 along x, 90 along y.",
        ge=-360,
        le=360,
        json_schema_extra={"unit": "°"},
    )
    slice_spacing: float = _length(1, 1000, "Slice spacing", "Of the volume's slices.", "µm")
    pixel: float = _length(1, 1000, "Pixel size", "Of the volume's pixels.", "µm")

    def focus(self) -> Focus:
        """The focus; raises `UsageError` for optics that cannot be."""
        basic = (self.na, self.wavelength / 1000, self.index, self.photons)
        if self.kind == "gaussian":
            return gaussian_focus(*basic)
        if self.kind == "airy":
            return airy_focus(*basic, cubic_phase=self.cubic_phase, axes=self.axes)
        ratio = self.ratio
        if self.annulus == "thickness":
            ratio = inner_ratio(self.na, self.thickness, self.focal_length)
        return bessel_focus(*basic, inner_ratio=ratio, tilt=self.tilt)

    @property
    def counting(self) -> set[str]:
        """The fields that count for this kind of focus."""
        bessel, airy = self.kind == "bessel", self.kind == "airy"
        by_thickness = self.annulus == "thickness"
        chosen = {
            "annulus": bessel,
            "ratio": bessel and not by_thickness,
            "thickness": bessel and by_thickness,
            "focal_length": bessel and by_thickness,
            "cubic_phase": airy,
            "axes": airy,
            "tilt": bessel,
            "direction": airy or (bessel and self.tilt != 0),
        }
        return {name for name in type(self).model_fields if chosen.get(name, True)}


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
        self.settings = FormSettings(model=MicroscopeOptics, asked={"slice_spacing": z, "pixel": x})
        self.form = Form(self.settings, MicroscopeOptics.model_fields, _WORDS)
        self.result_label = label(wrap=True)
        self.buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        for widget in (self.form, self.result_label, self.buttons):
            column.addWidget(widget)
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
            text, tone = _describe(optics.focus(), self.fields()), ""
        except UserError as error:
            text, tone = str(error), "warning"
        self.result_label.setText(text)
        set_tone(self.result_label, tone)
        accept = self.buttons.button(QDialogButtonBox.StandardButton.Ok)
        if accept is not None:
            accept.setEnabled(not tone)


def _describe(focus: Focus, fields: dict[str, Any]) -> str:
    lines = [f"Axial width {focus.axial_fwhm:.3g} µm = {fields['width']:.3g} slices (half maximum)"]
    if "bend" in fields:
        lines.append(f"Bend {focus.bend:.3g} µm per µm² = {fields['bend']:.3g} pixels per slice²")
    if "lobe_spacing" in fields:
        lines.append(f"First side lobe {fields['lobe_spacing']:.3g} pixels from the main lobe")
    if "tilt" in fields:
        lines.append(f"Tilt {fields['tilt']:.3g} pixels per slice")
    return "<br>".join(lines)
