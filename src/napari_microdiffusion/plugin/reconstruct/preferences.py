"""Preferences, as napari shows and keeps them: what the dock starts with, and what of a run it remembers."""

from pathlib import Path
from typing import Any

from ...errors import UsageError
from ..widgets.dock import PLUGIN
from .saved_settings import apply_settings
from .sections.diffusion import OFF
from .sections.together import Sections

CATEGORY = "reconstruction"
"""Key of the preferences in the manifest's configurations."""

SETTINGS = ("guide", "consistency", "samples", "steps", "device")
"""Preferences that are fields of the reconstruction's settings, under the same names."""

OPTICS = ("step_length", "beam", "bend", "apex", "tilt", "direction", "side_lobes", "views")
"""Preferences that are fields of the acquisition, under the same names."""


class Preferences:
    """The preferences of this plugin; the defaults of its settings where napari keeps none."""

    def __init__(self) -> None:
        self._kept = _kept_by_napari()

    def start(self, sections: Sections) -> None:
        """Put the preferences into the dock; ones that cannot be, such as a lost prior, are left out."""
        kept = self._kept
        if kept is None:
            return
        settings: dict[str, Any] = {name: getattr(kept, name) for name in SETTINGS}
        optics: dict[str, Any] = {name: getattr(kept, name) for name in OPTICS}
        optics |= {"width": kept.width or None, "lobe_spacing": kept.lobe_spacing or None}
        settings["seed"] = sections.advanced.seed.value()
        settings["memory_gb"] = kept.memory_gb or None
        if kept.prior == OFF:
            settings["diffusion"] = OFF
        elif kept.prior != "general" and Path(kept.prior).is_file():
            settings["prior"] = kept.prior
        try:
            apply_settings(sections, optics, settings)
        except UsageError:
            # Written by hand or by another version: the dock's own defaults stand.
            return

    def keep(self, sections: Sections) -> None:
        """Remember what a run was started with, if that is wanted."""
        kept = self._kept
        if kept is None or not kept.remember:
            return
        optics, config = sections.acquisition(), sections.config()
        if config.diffusion == "paper":
            return  # a system that was compared, with settings that serve no other
        values: dict[str, Any] = {name: getattr(config, name) for name in SETTINGS}
        values |= {name: getattr(optics, name) for name in OPTICS}
        values |= {
            "width": optics.width or 0.0,
            "lobe_spacing": optics.lobe_spacing or 0.0,
            "prior": sections.diffusion.prior.currentData() or "general",
            "memory_gb": config.memory_gb or 0.0,
        }
        self._set(values)

    def folder(self, purpose: str) -> str:
        """The folder that files were last opened from ("open") or saved to ("save"), if it still exists."""
        found = getattr(self._kept, f"{purpose}_folder", "")
        return found if found and Path(found).is_dir() else ""

    def keep_folder(self, purpose: str, file: Path) -> None:
        """Remember where a file was opened or saved."""
        if self._kept is not None and self._kept.remember:
            self._set({f"{purpose}_folder": str(file.parent)})

    def _set(self, values: dict[str, Any]) -> None:
        changed = {name: value for name, value in values.items() if getattr(self._kept, name) != value}
        if changed and self._kept is not None:
            # At once: napari writes its file after each change.
            self._kept.update(changed)


def _kept_by_napari() -> Any | None:
    try:
        from napari.settings import get_plugin_settings
    except ImportError:  # napari before 0.9
        return None
    try:
        return getattr(get_plugin_settings(PLUGIN), CATEGORY)
    except KeyError:  # the plugin's manifest is not known, as when its code is used without it
        return None
