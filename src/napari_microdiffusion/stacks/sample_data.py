"""The samples that the manifest names: procedural tissue, its projections and its ground truth."""

from typing import Any

import numpy as np

from ..optics import Acquisition
from .contrast_limits import limits_of
from .metadata import METADATA_KEY, LayerData, known_beam
from .placement import Placement

SAMPLE_SHAPE = (96, 128, 128)
SAMPLE_STEP_LENGTH = 6
SAMPLE_SEED = 7
VIDEO_SHAPE = (100, 24, 96, 96)
"""Frames, slices, rows and columns of the volume that the video is of."""
# Of tissue with several cells there; volumes a second.
_VIDEO_SEED, _RATE = 1, 10.0
# Voxels by which the reference reaches further; photons in the brightest pixels of a frame and voxels of it.
_MARGIN, _PHOTONS = 8, (30, 200)


def open_vasculature() -> list[LayerData]:
    """Projections and ground truth of procedural vasculature."""
    return _sample("vasculature")


def open_dendrites() -> list[LayerData]:
    """Projections and ground truth of procedural dendrites."""
    return _sample("dendrites")


def open_neurons() -> list[LayerData]:
    """Projections and ground truth of procedural neurons."""
    return _sample("neurons")


def open_activity() -> list[LayerData]:
    """A dim video of active neurons, and a reference of another day, shifted and noisy."""
    from ..optics import ProjectionOperator
    from ..specimens import make_specimen
    from ..specimens.activity import active_tissue
    from ..video.regions import find_regions

    n, rng = SAMPLE_STEP_LENGTH, np.random.default_rng(_VIDEO_SEED)
    depth, height, width = (size + 2 * _MARGIN for size in VIDEO_SHAPE[1:])
    around = make_specimen("neurons", (depth, height, width), _VIDEO_SEED) + 0.05
    still = around[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN, _MARGIN:-_MARGIN]
    tissue = active_tissue(still, find_regions(still), VIDEO_SHAPE[0], _RATE, _VIDEO_SEED)
    operator = ProjectionOperator(np.full(n, 1 / n))
    clean = np.stack([operator.project(tissue.frame(t)) for t in range(VIDEO_SHAPE[0])])
    frames = rng.poisson(clean / np.percentile(clean, 99.9) * _PHOTONS[0]).astype(np.uint16)
    scan = rng.poisson(np.roll(around, (2, -3, 4), (0, 1, 2)) * _PHOTONS[1]).astype(np.uint16)
    known = known_beam(Acquisition(step_length=n)) | {"role": "projections", "path": None, "notes": []}
    slabs = Placement((float(n), 1.0, 1.0), units=("um", "um", "um")).with_first_slice_at_zero(n)
    low = -float(_MARGIN)
    placed = Placement(translate=(low, low, low), units=slabs.units)
    video = {
        "name": "active neurons",
        "contrast_limits": limits_of(frames),
        **slabs.over_time(1 / _RATE, unit="s"),
        "metadata": {METADATA_KEY: known},
    }
    reference = {
        "name": "active neurons, scanned before",
        "visible": False,
        "contrast_limits": limits_of(scan),
        **placed.layer_arguments(),
        "metadata": {METADATA_KEY: {"role": "scan"}},
    }
    return [(scan, reference, "image"), (frames, video, "image")]


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
