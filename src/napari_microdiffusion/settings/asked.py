"""What a person asks for step by step, as in a window, on top of what files say and earlier runs used."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from ..errors import UsageError, UserError
from ..io.measured_beam import MeasuredBeam
from ..optics import Acquisition
from ..optics.recorded_beam import BEAM_FIELDS
from .document import RunSettings
from .fields import SettingsField, fields_of, leaves, value_at
from .presets import PAPER_SYSTEMS, merged, preset
from .recorded import NOTHING_RECORDED, Recorded
from .resolve import Resolved, resolve

FIRST_STEP_LENGTH = 6
"""What is assumed where nothing is known of the step length."""

STEP_LENGTH = "acquisition.step_length"
BEAM_PATHS = frozenset(f"acquisition.{name}" for name in BEAM_FIELDS)
FIELDS: dict[str, SettingsField] = {field.path: field for field in fields_of(RunSettings)}
"""The fields of a run by dotted path."""

# What a system of the paper decides; choosing none again brings back what was set before.
_OF_THE_SYSTEM = ("guide", "diffusion", "consistency", "samples", "inr", "paper")


@dataclass(frozen=True, eq=False)
class AskedSettings:
    """The settings of a run as they stand; every step gives a new one.

    Attributes
    ----------
    asked : mapping
        Values by dotted path, "acquisition.bend".
    earlier : mapping of mappings
        Settings of an earlier run that were taken over, by part of the document.
    recorded : Recorded
        What the image says.
    measured : MeasuredBeam or None
        An imported beam; it replaces the profile that is set.
    system, schedule : str
        A system of the paper, empty for none, and the preset of its schedule; empty for the schedule of the
        settings that were taken over.
    asked_of_system : mapping
        What was asked for since the system was chosen, of what the system decides.
    """

    asked: Mapping[str, Any] = field(default_factory=dict)
    earlier: Mapping[str, Any] = field(default_factory=dict)
    recorded: Recorded = NOTHING_RECORDED
    measured: MeasuredBeam | None = None
    system: str = ""
    schedule: str = "paper-small"
    asked_of_system: Mapping[str, Any] = field(default_factory=dict)

    @property
    def resolved(self) -> Resolved:
        """What was asked for, what files say and what is assumed, in one document.

        Raises
        ------
        UsageError
            For settings that cannot be.
        """
        resolved, error = self._found
        if resolved is None:
            raise UsageError(str(error))
        return resolved

    @property
    def problem(self) -> str:
        """Why the settings cannot be, in a sentence; nothing where they can."""
        return str(self._found[1] or "")

    def value(self, path: str) -> Any:
        """What holds for a field; of settings that cannot be together what was asked for, or a default."""
        resolved, _ = self._found
        if resolved is not None:
            return value_at(resolved.document, path)
        asked = dict(leaves(self._tables(self.asked)))
        if path in asked:
            return asked[path]
        part, _, name = path.partition(".")
        said = self.recorded.acquisition if part == "acquisition" else {}
        default = FIRST_STEP_LENGTH if path == STEP_LENGTH else FIELDS[path].default
        return dict(leaves({**said, **self.earlier.get(part, {})})).get(name, default)

    def origin(self, path: str) -> str:
        """Where the value of a field is from: "asked", "file", "assumed" or "default"."""
        resolved, _ = self._found
        return "asked" if resolved is None else resolved.origins[path]

    def tables(self) -> dict[str, Any]:
        """What was asked for, as `resolve` takes it for any image; a measured beam as it is for this one.

        Raises
        ------
        UsageError
            For a measured beam whose extent in slices is not known.
        """
        tables = self._tables(self.asked)
        if self.measured is not None:
            profile = self._profile(self.measured, self.resolved.acquisition.step_length)
            tables["acquisition"] = {**tables.get("acquisition", {}), **profile}
        return tables

    def acquisition_at(self, step_length: int) -> Acquisition:
        """The same beam at another step length; raises as `resolved`."""
        return replace(self, asked={**self.asked, STEP_LENGTH: step_length}).resolved.acquisition

    def asking(self, values: Mapping[str, Any]) -> "AskedSettings":
        """With other values; what is so without being asked for is not noted.

        Another guide than that of the paper's system leaves the system.
        """
        guide = values.get("method.guide")
        if self.system and guide not in (None, PAPER_SYSTEMS[self.system][0]):
            return self.in_system("").asking(values)
        decided = {path: value for path, value in values.items() if self.system and _is_decided(path)}
        asked = {**self.asked, **{path: value for path, value in values.items() if path not in decided}}
        for path in values.keys() - decided.keys():
            without = {other: value for other, value in asked.items() if other != path}
            resolved, _ = replace(self, asked=without)._found
            if resolved is not None and value_at(resolved.document, path) == values[path]:
                asked = without
        return replace(self, asked=asked, asked_of_system={**self.asked_of_system, **decided})

    def using(self, parts: Mapping[str, Mapping[str, Any]]) -> "AskedSettings":
        """With the settings of an earlier run, `files.read_run`, in place of those asked for.

        A step length that they do not say stays as it is.

        Raises
        ------
        UsageError
            For settings that cannot be.
        """
        earlier = {part: dict(parts.get(part, {})) for part in ("acquisition", "method")}
        earlier["acquisition"].setdefault("step_length", self.value(STEP_LENGTH))
        method = resolve({}, self.recorded, earlier=earlier).method
        systems = [name for name, made in PAPER_SYSTEMS.items() if made == (method.guide, "paper")]
        if method.diffusion != "paper" or not systems:
            return AskedSettings(earlier=earlier, recorded=self.recorded)
        return AskedSettings(earlier=earlier, recorded=self.recorded, system=systems[0], schedule="")

    def recording(self, recorded: Recorded, forget_step_length: bool = False) -> "AskedSettings":
        """With what another image says; it goes before what was asked for while the former was chosen.

        With `forget_step_length`, one that was asked for then does not stay, whatever the other image says.
        """
        gone: set[str] = set()
        says_step_length = "step_length" in recorded.acquisition or recorded.suggested is not None
        if says_step_length or forget_step_length:
            gone.add(STEP_LENGTH)
        if "beam" in recorded.acquisition:
            gone |= BEAM_PATHS
        names = {path.partition(".")[2] for path in gone}
        before = {k: v for k, v in self.earlier.get("acquisition", {}).items() if k not in names}
        return replace(
            self,
            recorded=recorded,
            asked={path: value for path, value in self.asked.items() if path not in gone},
            earlier={**self.earlier, "acquisition": before} if self.earlier else {},
            measured=None if gone & BEAM_PATHS else self.measured,
        )

    def in_system(self, system: str, schedule: str = "") -> "AskedSettings":
        """With a system of the paper, or with an empty name what was set before."""
        earlier = self.earlier
        if not system and self.system and not self.schedule:
            # Of settings that were taken over: the program's own method then.
            earlier = {**earlier, "method": {}}
        schedule = schedule or self.schedule or "paper-small"
        return replace(self, earlier=earlier, system=system, schedule=schedule, asked_of_system={})

    def measuring(self, beam: MeasuredBeam | None) -> "AskedSettings":
        """With the profile and the displacement of a measured beam; of none, nor of a file, with None."""
        nothing = {"acquisition.axial_profile": None, "acquisition.displacement": None}
        return replace(self, measured=beam).asking(nothing)

    @cached_property
    def _found(self) -> tuple[Resolved | None, UserError | None]:
        tables, earlier, recorded = self._tables(self.asked), dict(self.earlier), self.recorded
        if recorded.suggested is None:
            recorded = replace(recorded, suggested=FIRST_STEP_LENGTH)
        if self.system and self.schedule:
            before = earlier.get("method", {})
            earlier["method"] = {name: v for name, v in before.items() if name not in _OF_THE_SYSTEM}
        try:
            resolved = resolve(tables, recorded, earlier=earlier, assume=True)
            if self.measured is None:
                return resolved, None
            profile = self._profile(self.measured, resolved.acquisition.step_length)
            tables["acquisition"] = {**tables.get("acquisition", {}), **profile}
            return resolve(tables, recorded, earlier=earlier, assume=True), None
        except UserError as error:
            return None, error

    def _tables(self, own: Mapping[str, Any]) -> dict[str, Any]:
        """What was asked for as tables, the system's settings among it."""
        if not self.system or not self.schedule:
            return tables_of({**own, **self.asked_of_system})
        guide, diffusion = PAPER_SYSTEMS[self.system]
        theirs = merged(preset(self.schedule), {"guide": guide, "diffusion": diffusion})
        others = tables_of({path: value for path, value in own.items() if not _is_decided(path)})
        return merged(others, {"method": theirs}, tables_of(self.asked_of_system))

    def _profile(self, beam: MeasuredBeam, n: int) -> dict[str, Any]:
        spacing = self.recorded.slice_spacing_for(n)
        if spacing is None:
            raise UsageError(
                f"the measured beam {beam.name} is in um, but the spacing of the slices is not known: choose "
                "projections with a scale, or forget the measured beam"
            )
        return beam.fields(n, spacing, self.recorded.pixel_size)


def tables_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by dotted path as tables within tables."""
    tables: dict[str, Any] = {}
    for path, value in values.items():
        *parts, name = path.split(".")
        inner = tables
        for part in parts:
            inner = inner.setdefault(part, {})
        inner[name] = value
    return tables


def _is_decided(path: str) -> bool:
    part, *names = path.split(".")
    return part == "method" and names[0] in _OF_THE_SYSTEM
