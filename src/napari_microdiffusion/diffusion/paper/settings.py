"""The settings of the paper's diffusion: trained on one sample's projections alone.

The defaults are the published schedule where the paper gives a figure, and say so where it gives none.
"""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Prediction = Literal["epsilon", "x0"]
PriorUse = Literal["mixing", "condition"]
InrTraining = Literal["frozen", "trainable", "joint"]
PaperSampler = Literal["ddpm", "ddim"]


class PaperSettings(BaseModel):
    """How the paper's diffusion is built, trained on a sample and sampled from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: int = Field(
        2000,
        title="Epochs",
        description="Passes over the projections.",
        ge=1,
        le=1_000_000,
        json_schema_extra={"unit": "passes"},
    )
    training_steps: int | None = Field(
        None,
        title="Training steps",
        description="Steps of the optimiser, whatever the number of projections; replaces the epochs.",
        ge=1,
        le=10_000_000,
    )
    batch: int = Field(
        4, title="Batch", description="Projections in one step; the paper gives no figure.", ge=1, le=1024
    )
    learning_rate: float = Field(
        2e-4, title="Learning rate", description="Step width of the optimiser AdamW.", gt=0, le=1
    )
    weight_decay: float = Field(1e-4, title="Weight decay", description="That of AdamW.", ge=0, le=1)
    average: float = Field(
        0.0,
        title="Weight average",
        description="Decay of the running average of the weights that is sampled from; 0 samples from the "
        "last weights, since the paper mentions no average.",
        ge=0,
        lt=1,
    )
    diffusion_steps: int = Field(
        1000, title="Diffusion steps", description="T, the steps from image to noise.", ge=20, le=10_000
    )
    prediction: Prediction = Field(
        "epsilon",
        title="Prediction",
        description="What the network predicts: the noise (epsilon, the paper's equations 5 to 7) or the "
        "image (x0, its Algorithm 1).",
    )
    fusion: Literal["addition", "cross-attention", "none"] = Field(
        "addition",
        title="Fusion",
        description="How the condition, the encoded projection and position, enters the network: added to "
        "every block, by cross-attention, or not at all.",
    )
    encoding: Literal["gaussian", "sine-cosine"] = Field(
        "gaussian", title="Encoding", description="How positions are encoded for the condition."
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
    drop: float = Field(
        0.1,
        title="Dropped conditions",
        description="Probability in training that an image comes without its condition, as classifier-free "
        "guidance needs; the paper gives no figure.",
        ge=0,
        le=1,
    )
    guidance: float = Field(
        1.8,
        title="Guidance",
        description="Strength of the classifier-free guidance: (1 + guidance) times the prediction with the "
        "condition minus guidance times that without. The figure is that of the authors' program.",
        ge=0,
        le=20,
    )
    gamma: float = Field(
        0.1,
        title="Guide mixing",
        description="Share of the guide in what the network sees of a noisy image; the paper found no gain "
        "beyond 0.1. It is mixed into the network's input only, never into the state.",
        ge=0,
        le=1,
    )
    prior_use: PriorUse = Field(
        "mixing",
        title="Use of the guide",
        description="mixing: as above. condition: encoded as an image and made part of the condition.",
    )
    inr_training: InrTraining = Field(
        "frozen",
        title="INR in training",
        description="frozen: the INR is fitted first and then left alone. trainable: it goes on moving with "
        "the diffusion's loss. joint: it is trained with the diffusion from the start, its own loss added "
        "with a weight that falls to zero.",
    )
    sampler: PaperSampler = Field(
        "ddpm", title="Sampler", description="ddpm: random steps. ddim: deterministic ones, of which few do."
    )
    sampling_steps: int = Field(
        1000,
        title="Sampling steps",
        description="Times that are visited from noise to image.",
        ge=1,
        le=10_000,
    )
    clip: bool = Field(
        True,
        title="Clip",
        description="Hold every predicted image within the range of the projections.",
    )
    width: int = Field(
        64,
        title="Width",
        description="Channels of the network at full resolution; the paper gives no figure.",
        ge=8,
        le=512,
        multiple_of=2,
    )
    multipliers: tuple[int, ...] = Field(
        (1, 2, 4, 4),
        title="Levels",
        description="Channels of each level relative to the width; the paper gives no figure.",
        min_length=1,
        max_length=6,
    )
    blocks: int = Field(
        2, title="Blocks", description="ResNet blocks of a level; the paper gives no figure.", ge=1, le=8
    )
    features: int = Field(
        256, title="Features", description="Length of each encoded part of the condition.", ge=4, le=4096
    )
    checkpoint: Path | None = Field(
        None,
        title="Training state",
        description="File that the training is saved in, .safetensors; a run that was interrupted goes on "
        "from there, and one that ended is sampled from at once.",
    )

    def steps_for(self, projections: int) -> int:
        """Steps of the optimiser for a number of projections."""
        return self.training_steps or self.epochs * -(-projections // self.batch)

    @property
    def evaluations(self) -> int:
        """Evaluations of the network for one slice."""
        guided = self.guidance > 0 and self.fusion != "none"
        return min(self.sampling_steps, self.diffusion_steps) * (2 if guided else 1)

    def multiply_adds(self) -> float:
        """Multiplications of one evaluation per pixel, in the convolutions alone."""
        widths = [self.width * m for m in self.multipliers]
        channels, last = widths[0], len(widths) - 1
        skipped, total = [channels], 9.0 * channels
        for level, width in enumerate(widths):
            for _ in range(self.blocks):
                total += 0.25**level * _block(channels, width)
                channels = width
                skipped.append(channels)
            if level < last:
                total += 0.25 ** (level + 1) * 9 * channels**2
                skipped.append(channels)
        total += 0.25**last * 2 * _block(channels, channels)
        for level, width in reversed(list(enumerate(widths))):
            for _ in range(self.blocks + 1):
                total += 0.25**level * _block(channels + skipped.pop(), width)
                channels = width
            if level:
                total += 0.25 ** (level - 1) * 9 * channels**2
        return total + 9 * channels


def _block(inputs: int, outputs: int) -> int:
    """Multiplications per pixel of a ResNet block."""
    return 9 * inputs * outputs + 9 * outputs**2 + (inputs * outputs if inputs != outputs else 0)
