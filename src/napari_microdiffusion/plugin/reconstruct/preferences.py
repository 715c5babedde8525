"""Preferences, as napari shows and keeps them: what the dock starts with, and what of a run it remembers.

Of a run only what the person set is stored: what a file said, was assumed, or belongs to a system of the
paper is not.
"""

from pathlib import Path
from typing import Any

from ...settings.asked import FIRST_STEP_LENGTH, AskedSettings
from ...settings.document import RunSettings
from ...settings.fields import SettingsField, fields_of
from ..document import RunDocument
from ..widgets.dock import PLUGIN
from ..widgets.prior_chooser import GENERAL, OFF

CATEGORY = "reconstruction"
"""Key of the preferences in the manifest's configurations."""

PRIOR, DIFFUSION = "method.prior", "method.diffusion"
# What belongs to single recordings, or serves one run alone.
_NOT_STORED = {"light", "mask_missing", "keep_samples", "seed", "threads", "inr_file", "diffusion"}


class Preferences:
    """The preferences of this plugin; the defaults of its settings where napari keeps none."""

    def __init__(self) -> None:
        self._stored = _stored_by_napari()

    def start(self, document: RunDocument) -> None:
        """Ask the document for what is set; what cannot be, such as a lost prior, is left out."""
        if self._stored is None:
            return
        asked: dict[str, Any] = {}
        for field in stored_fields():
            value = getattr(self._stored, field.name, default_of(field))
            if value == OFF and field.path == PRIOR:
                asked[DIFFUSION] = OFF
            elif value != default_of(field) and not _is_lost(field, value):
                asked[field.path] = None if field.nullable and value == 0 else value
        run = AskedSettings(asked)
        # Written by hand or by another version they may not be possible: the dock's own defaults stand then.
        document.change(run=AskedSettings() if run.problem else run)

    def store(self, document: RunDocument) -> None:
        """Remember what the person set for a run, if that is wanted."""
        if self._stored is None or not self._stored.remember:
            return
        taken_over = {
            f"{part}.{name}": v for part, t in document.run.earlier.items() for name, v in t.items()
        }
        set_here = taken_over | dict(document.run.asked)
        values: dict[str, Any] = {}
        for field in stored_fields():
            if field.path in set_here:
                value = set_here[field.path]
                values[field.name] = default_of(field) if value is None else value
            elif field.name not in document.recorded.acquisition:
                values[field.name] = default_of(field)
        if set_here.get(DIFFUSION) == OFF:
            values["prior"] = OFF
        if values.get("guide") == "reference":
            # It belongs to one sample.
            del values["guide"]
        self._set({name: values[name] for name in values if _can_be_stored(values[name])})

    def folder(self, purpose: str) -> str:
        """The folder that files were last opened from ("open") or saved to ("save"), if it still exists."""
        found = getattr(self._stored, f"{purpose}_folder", "")
        return found if found and Path(found).is_dir() else ""

    def store_folder(self, purpose: str, file: Path) -> None:
        """Remember where a file was opened or saved."""
        if self._stored is not None and self._stored.remember:
            self._set({f"{purpose}_folder": str(file.parent)})

    def _set(self, values: dict[str, Any]) -> None:
        changed = {
            name: value for name, value in values.items() if getattr(self._stored, name, value) != value
        }
        if changed and self._stored is not None:
            # At once: napari writes its file after each change.
            self._stored.update(changed)


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


def _is_lost(field: SettingsField, value: Any) -> bool:
    return field.path == PRIOR and value != GENERAL and not Path(value).is_file()


def _can_be_stored(value: Any) -> bool:
    return isinstance(value, bool | int | float | str)


def _stored_by_napari() -> Any | None:
    try:
        from napari.settings import get_plugin_settings
    except ImportError:  # napari before 0.9
        return None
    try:
        return getattr(get_plugin_settings(PLUGIN), CATEGORY)
    except KeyError:  # the plugin's manifest is not known, as when its code is used without it
        return None
