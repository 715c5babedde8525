"""The settings of a reconstruction; the dock and the command line read their titles and units here."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ..diffusion.paper.settings import PaperSettings
from ..errors import UsageError
from ..inr.settings import InrSettings
from ..optics.detector.light import Light

Guide = Literal["none", "nearest", "linear", "cubic", "histospline", "logspline", "inr", "reference"]
Diffusion = Literal["off", "slab", "paper"]
Consistency = Literal["none", "exact", "nonnegative", "noise"]
Device = Literal["auto", "cpu", "cuda", "mps"]

ModelT = TypeVar("ModelT", bound=BaseModel)


class ReconstructionConfig(BaseModel):
    """How a volume is made from projections."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    guide: Guide = Field(
        "logspline",
        title="Starting estimate",
        description="What the diffusion starts from (its guide): an interpolation of the projections along "
        "z, of which logspline is the best; inr, a field fitted to this sample (implicit neural "
        "representation), which is slower; or reference, a point-scanned stack of the same tissue.",
    )
    diffusion: Diffusion = Field(
        "slab",
        title="Diffusion",
        description="slab: the trained prior chooses the detail within each slab. "
        "paper: the published one, trained on this sample's projections alone, hours to days on a processor. "
        "off: the starting estimate is the result.",
    )
    consistency: Consistency = Field(
        "noise",
        title="Match the images",
        description="How closely the volume, averaged along the beam, reproduces your images (data "
        "consistency). noise: as closely as their noise allows, to the last digit where there is next to "
        "none. nonnegative: to the last digit, and no slice darker than the dark level. exact: to the last "
        "digit, slices may be darker. none: as it comes.",
    )
    light: Light = Field(
        "as recorded",
        title="Light",
        description="Whether light that changed from slab to slab is evened out first. flicker: single slabs "
        "are brought to the brightness of their neighbours. drift: a slow change over the whole stack is "
        "taken out. Judged by the background above the dark level.",
    )
    mask_missing: bool = Field(
        False,
        title="Mask missing pixels",
        description="Take projections with pixels that have no value (NaN), as registration leaves at the "
        "borders: they are filled from their neighbours for the computation, left out of all that is "
        "measured of the stack, and have no value in the volume either. Else they are refused.",
    )
    samples: int = Field(
        4,
        title="Uncertainty draws",
        description="How many possible volumes are drawn to see how far they differ, which is the "
        "uncertainty; 0 gives none.",
        ge=0,
        le=64,
    )
    steps: int = Field(
        10,
        title="Steps per draw",
        description="More steps take longer and make each draw more exact.",
        ge=2,
        le=16,
    )
    keep_samples: bool = Field(
        False, title="Keep the draws", description="Keep every draw as a volume of its own."
    )
    prior: str = Field(
        "general",
        title="Prior",
        description="Trained weights of the diffusion: general (shipped), or a file (.safetensors) of a "
        "prior that was adapted or trained.",
    )
    device: Device = Field(
        "auto", title="Device", description="Where the networks run; auto takes a GPU if there is one."
    )
    seed: int = Field(
        0,
        title="Seed",
        description="The same seed gives the same draws on the same machine.",
        ge=0,
        lt=2**63,
    )
    threads: int | None = Field(
        None,
        title="Threads",
        description="Processor threads for the networks; where none are set, PyTorch chooses.",
        ge=1,
    )
    memory_gb: float | None = Field(
        None,
        title="Memory",
        description="Working memory for the networks, and for stacks so large that they are worked on in "
        "parts.",
        gt=0,
        json_schema_extra={"unit": "GB"},
    )
    inr: InrSettings = Field(
        default_factory=InrSettings, title="INR", description="How the INR is built and fitted."
    )
    inr_file: Path | None = Field(
        None, title="INR file", description="A saved INR to use instead of fitting one."
    )
    paper: PaperSettings = Field(
        default_factory=PaperSettings,
        title="Paper's diffusion",
        description="How the paper's diffusion is trained and sampled.",
    )

    @model_validator(mode="after")
    def _moving_inr_can_be_trained(self) -> Self:
        moves = self.diffusion == "paper" and self.paper.inr_training != "frozen"
        if moves and not (self.guide == "inr" and self.inr.field == "paper" and self.inr_file is None):
            raise ValueError(
                f"with an INR in training that is {self.paper.inr_training}, the guide must be inr, of the "
                "field paper, and from no file"
            )
        return self

    @property
    def needs_torch(self) -> bool:
        """Whether a network takes part."""
        return self.guide == "inr" or self.diffusion != "off"


def settings_error(error: ValidationError, names: dict[str, str] | None = None) -> UsageError:
    """One clear sentence for a refused setting.

    Parameters
    ----------
    error : pydantic.ValidationError
    names : dict, optional
        How the person calls a setting, where that is not its field's name.
    """
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"]) or "settings"
    name = (names or {}).get(field, field.replace("_", " "))
    given = first.get("input")
    message = first["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    shown = f" is {given!r}, but" if isinstance(given, (int, float, str)) else ":"
    for start in ("input should", "must"):
        if message.startswith(start):
            message = f"it {start.removeprefix('input ')}{message.removeprefix(start)}"
    return UsageError(f"{name}{shown} {message}")


def checked(model: type[ModelT], fields: Mapping[str, Any], part: str, words: Mapping[str, str]) -> ModelT:
    """A model made of fields, or a `UsageError` with one sentence.

    Parameters
    ----------
    model : type of pydantic.BaseModel
    fields : mapping
    part : str
        Of the document, that the model is.
    words : mapping
        How the person calls a field, by its dotted path.
    """
    try:
        return model(**fields)
    except ValidationError as error:
        raise settings_error(error, part_words(part, words)) from error


def part_words(part: str, words: Mapping[str, str]) -> dict[str, str]:
    """Names for messages of the fields of one part of the document."""
    start = f"{part}."
    return {path.removeprefix(start): name for path, name in words.items() if path.startswith(start)}
