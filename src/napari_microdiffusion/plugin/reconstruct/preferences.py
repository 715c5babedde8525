"""Preferences, as napari shows and keeps them: what the dock starts with, and what of a run it remembers."""

from pathlib import Path
from typing import Any

from ...settings.preferences import asked_by, to_be_stored
from ..document import RunDocument
from ..widgets.dock import PLUGIN

CATEGORY = "reconstruction"
"""Key of the preferences in the manifest's configurations."""


class Preferences:
    """The preferences of this plugin; the defaults of its settings where napari keeps none."""

    def __init__(self) -> None:
        self._stored = _stored_by_napari()

    def start(self, document: RunDocument) -> None:
        """Ask the document for what is set; what cannot be, such as a lost prior, is left out."""
        if self._stored is not None:
            document.change(run=asked_by(lambda name, default: getattr(self._stored, name, default)))

    def store(self, document: RunDocument) -> None:
        """Remember what the person set for a run, if that is wanted."""
        if self._stored is not None and self._stored.remember:
            self._set(to_be_stored(document.run, document.recorded.acquisition))

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


def _stored_by_napari() -> Any | None:
    try:
        from napari.settings import get_plugin_settings
    except ImportError:  # napari before 0.9
        return None
    try:
        return getattr(get_plugin_settings(PLUGIN), CATEGORY)
    except KeyError:  # the plugin's manifest is not known, as when its code is used without it
        return None
