"""The samples that the manifest names: procedural tissue, its projections and its ground truth."""

from typing import Any

import numpy as np

from ..optics import Acquisition
from .metadata import METADATA_KEY, LayerData, known_beam
from .placement import Placement

SAMPLE_SHAPE = (96, 128, 128)
SAMPLE_STEP_LENGTH = 6
SAMPLE_SEED = 7


def open_vasculature() -> list[LayerData]:
    """Projections and ground truth of procedural vasculature."""
    return _sample("vasculature")


def open_dendrites() -> list[LayerData]:
    """Projections and ground truth of procedural dendrites."""
    return _sample("dendrites")


def open_neurons() -> list[LayerData]:
    """Projections and ground truth of procedural neurons."""
    return _sample("neurons")


def _sample(kind: str) -> list[LayerData]:
    """Grow a specimen and project it; voxels of 1 µm, 12-bit grey levels."""
    from ..optics import simulate_projections
    from ..specimens import make_specimen

    truth = make_specimen(kind, SAMPLE_SHAPE, SAMPLE_SEED) * np.float32(4095)
    acquisition = Acquisition(step_length=SAMPLE_STEP_LENGTH)
    projections = simulate_projections(truth, acquisition)
    volume = Placement(units=("um", "um", "um"))
    slabs = Placement((float(SAMPLE_STEP_LENGTH), 1.0, 1.0), units=volume.units)
    known: dict[str, Any] = {
        **known_beam(acquisition),
        "path": None,
        "notes": [],
    }
    return [
        (
            truth,
            {
                "name": f"{kind} ground truth",
                "visible": False,
                "contrast_limits": (0, float(np.percentile(truth, 99.9))),
                **volume.layer_arguments(),
                "metadata": {METADATA_KEY: {"role": "ground truth", "of": kind}},
            },
            "image",
        ),
        (
            projections,
            {
                "name": kind,
                **slabs.with_first_slice_at_zero(SAMPLE_STEP_LENGTH).layer_arguments(),
                "metadata": {METADATA_KEY: {"role": "projections", **known}},
            },
            "image",
        ),
    ]
