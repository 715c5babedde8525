"""What a result needs to be repeated: settings, versions, seed, input and timings."""

import hashlib
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from ..settings.document import DOCUMENT_VERSION
from .run import Run


def provenance(run: Run, stopped: bool) -> dict[str, Any]:
    """A JSON-ready record of a run."""
    return {
        "program": {"name": "napari-microdiffusion", "version": package_version("napari-microdiffusion")},
        "version": DOCUMENT_VERSION,
        "settings": run.config.model_dump(mode="json"),
        "acquisition": run.acquisition.model_dump(mode="json"),
        "input": {"shape": list(run.given.shape), "sha256": digest(run.given)},
        "consistency": run.consistency,
        "light": [round(float(gain), 4) for gain in run.light.gains] if run.light.is_changed else None,
        "device": run.device,
        "pedestal": round(run.pedestal, 4),
        "trust": round(run.trust, 4),
        "seconds": {stage: round(seconds, 3) for stage, seconds in run.seconds.items()},
        "stopped": stopped,
        "reached": list(run.reached),
        "notices": list(run.notices),
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "torch": str(sys.modules["torch"].__version__) if "torch" in sys.modules else None,
        },
        "platform": platform.platform(),
    }


def digest(projections: np.ndarray) -> str:
    """SHA-256 of the projections as little-endian float32, whatever file they came in."""
    return hashlib.sha256(np.ascontiguousarray(projections, dtype="<f4").tobytes()).hexdigest()


def package_version(name: str) -> str:
    """An installed package's version, or "unknown"."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"
