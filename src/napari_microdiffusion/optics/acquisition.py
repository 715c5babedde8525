"""How the projections were taken."""

from functools import cached_property
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from .beams import axial_profile

MIN_STEP_LENGTH = 2
MAX_STEP_LENGTH = 64


class Acquisition(BaseModel):
    """Step length, beam and detector: all that a reconstruction may know about the microscope."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    step_length: int = Field(
        title="Step length n",
        description="Slices per slab: the axial width of the beam, and the step from one projection to the "
        "next, counted in slices of the volume to reconstruct.",
        ge=MIN_STEP_LENGTH,
        le=MAX_STEP_LENGTH,
        json_schema_extra={"unit": "slices"},
    )
    beam: Literal["uniform", "bessel", "airy"] = Field(
        "uniform",
        title="Beam",
        description="Axial profile of the beam within a slab: uniform, Bessel (Gaussian) or Airy (lopsided).",
    )
    axial_profile: tuple[float, ...] | None = Field(
        None,
        title="Axial profile",
        description="Measured axial weights, one per slice of a slab; they replace the beam's.",
    )
    dark_level: float = Field(
        0.0,
        title="Dark level",
        description="What the detector reads without light; reconstructed slices do not fall below it.",
        json_schema_extra={"unit": "grey levels"},
    )
    photon_gain: float = Field(
        0.0,
        title="Photon gain",
        description="Grey levels per detected photon a, in the noise variance a*max(X - dark, 0) + b^2.",
        ge=0,
        json_schema_extra={"unit": "grey levels per photon"},
    )
    read_noise: float = Field(
        0.0,
        title="Read noise",
        description="Standard deviation b of the detector's noise, in the variance a*max(X - dark, 0) + b^2.",
        ge=0,
        json_schema_extra={"unit": "grey levels"},
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
            return self
        if len(weights) != self.step_length:
            raise ValueError(
                f"axial_profile has {len(weights)} weights; step length {self.step_length} needs as many"
            )
        if not np.all(np.isfinite(weights)) or min(weights) < 0 or sum(weights) <= 0:
            raise ValueError("axial_profile needs finite, non-negative weights that are not all zero")
        return self

    @cached_property
    def profile(self) -> np.ndarray:
        """Axial weights w, shape (n,), float64, sum 1."""
        if self.axial_profile is None:
            return axial_profile(self.beam, self.step_length)
        weights = np.asarray(self.axial_profile, dtype=np.float64)
        return np.asarray(weights / weights.sum())

    @property
    def is_uniform(self) -> bool:
        """Whether every slice of a slab counts the same."""
        return bool(np.allclose(self.profile, 1.0 / self.step_length, rtol=1e-6))

    @property
    def has_noise_model(self) -> bool:
        """Whether a photon gain or read noise was stated."""
        return self.photon_gain > 0 or self.read_noise > 0

    def noise_variance(self, projections: np.ndarray) -> np.ndarray:
        """Variance of each projection pixel, a*max(X - dark, 0) + b^2, in grey levels squared.

        The projections stand in for their own expectation, smoothed over 3x3 pixels so that a pixel that
        happens to be dark is not taken for a noiseless one.
        """
        from scipy.ndimage import uniform_filter

        light = np.maximum(np.asarray(projections, dtype=np.float32) - self.dark_level, 0)
        smooth = uniform_filter(light, size=(1, 3, 3), mode="nearest")
        return np.asarray(self.photon_gain * smooth + self.read_noise**2, dtype=np.float32)
