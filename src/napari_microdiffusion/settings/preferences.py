"""What preferences keep of the settings: of a run only what the person set."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .asked import FIRST_STEP_LENGTH, AskedSettings
from .document import RunSettings
from .fields import SettingsField, fields_of

PRIOR, DIFFUSION = "method.prior", "method.diffusion"
OFF = "off"
# The shipped prior, which cannot get lost.
_GENERAL = "general"
# What belongs to single recordings, or serves one run alone.
_NOT_STORED = {"light", "mask_missing", "keep_samples", "seed", "threads", "inr_file", "diffusion"}


def stored_fields() -> list[SettingsField]:
    """The fields that preferences hold, under their own names."""
    parts = ("acquisition", "method")
    return [
        field
        for field in fields_of(RunSettings)
        if field.group in parts
        and field.path.count(".") == 1
        and field.kind != "sequence"
        and field.name not in _NOT_STORED
    ]


def default_of(field: SettingsField) -> Any:
    """What stands in the preferences for a field that is not set; 0 for None."""
    if field.name == "step_length":
        return FIRST_STEP_LENGTH
    return 0.0 if field.default is None else field.default


def asked_by(stored: Callable[[str, Any], Any]) -> AskedSettings:
    """The settings that preferences ask for; without what is lost, and none that cannot be together.

    Parameters
    ----------
    stored : callable
        Gives what is stored under the name of a field, else what it is called with.
    """
    asked: dict[str, Any] = {}
    for field in stored_fields():
        value = stored(field.name, default_of(field))
        if value == OFF and field.path == PRIOR:
            asked[DIFFUSION] = OFF
        elif value != default_of(field) and not _is_lost(field, value):
            asked[field.path] = None if field.nullable and value == 0 else value
    run = AskedSettings(asked)
    # Written by hand or by another version they may not be possible.
    return AskedSettings() if run.problem else run


def to_be_stored(run: AskedSettings, recorded: Mapping[str, Any]) -> dict[str, Any]:
    """What is stored of the settings of a run, by the names of the fields; not what its file `recorded`."""
    taken_over = {f"{part}.{name}": v for part, table in run.earlier.items() for name, v in table.items()}
    set_here = taken_over | dict(run.asked)
    values: dict[str, Any] = {}
    for field in stored_fields():
        if field.path in set_here:
            value = set_here[field.path]
            values[field.name] = default_of(field) if value is None else value
        elif field.name not in recorded:
            values[field.name] = default_of(field)
    if set_here.get(DIFFUSION) == OFF:
        values["prior"] = OFF
    if values.get("guide") == "reference":
        # It belongs to one sample.
        del values["guide"]
    return {name: value for name, value in values.items() if isinstance(value, bool | int | float | str)}


def _is_lost(field: SettingsField, value: Any) -> bool:
    return field.path == PRIOR and value != _GENERAL and not Path(value).is_file()
