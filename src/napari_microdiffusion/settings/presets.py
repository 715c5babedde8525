"""Settings that belong together under one name."""

from collections.abc import Mapping
from typing import Any, Literal

from ..errors import UsageError

# The paper's figures; what it leaves open are the defaults of `InrSettings` and `PaperSettings`.
PAPER: dict[str, Any] = {
    "guide": "inr",
    "diffusion": "paper",
    "consistency": "none",
    "samples": 0,
    "inr": {"field": "paper", "epochs": 5000, "inference": "gaussian"},
    "paper": {"epochs": 2000, "sampler": "ddpm", "sampling_steps": 1000},
}

# The same method, step for step, in a size for tests and comparisons: it shows what the parts do, not how
# good the published schedule is. So short a training cannot predict the noise (epsilon) well enough to sample
# from, so it predicts the image. Frequencies are fewer and lower, since a small image spans fewer structures.
PAPER_SMALL: dict[str, Any] = {
    **PAPER,
    "inr": {
        "field": "paper",
        "epochs": 60,
        "inference": "gaussian",
        "learning_rate": 5e-3,
        "frequencies": 64,
        "bandwidth": 1.0,
        "octaves": 5,
        "layers": 4,
        "width": 32,
    },
    "paper": {
        "prediction": "x0",
        "training_steps": 120,
        "learning_rate": 2e-3,
        "average": 0.95,
        "sampler": "ddim",
        "sampling_steps": 8,
        "frequencies": 32,
        "bandwidth": 1.0,
        "octaves": 5,
        "width": 16,
        "multipliers": (1, 2, 2),
        "blocks": 1,
        "features": 64,
    },
}

PAPER_SYSTEMS = {
    "MicroDiffusion": ("inr", "paper"),
    "Interpolation diffusion": ("linear", "paper"),
    "Cubic interpolation diffusion": ("cubic", "paper"),
    "Naive diffusion": ("none", "paper"),
    "INR": ("inr", "off"),
    "Interpolation": ("linear", "off"),
    "Cubic interpolation": ("cubic", "off"),
}
"""The seven systems of the paper's Table 1, as guide and diffusion."""

PresetName = Literal["paper", "paper-small"]
PRESETS: dict[str, dict[str, Any]] = {"paper": PAPER, "paper-small": PAPER_SMALL}
PRESET_WORDS = {
    "paper": "The published schedule; on a processor it takes days.",
    "paper-small": "The published method with a small network and a short schedule, minutes at 64 x 64.",
}


def preset(name: str) -> dict[str, Any]:
    """The settings of a preset.

    Raises
    ------
    UsageError
        If there is none of this name.
    """
    if name not in PRESETS:
        raise UsageError(f"preset is {name!r}, but it must be one of {', '.join(PRESETS)}")
    return PRESETS[name]


def merged(*settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings on top of each other, the last one uppermost; tables within them are merged as well."""
    result: dict[str, Any] = {}
    for layer in settings:
        for name, value in layer.items():
            below = result.get(name)
            both = isinstance(value, Mapping) and isinstance(below, Mapping)
            result[name] = merged(below, value) if both else value  # type: ignore[arg-type]
    return result
