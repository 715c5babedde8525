"""What a file of projections records of the beam, beside its step length and the beam's name."""

from collections.abc import Mapping
from typing import Any

from .acquisition import Acquisition

KEY = "optics"
"""Where in an image's description it is written."""

DETECTOR_FIELDS = frozenset(
    name
    for name, field in Acquisition.model_fields.items()
    if isinstance(field.json_schema_extra, dict) and field.json_schema_extra.get("group") == "detector"
)

BEAM_FIELDS = frozenset(Acquisition.model_fields) - DETECTOR_FIELDS - {"step_length"}
"""Fields of `Acquisition` that describe the beam."""


def recorded_beam(acquisition: Acquisition) -> dict[str, Any]:
    """The fields that describe the beam and have not their defaults, as JSON holds them, without its name."""
    fields = acquisition.model_dump(mode="json", include=set(BEAM_FIELDS), exclude_defaults=True)
    fields.pop("beam", None)
    return fields


def beam_in(description: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that `recorded_beam` wrote into an image's description under `KEY`; none of other files."""
    found = description.get(KEY)
    if not isinstance(found, Mapping):
        return {}
    return {name: value for name, value in found.items() if name in BEAM_FIELDS}
