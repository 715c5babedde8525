"""The settings of an INR: which field, how it starts, how it is fitted, how slices are read from it."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

FieldName = Literal["grid", "paper"]
Encoding = Literal["gaussian", "sine-cosine"]
Start = Literal["histospline", "zero"]
Inference = Literal["gaussian", "uniform", "none"]

GRID_EPOCHS = 40
PAPER_EPOCHS = 5000
GRID_RATE = 0.1
PAPER_RATE = 1e-3


class InrSettings(BaseModel):
    """How an implicit neural representation is built and fitted to projections that span about 0 to 1."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    field: FieldName = Field(
        "grid",
        title="Field",
        description="grid: a pyramid of features on the voxels with a small network, seconds to fit. "
        "paper: the published network on encoded coordinates, many hours to fit.",
    )
    start: Start = Field(
        "histospline",
        title="Start",
        description="Where the grid field starts: from the histospline, or from zero knowledge, a constant. "
        "From there it needs several times as many epochs.",
    )
    epochs: int | None = Field(
        None,
        title="Epochs",
        description=f"Passes over all projection pixels at most; empty means {GRID_EPOCHS} for the grid "
        f"field and {PAPER_EPOCHS} for the paper's.",
        ge=1,
        le=100_000,
        json_schema_extra={"unit": "passes"},
    )
    minutes: float | None = Field(
        None,
        title="Time limit",
        description="The fit ends after this time with what it has; empty sets no limit.",
        gt=0,
        le=100_000,
        json_schema_extra={"unit": "min"},
    )
    learning_rate: float | None = Field(
        None,
        title="Learning rate",
        description=f"Step width of the optimiser Adam; empty means {GRID_RATE} for the grid field and "
        f"{PAPER_RATE} for the paper's.",
        gt=0,
        le=1,
    )
    tolerance: float = Field(
        1e-3,
        title="Tolerance",
        description="The fit ends early once the loss falls by less than this fraction over five epochs; "
        "0 runs all epochs.",
        ge=0,
        lt=1,
    )
    curvature: float = Field(
        60.0,
        title="Axial smoothness",
        description="Weight of the axial second difference of the log intensity, squared, against a misfit "
        "of one standard deviation of the noise. It decides what the projections leave open.",
        ge=0,
        le=1e6,
    )
    coherence: float = Field(
        0.18,
        title="Coherence",
        description="Weight of smoothness along structures, in all three directions: tubes and surfaces are "
        "carried from slab to slab, flat regions lose noise. 0 fits every pixel column on its own.",
        ge=0,
        le=100,
    )
    offset: float = Field(
        0.03,
        title="Log offset",
        description="Added to intensities before the logarithm is taken, so that differences between dark "
        "voxels count little.",
        ge=1e-4,
        le=1,
        json_schema_extra={"unit": "of the projections' range"},
    )
    photon_gain: float = Field(
        0.0,
        title="Photon gain",
        description="a in the noise variance a*max(X, 0) + b^2 of the projections. With a and b both zero "
        "the noise is estimated from the projections.",
        ge=0,
        json_schema_extra={"unit": "of the projections' range"},
    )
    read_noise: float = Field(
        0.0,
        title="Read noise",
        description="b in the noise variance a*max(X, 0) + b^2 of the projections.",
        ge=0,
        json_schema_extra={"unit": "of the projections' range"},
    )
    inference: Inference = Field(
        "none",
        title="Inference",
        description="How a slice is read from the field: gaussian or uniform take a weighted mean over as "
        "many neighbouring depths as the beam is wide (the paper's neighbour-based inference), none takes "
        "the field itself.",
    )
    channels: int = Field(
        2, title="Channels", description="Features per level of the grid field's pyramid.", ge=1, le=32
    )
    hidden: int = Field(
        4, title="Hidden units", description="Width of the grid field's network.", ge=1, le=64
    )
    encoding: Encoding = Field(
        "gaussian",
        title="Encoding",
        description="How the paper's field sees coordinates: random Gaussian frequencies, or octaves of sine "
        "and cosine.",
    )
    frequencies: int = Field(
        256, title="Frequencies", description="Gaussian frequencies of the encoding.", ge=1, le=4096
    )
    bandwidth: float = Field(
        4.0,
        title="Bandwidth",
        description="Standard deviation of the Gaussian frequencies.",
        gt=0,
        le=100,
        json_schema_extra={"unit": "cycles per half of the volume"},
    )
    octaves: int = Field(10, title="Octaves", description="Octaves of the sine-cosine encoding.", ge=1, le=16)
    layers: int = Field(8, title="Layers", description="Layers of the paper's network.", ge=2, le=16)
    width: int = Field(
        64, title="Width", description="Units per layer of the paper's network.", ge=4, le=1024
    )

    @property
    def epochs_to_run(self) -> int:
        """Passes over the projections, with the field's own default."""
        return self.epochs or (GRID_EPOCHS if self.field == "grid" else PAPER_EPOCHS)

    def multiply_adds(self) -> int:
        """Multiplications of the paper's field at one point."""
        encoded = 2 * self.frequencies if self.encoding == "gaussian" else 6 * self.octaves
        # The encoding enters the first layer and, beside its input, the one in the middle.
        return self.width * (2 * encoded + (self.layers - 1) * self.width + 1) + 3 * encoded

    @property
    def rate(self) -> float:
        """Learning rate, with the field's own default."""
        return self.learning_rate or (GRID_RATE if self.field == "grid" else PAPER_RATE)
