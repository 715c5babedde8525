"""What a result needs to be repeated: settings, versions, seed, input and timings."""

import hashlib
import platform
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from ..settings.document import DOCUMENT_VERSION
from .data_consistency import Misfit
from .device import torch_is_loaded
from .facts import StackFacts
from .run_state import RunState

# What is recorded of each stack of a series beside what holds for all.
_OF_EACH = ("misfit", "misfit_correlation", "prior_weight", "self_test_error", "seconds", "device", "notices")


def provenance(facts: StackFacts, state: RunState, misfit: Misfit | None, stopped: bool) -> dict[str, Any]:
    """A JSON-ready record of a run."""
    return {
        "program": {"name": "napari-microdiffusion", "version": package_version("napari-microdiffusion")},
        "version": DOCUMENT_VERSION,
        "settings": facts.config.model_dump(mode="json"),
        "acquisition": facts.acquisition.model_dump(mode="json"),
        "input": {"shape": list(facts.given.shape), "sha256": digest(facts.given)},
        "consistency": facts.consistency,
        "noise": facts.noise_record,
        "misfit": misfit.rms if misfit else None,
        "misfit_correlation": misfit.correlation if misfit else None,
        "light": [round(float(gain), 4) for gain in facts.light.gains] if facts.light.is_changed else None,
        "device": state.device,
        "samples_in": state.samples_in,
        "threads": sys.modules["torch"].get_num_threads() if torch_is_loaded() else None,
        "reference": _reference(state),
        "pedestal": round(state.pedestal, 4),
        "prior_weight": round(state.prior_weight, 4),
        "self_test_error": None if state.self_test_error is None else round(state.self_test_error, 4),
        "out_of_distribution": state.out_of_distribution,
        "seconds": {stage: round(seconds, 3) for stage, seconds in state.seconds.items()},
        "stopped": stopped,
        "reached": list(state.reached),
        "notices": list(state.notices),
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "torch": str(sys.modules["torch"].__version__) if torch_is_loaded() else None,
        },
        "platform": platform.platform(),
    }


def _reference(state: RunState) -> dict[str, Any] | None:
    """The reference of a run, where it was found, and what it was worth."""
    given = state.reference
    if given is None:
        return None
    return {
        **given.about,
        "name": given.name,
        "shape": list(given.data.shape),
        "voxel": list(given.voxel),
        "sha256": digest(given.data),
        "registration": None if state.registration is None else state.registration.record(),
        "weight": None if state.shared is None else round(state.shared.whole_weight, 4),
    }


def series_record(
    common: Mapping[str, Any],
    records: Sequence[Mapping[str, Any]],
    chosen: Sequence[Mapping[str, int | None]],
) -> dict[str, Any]:
    """The record of a series of stacks whose volumes are one image.

    Parameters
    ----------
    common : mapping
        What holds for all.
    records : sequence of mappings
        Of each stack, what `provenance` returned.
    chosen : sequence of mappings
        Of each stack, which time point (`t`) or channel (`c`) it is.

    Returns
    -------
    dict
        `common` with a list `times` of what is recorded of each.
    """
    words = {"t": "time", "c": "channel"}
    times = [
        {
            **{words[axis]: index for axis, index in which.items()},
            "sha256": record["input"].get("sha256"),
            **{key: record[key] for key in _OF_EACH if key in record},
        }
        for which, record in zip(chosen, records, strict=True)
    ]
    return {key: value for key, value in common.items() if key not in _OF_EACH} | {"times": times}


def digest(stack: np.ndarray) -> str:
    """SHA-256 of a stack as little-endian float32, whatever file they came in; it may be lazy."""
    found = hashlib.sha256()
    for index in range(len(stack)):
        found.update(np.ascontiguousarray(stack[index], dtype="<f4").data)
    return found.hexdigest()


def package_version(name: str) -> str:
    """An installed package's version, or "unknown"."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"
