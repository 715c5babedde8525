"""How the projections were taken."""

from dataclasses import replace
from functools import cached_property
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from .beam.sampling import SampledBeam, axial_profile, straight_beam
from .beam.side_lobes import with_side_lobes

MIN_STEP_LENGTH = 2
MAX_STEP_LENGTH = 64


class Acquisition(BaseModel):
    """Step length, beam and detector: all that a reconstruction may know about the microscope."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    step_length: int = Field(
        title="Step length n",
        description="Slices per slab: the step from one projection to the next, counted in slices of the "
        "volume to reconstruct, and the beam's axial width where no other is given.",
        ge=MIN_STEP_LENGTH,
        le=MAX_STEP_LENGTH,
        json_schema_extra={"unit": "slices"},
    )
    beam: Literal["uniform", "gaussian", "bessel", "airy"] = Field(
        "uniform",
        title="Beam",
        description="Axial profile of the beam: uniform (every slice within the width counts the same), "
        "Gaussian, Bessel or Airy (bell-shaped, reaching into the neighbouring slabs).",
    )
    width: float | None = Field(
        None,
        title="Beam width",
        description="Axial width of the beam, full width at half maximum, in slices; the step length where "
        "none is given. Wider beams overlap from step to step.",
        gt=0,
        le=2 * MAX_STEP_LENGTH,
        json_schema_extra={"unit": "slices"},
    )
    axial_profile: tuple[float, ...] | None = Field(
        None,
        title="Axial profile",
        description="Measured axial weights, one per slice, centred on the slab; they replace those of the "
        "beam. As many as the step length, or more or fewer by an even number.",
    )
    apex: float = Field(
        0.0,
        title="Apex",
        description="Where an Airy beam is brightest and turns, from the centre of the slab.",
        ge=-4 * MAX_STEP_LENGTH,
        le=4 * MAX_STEP_LENGTH,
        json_schema_extra={"unit": "slices"},
    )
    bend: float = Field(
        0.0,
        title="Bend",
        description="Lateral displacement of a bent (Airy) beam per squared distance from its apex.",
        ge=-10,
        le=10,
        json_schema_extra={"unit": "pixels per slice squared"},
    )
    tilt: float = Field(
        0.0,
        title="Tilt",
        description="Lateral displacement of a tilted beam per slice, zero at the centre of the slab.",
        ge=-20,
        le=20,
        json_schema_extra={"unit": "pixels per slice"},
    )
    direction: float = Field(
        0.0,
        title="Direction",
        description="Where bend and tilt displace to: 0 is along x, 90 along y.",
        ge=-360,
        le=360,
        json_schema_extra={"unit": "degrees"},
    )
    side_lobes: int = Field(
        0,
        title="Side lobes",
        description="Side lobes of a bent beam along its bend that a projection shows beside the main lobe.",
        ge=0,
        le=8,
    )
    lobe_spacing: float | None = Field(
        None,
        title="Lobe spacing",
        description="From the main lobe of a bent beam to its first side lobe.",
        gt=0,
        le=100,
        json_schema_extra={"unit": "pixels"},
    )
    displacement: tuple[tuple[float, float], ...] | None = Field(
        None,
        title="Displacement",
        description="Measured lateral displacement (y, x) at each slice of the axial profile, in pixels; it "
        "replaces bend and tilt.",
    )
    views: int = Field(
        1,
        title="Views",
        description="2 where every slab was also recorded with the mirrored beam. All projections of the "
        "first view come first, then those of the second.",
        ge=1,
        le=2,
    )
    dark_level: float = Field(
        0.0,
        title="Dark level",
        description="What the detector reads without light; reconstructed slices do not fall below it.",
        json_schema_extra={"unit": "grey levels", "group": "detector"},
    )
    photon_gain: float | None = Field(
        None,
        title="Photon gain",
        description="Grey levels per detected photon a, in the noise variance a*max(X - dark, 0) + b^2. "
        "Where neither it nor the read noise is given, both are estimated from the projections; where one "
        "is given, the other counts as 0. Both 0 mean no noise.",
        ge=0,
        json_schema_extra={"unit": "grey levels per photon", "group": "detector"},
    )
    read_noise: float | None = Field(
        None,
        title="Read noise",
        description="Standard deviation b of the detector's noise, in the variance a*max(X - dark, 0) + b^2. "
        "Estimated from the projections, or 0, as with the photon gain.",
        ge=0,
        json_schema_extra={"unit": "grey levels", "group": "detector"},
    )

    @field_validator("step_length", mode="before")
    @classmethod
    def _whole(cls, value: object) -> object:
        if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
            raise ValueError("must be a whole number of slices")
        return value

    @model_validator(mode="after")
    def _profile_fits(self) -> "Acquisition":
        weights = self.axial_profile
        if weights is None:
            if self.displacement is not None:
                raise ValueError("displacement needs the axial_profile that it belongs to")
        elif (len(weights) - self.step_length) % 2 or not weights:
            raise ValueError(
                f"axial_profile has {len(weights)} weights; step length {self.step_length} needs as many, "
                "or more or fewer by an even number, so that the profile's centre is the slab's"
            )
        elif not np.all(np.isfinite(weights)) or min(weights) < 0 or sum(weights) <= 0:
            raise ValueError("axial_profile needs finite, non-negative weights that are not all zero")
        elif self.displacement is not None and len(self.displacement) != len(weights):
            raise ValueError(
                f"displacement has {len(self.displacement)} entries; the axial_profile's {len(weights)} "
                "weights need as many"
            )
        if self.displacement is not None and not np.all(np.isfinite(self.displacement)):
            raise ValueError("displacement needs finite numbers of pixels")
        if self.side_lobes and (not self.bend or self.lobe_spacing is None):
            raise ValueError(
                f"side_lobes is {self.side_lobes}, but only a bent beam has them; give bend and lobe_spacing"
            )
        if self.views == 2 and self.sampled_beam.is_straight:
            raise ValueError("views is 2, but a straight beam mirrored is the same beam; give bend or tilt")
        return self

    @cached_property
    def sampled_beam(self) -> SampledBeam:
        """The beam as the slices of a slab and its neighbours sample it."""
        if self.axial_profile is None:
            weights = axial_profile(self.beam, self.step_length, self.width, self.apex)
        else:
            weights = np.asarray(self.axial_profile, dtype=np.float64)
        straight = straight_beam(weights, self.step_length)
        if self.displacement is not None:
            moved = np.asarray(self.displacement)[weights > 0]
            return replace(straight, displacement=moved)
        depth = straight.slices - (self.step_length - 1) / 2
        along = self.tilt * depth + self.bend * (depth - self.apex) ** 2
        angle = np.deg2rad(self.direction)
        # Rounded, so that a quarter turn leaves nothing along the other axis.
        heading = np.round([np.sin(angle), np.cos(angle)], 12)
        bent = replace(straight, displacement=along[:, None] * heading)
        if not self.side_lobes or self.lobe_spacing is None:
            return bent
        return with_side_lobes(
            bent,
            self.side_lobes,
            self.lobe_spacing,
            bend=self.bend,
            width=self.width or self.step_length,
            depth=depth - self.apex,
            heading=heading,
        )

    @property
    def beams(self) -> tuple[SampledBeam, ...]:
        """The beam of each view."""
        beam = self.sampled_beam
        return (beam,) if self.views == 1 else (beam, beam.mirrored())

    @property
    def is_disjoint(self) -> bool:
        """Whether every slice is seen in one projection alone, without displacement."""
        beam = self.sampled_beam
        return beam.is_straight and beam.fits(self.step_length)

    @cached_property
    def profile(self) -> np.ndarray:
        """Axial weights w within a slab, shape (n,), float64, sum 1.

        Those of the beam where it keeps to its slab. Else uniform: what the slabs of the volume are then
        summarised by, which no single projection shows.
        """
        n = self.step_length
        if not self.is_disjoint:
            return np.full(n, 1.0 / n)
        beam = self.sampled_beam
        weights = np.zeros(n)
        weights[beam.slices] = beam.weights
        return weights

    @property
    def is_uniform(self) -> bool:
        """Whether a projection is the plain mean of its own slab's slices."""
        return self.is_disjoint and bool(np.allclose(self.profile, 1.0 / self.step_length, rtol=1e-6))

    @property
    def has_noise_model(self) -> bool:
        """Whether a photon gain or read noise was stated, be it as 0."""
        return self.photon_gain is not None or self.read_noise is not None

    def scaled(self, factor: float) -> "Acquisition":
        """The same for grey levels multiplied by a factor."""
        detector = {"dark_level": factor * self.dark_level}
        for name in ("photon_gain", "read_noise"):
            value = getattr(self, name)
            detector |= {} if value is None else {name: factor * value}
        return self.model_copy(update=detector)

    def noise_variance(self, projections: np.ndarray) -> np.ndarray:
        """Variance of each projection pixel, a*max(X - dark, 0) + b^2, in grey levels squared.

        Of a and b, what is not stated counts as 0.

        The projections stand in for their own expectation, smoothed over 3x3 pixels so that a pixel that
        happens to be dark is not taken for a noiseless one.
        """
        from scipy.ndimage import uniform_filter

        light = np.maximum(np.asarray(projections, dtype=np.float32) - self.dark_level, 0)
        smooth = uniform_filter(light, size=(1, 3, 3), mode="nearest")
        gain, read = self.photon_gain or 0.0, self.read_noise or 0.0
        return np.asarray(gain * smooth + read**2, dtype=np.float32)
