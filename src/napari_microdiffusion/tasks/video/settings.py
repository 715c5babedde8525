"""What is set of a video besides the beam and the method."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class VideoSettings(BaseModel):
    """How the frames of a video are taken."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    rate: float | None = Field(
        None,
        title="Volumes a second",
        description="How often the whole field was recorded. Traces tell the time in seconds with it, and in "
        "frames without.",
        gt=0,
        le=1e6,
    )
    corrects_motion: bool = Field(
        True,
        title="Correct motion",
        description="Move every frame back to where the first ones lie, before anything else.",
    )
    folder: Path | None = Field(
        None,
        title="Room on disk",
        description="A folder with room for the volumes until they are saved, on a fast disk. Empty for the "
        "system's folder for temporary files.",
    )


def rate_of(layer: Any) -> float | None:
    """Frames a second of a layer whose first axis is time, None where its unit is no time."""
    unit, scale = layer.units[0], float(layer.scale[0])
    try:
        seconds = float((scale * unit).to("second").magnitude)
    except (AttributeError, ValueError, TypeError):  # pint tells of units that are no time by a TypeError
        return None
    return 1 / seconds if seconds > 0 else None
