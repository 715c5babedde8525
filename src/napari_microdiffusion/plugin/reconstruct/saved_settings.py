"""Settings of an earlier result, offered when it is opened again and put into the dock on request."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QPushButton, QVBoxLayout, QWidget

from ...optics import Acquisition
from ...settings.method import ReconstructionConfig, settings_error
from ..layers.metadata import known_of
from ..widgets.section import label, row
from .sections.advanced import PAPER_SYSTEMS
from .sections.diffusion import OFF
from .sections.guide import HeldInr
from .sections.together import Sections

SETTINGS_SUFFIXES = (".json", ".yaml", ".yml")
"""Endings of files of settings, such as the provenance beside a result."""


class SettingsOffer(QWidget):
    """A line that asks whether the settings of an opened result are wanted; hidden until there is one.

    `taken` carries the acquisition and the settings, two tables of names and values.
    """

    taken = Signal(object, object)

    def __init__(self) -> None:
        super().__init__()
        self._tables: tuple[Mapping[str, Any], Mapping[str, Any]] = ({}, {})
        self._text = label(wrap=True)
        self.use = QPushButton("Use these settings")
        self.use.setToolTip(
            "<qt>Put the step length, the method and the seed of that result into the dock.</qt>"
        )
        self.leave = QPushButton("No")
        self.leave.setToolTip("Keep the settings as they are")
        self.use.clicked.connect(self._take)
        self.leave.clicked.connect(self.hide)
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 4, 4, 8)
        column.addWidget(self._text)
        column.addLayout(row(self.use, self.leave))
        self.hide()

    def consider(self, layer: Any) -> None:
        """Offer the settings that a layer brings along, if it does."""
        provenance = known_of(layer).get("provenance")
        if not isinstance(provenance, dict) or not isinstance(provenance.get("settings"), dict):
            return
        acquisition = provenance.get("acquisition")
        self._tables = (acquisition if isinstance(acquisition, dict) else {}, provenance["settings"])
        self._text.setText(f"“{layer.name}” tells the settings that made it.")
        self.show()

    def _take(self) -> None:
        self.hide()
        self.taken.emit(*self._tables)


def apply_settings(
    sections: Sections, acquisition: Mapping[str, Any], settings: Mapping[str, Any]
) -> list[str]:
    """Put settings into the dock.

    Parameters
    ----------
    sections : Sections
    acquisition, settings : mapping
        Fields of `Acquisition` and of `ReconstructionConfig`; those that are missing get their defaults, a
        missing step length stays as it is.

    Returns
    -------
    list of str
        Titles of settings that differ from their defaults and have no field in the dock.

    Raises
    ------
    UsageError
        For settings that cannot be; nothing is changed then.
    """
    try:
        optics = Acquisition(**{"step_length": sections.beam.step_length.value(), **acquisition})
        config = ReconstructionConfig(**settings)
    except ValidationError as error:
        raise settings_error(error) from error
    sections.beam.show_optics(optics)
    _set_diffusion(sections, config)
    advanced = sections.advanced
    _choose(advanced.consistency, config.consistency)
    _choose(advanced.light, config.light)
    _choose(advanced.device, config.device)
    advanced.seed.setValue(min(config.seed, advanced.seed.maximum()))
    advanced.memory.setValue(config.memory_gb or 0)
    for name in ("dark_level", "photon_gain", "read_noise"):
        getattr(advanced, name).setValue(getattr(optics, name) or 0)
    _set_guide(sections, config)
    return _without_field(config)


def _set_diffusion(sections: Sections, config: ReconstructionConfig) -> None:
    section = sections.diffusion
    if config.diffusion == "off":
        _choose(section.prior, OFF)
    elif config.prior == "general":
        _choose(section.prior, "general")
    else:
        section.use_file(config.prior)
    section.samples.setValue(config.samples)
    section.steps.setValue(config.steps)
    system = next((s for s, parts in PAPER_SYSTEMS.items() if parts == (config.guide, "paper")), None)
    box = sections.advanced.system
    box.setCurrentIndex(max(0, box.findData(system if config.diffusion == "paper" else None)))


def _set_guide(sections: Sections, config: ReconstructionConfig) -> None:
    path = None if config.inr_file is None else Path(config.inr_file)
    if path is not None and path.is_file():
        sections.guide.hold(HeldInr(path.name, path))
    sections.guide.inr.show_values(config.inr)
    sections.guide.set_guide(config.guide)


def _without_field(config: ReconstructionConfig) -> list[str]:
    """Titles of what is set and cannot be shown."""
    names = []
    for name in ("paper", "keep_samples"):
        field = type(config).model_fields[name]
        if getattr(config, name) != field.get_default(call_default_factory=True):
            names.append(field.title or name)
    return names


def _choose(box: QComboBox, value: object) -> None:
    index = box.findData(value)
    if index >= 0:
        box.setCurrentIndex(index)
