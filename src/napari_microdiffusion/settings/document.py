"""The one document of a run: how the projections were taken, the method, what is read and what is written."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from ..errors import UserError
from ..io import ZarrKind
from ..optics import Acquisition
from .method import ReconstructionConfig

DOCUMENT_VERSION: Literal[2] = 2
"""Rises when settings that were written before would be read with another meaning; see `files.migrated`."""


class InputSettings(BaseModel):
    """What is read: the projections, what a measured beam needs, and a reference."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    path: Path | None = Field(
        None, title="Projections", description="A stack of projections, one image per slab."
    )
    second_view: Path | None = Field(
        None,
        title="Second view",
        description="A stack of the same slabs recorded with the mirrored beam, where that is a file of its "
        "own.",
    )
    position: str | None = Field(
        None,
        title="Position",
        description="Image to use, by index from 0 or by name, where a file or set of files holds several.",
    )
    channel: str | None = Field(
        None,
        title="Channel",
        description="Channel to use, by index from 0 or by name, where there are several.",
    )
    time: int | None = Field(
        None, title="Time", description="Time point to use, from 0, where there are several.", ge=0
    )
    times: str | None = Field(
        None,
        title="Times",
        description="Several time points to use: all, or first:end, from 0 and without the end, such as 3:7.",
    )
    average_frames: bool = Field(
        False,
        title="Average frames",
        description="Average the time points, or the frames of each slice.",
    )
    axes: str | None = Field(
        None,
        title="Axes",
        description="Names of the axes, where the file does not give them: tzyx, for example.",
    )
    beam_file: Path | None = Field(
        None,
        title="Measured beam",
        description="Measured beam: a table (.csv, .tsv, .txt) of depth in um and intensity, or of depth, "
        "intensity and displacement y and x in um; or a z-stack of a bead. It replaces the profile of the "
        "named beam.",
    )
    reference: Path | None = Field(
        None,
        title="Reference",
        description="A point-scanned stack of the same tissue; it is registered to the projections, and the "
        "guide is then reference.",
    )
    slice_spacing: float | None = Field(
        None,
        title="Slice spacing",
        description="Spacing of the volume's slices, for a measured beam, where the image has no scale.",
        gt=0,
        json_schema_extra={"unit": "um"},
    )
    pixel_size: tuple[float, float] | None = Field(
        None,
        title="Pixel size",
        description="Of the projections (y, x), for a measured beam that is displaced laterally, where the "
        "image has no scale.",
        json_schema_extra={"unit": "um"},
    )

    def time_points(self, count: int) -> range:
        """The time points of `times`, of a file that has `count` of them.

        Raises
        ------
        UserError
            For those that the file does not have.
        """
        if self.times in (None, "all"):
            return range(count)
        first, end = (int(number) for number in str(self.times).split(":"))
        if not first < end <= count:
            raise UserError(f"there are no time points {self.times}; all there are is 0:{count}")
        return range(first, end)

    @field_validator("position", "channel", mode="before")
    @classmethod
    def _index_as_text(cls, value: object) -> object:
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

    @field_validator("times")
    @classmethod
    def _all_or_a_range(cls, value: str | None) -> str | None:
        if value is not None and re.fullmatch(r"all|\d+:\d+", value) is None:
            raise ValueError("it must be all, or first:end, such as 3:7 for the time points 3, 4, 5 and 6")
        return value

    @model_validator(mode="after")
    def _one_choice_of_times(self) -> Self:
        if self.times is not None and (self.time is not None or self.average_frames):
            raise ValueError("of times, time and average frames only one can be chosen")
        return self


class OutputSettings(BaseModel):
    """What is written."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    volume: Path | None = Field(None, title="Volume", description="Image to write the posterior mean to.")
    uncertainty: Path | None = Field(
        None,
        title="Uncertainty",
        description="Image to write the standard deviation of the posterior to. Without it no samples are "
        "drawn.",
    )
    inr: Path | None = Field(None, title="INR", description="File to save the INR to, .safetensors.")
    zarr: ZarrKind = Field(
        "0.4",
        title="OME-Zarr",
        description="Version of OME-Zarr, for images that end in .ome.zarr: 0.4, which most programs read; "
        "0.5; or 0.5-sharded, many small chunks in one file.",
    )


class RunSettings(BaseModel):
    """All settings of a run. Values keep their full precision, whatever a form displays."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[2] = Field(
        DOCUMENT_VERSION, title="Version", description="Of the form of these settings."
    )
    acquisition: Acquisition = Field(
        title="Acquisition", description="Step length, beam and detector of the projections."
    )
    method: ReconstructionConfig = Field(
        default_factory=ReconstructionConfig,
        title="Method",
        description="How a volume is made from the projections.",
    )
    input: InputSettings = Field(default_factory=InputSettings, title="Input", description="What is read.")
    output: OutputSettings = Field(
        default_factory=OutputSettings, title="Output", description="What is written."
    )


Origin = Literal["asked", "file", "assumed", "default"]
"""Where a value is from."""

Tables = Mapping[str, Mapping[str, Any]]
"""Fields by name, not yet checked, under the parts of a document; what was not asked for is missing."""

PARTS = ("acquisition", "method", "input", "output")
"""The parts of a document, each a table of names and values."""
