"""A microscope's optics as a person knows them, with their words and ranges, and the focus that they make."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from .foci import Focus, airy_focus, bessel_focus, gaussian_focus, inner_ratio


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
