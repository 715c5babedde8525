"""The settings that a dock shows and changes: one evented model that forms write and everything else reads.

Values keep their full precision: a form displays a value and writes what a person types, nothing else.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

from psygnal import EventedModel
from pydantic import BaseModel, ConfigDict, Field

from ..diffusion.slab import MAX_DIFFUSION_STEP_LENGTH
from ..errors import UsageError, UserError
from ..io.measured_beam import MeasuredBeam
from ..optics import Acquisition
from ..optics.recorded_beam import BEAM_FIELDS
from ..settings.document import RunSettings
from ..settings.fields import SettingsField, fields_of, leaves, value_at
from ..settings.method import ReconstructionConfig, checked
from ..settings.presets import merged, preset
from ..settings.recorded import NOTHING_RECORDED, Recorded
from ..settings.resolve import Resolved, resolve

FIRST_STEP_LENGTH = 6
"""What a dock starts with where nothing is known of the step length."""

STEP_LENGTH = "acquisition.step_length"
BEAM_PATHS = frozenset(f"acquisition.{name}" for name in BEAM_FIELDS)

# The seven systems of the paper's Table 1, as guide and diffusion.
PAPER_SYSTEMS = {
    "MicroDiffusion": ("inr", "paper"),
    "Interpolation diffusion": ("linear", "paper"),
    "Cubic interpolation diffusion": ("cubic", "paper"),
    "Naive diffusion": ("none", "paper"),
    "INR": ("inr", "off"),
    "Interpolation": ("linear", "off"),
    "Cubic interpolation": ("cubic", "off"),
}
# What a system of the paper decides; choosing none again brings back what was set before.
_OF_THE_SYSTEM = ("guide", "diffusion", "consistency", "samples", "inr", "paper")


class FormSettings(EventedModel):
    """Fields of a model as far as they were asked for.

    Observers connect to `events.revision`, which rises once with every change.

    Attributes
    ----------
    model : type of pydantic.BaseModel
    asked : dict
        Values by dotted path; the others have their defaults.
    revision : int
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, ignored_types=(cached_property,))

    model: type[BaseModel]
    asked: dict[str, Any] = Field(default_factory=dict)
    revision: int = 0

    def change(self, **values: Any) -> None:
        """Set several attributes at once; observers hear of it once."""
        with self.events.blocked():
            for name, value in values.items():
                setattr(self, name, value)
            self.__dict__.pop("found", None)
        self.revision += 1

    @cached_property
    def fields(self) -> dict[str, SettingsField]:
        """The model's fields by dotted path."""
        return {field.path: field for field in fields_of(self.model)}

    def value(self, path: str) -> Any:
        """What holds for a field: what was asked for, else its default."""
        return self.asked[path] if path in self.asked else self.fields[path].default

    def ask(self, values: Mapping[str, Any], **others: Any) -> None:
        """Ask for values by dotted path, and set other attributes."""
        self.change(asked={**self.asked, **values}, **others)

    def made(self) -> Any:
        """The model.

        Raises
        ------
        UsageError
            For a setting that cannot be.
        """
        return checked(self.model, tables_of(self.asked), "", {})


class RunDocument(FormSettings):
    """The document of a run in a dock.

    Attributes
    ----------
    earlier : dict of dict
        Settings of an earlier run that were taken over, by part of the document.
    recorded : Recorded
        What the chosen layer's file says.
    measured : MeasuredBeam or None
        An imported beam; it replaces the profile that is set.
    system, schedule : str
        A system of the paper, empty for none, and the preset of its schedule; empty for the schedule of the
        settings that were taken over.
    asked_of_system : dict
        What was asked for since the system was chosen, of what the system decides.
    projections, mirrored : object
        The chosen stacks, None for none.
    is_apart : bool
        Whether the projections with the mirrored beam are a stack of their own.
    """

    model: type[BaseModel] = RunSettings
    earlier: dict[str, Any] = Field(default_factory=dict)
    recorded: Recorded = NOTHING_RECORDED
    measured: MeasuredBeam | None = None
    system: str = ""
    schedule: str = "paper-small"
    asked_of_system: dict[str, Any] = Field(default_factory=dict)
    projections: Any = None
    mirrored: Any = None
    is_apart: bool = False

    @property
    def resolved(self) -> Resolved:
        """What was asked for, what files say and what is assumed, in one document.

        Raises
        ------
        UsageError
            For settings that cannot be.
        """
        resolved, error = self.found
        if resolved is None:
            raise UsageError(str(error))
        return resolved

    @property
    def acquisition(self) -> Acquisition:
        """Step length, beam and detector; raises as `resolved`."""
        return self.resolved.acquisition

    def acquisition_at(self, step_length: int) -> Acquisition:
        """The same beam at another step length; raises as `resolved`."""
        resolved, error = self._resolve({**self.asked, STEP_LENGTH: step_length})
        if resolved is None:
            raise UsageError(str(error))
        return resolved.acquisition

    @property
    def method(self) -> ReconstructionConfig:
        """How the volume is made; raises as `resolved`.

        Without the slab's diffusion at step lengths that its prior does not serve.
        """
        method = self.resolved.method
        if method.diffusion == "slab" and self.acquisition.step_length > MAX_DIFFUSION_STEP_LENGTH:
            return method.model_copy(update={"diffusion": "off"})
        return method

    @property
    def problem(self) -> str:
        """Why the settings cannot be, in a sentence; nothing where they can."""
        return str(self.found[1] or "")

    def value(self, path: str) -> Any:
        """What holds for a field; of settings that cannot be together what was asked for, or a default."""
        resolved, _ = self.found
        if resolved is not None:
            return value_at(resolved.document, path)
        asked = {path: value for path, value in leaves(self._asked())}
        if path in asked:
            return asked[path]
        part, _, name = path.partition(".")
        known = {"acquisition": self.recorded.acquisition}.get(part, {}) | self.earlier.get(part, {})
        default = FIRST_STEP_LENGTH if path == STEP_LENGTH else self.fields[path].default
        return dict(leaves(known)).get(name, default)

    def origin(self, path: str) -> str:
        """Where the value of a field is from: "asked", "file", "assumed" or "default"."""
        resolved, _ = self.found
        return "asked" if resolved is None else resolved.origins[path]

    def ask(self, values: Mapping[str, Any], **others: Any) -> None:
        """Ask for values by dotted path; what is so without being asked for is not noted."""
        guide = values.get("method.guide")
        if self.system and guide not in (None, PAPER_SYSTEMS[self.system][0]):
            self.choose_system("")
        decided = {path: value for path, value in values.items() if self.system and _is_decided(path)}
        asked = {**self.asked, **{path: value for path, value in values.items() if path not in decided}}
        for path in values.keys() - decided.keys():
            without = {other: value for other, value in asked.items() if other != path}
            resolved, _ = self._resolve(without)
            if resolved is not None and value_at(resolved.document, path) == values[path]:
                asked = without
        self.change(asked=asked, asked_of_system={**self.asked_of_system, **decided}, **others)

    def use(self, parts: Mapping[str, Mapping[str, Any]]) -> None:
        """Take over the settings of an earlier run, `settings.files.read_run`, in place of those asked for.

        A step length that they do not say stays as it is.

        Raises
        ------
        UsageError
            For settings that cannot be; nothing is changed then.
        """
        earlier = {part: dict(parts.get(part, {})) for part in ("acquisition", "method")}
        earlier["acquisition"].setdefault("step_length", self.value(STEP_LENGTH))
        resolved = resolve({}, self.recorded, earlier=earlier)
        made_by = (resolved.method.guide, resolved.method.diffusion)
        systems = [name for name, parts in PAPER_SYSTEMS.items() if parts == made_by]
        system = systems[0] if systems and made_by[1] == "paper" else ""
        self.change(
            earlier=earlier,
            asked={},
            asked_of_system={},
            measured=None,
            system=system,
            schedule="" if system else self.schedule or "paper-small",
        )

    def record(self, recorded: Recorded, **others: Any) -> None:
        """Take what the chosen layer says; it goes before what was asked for while another was chosen."""
        gone = set()
        if "step_length" in recorded.acquisition or recorded.suggested is not None:
            gone.add(STEP_LENGTH)
        if "beam" in recorded.acquisition:
            gone |= BEAM_PATHS
        names = {path.partition(".")[2] for path in gone}
        of_beam = {k: v for k, v in self.earlier.get("acquisition", {}).items() if k not in names}
        self.change(
            recorded=recorded,
            asked={path: value for path, value in self.asked.items() if path not in gone},
            earlier={**self.earlier, "acquisition": of_beam} if self.earlier else {},
            measured=None if gone & BEAM_PATHS else self.measured,
            **others,
        )

    def choose_system(self, system: str, schedule: str = "") -> None:
        """Choose a system of the paper, or with an empty name what was set before."""
        if not system and self.system and not self.schedule:
            # Of settings that were taken over: the dock's own method then.
            self.change(earlier={**self.earlier, "method": {}})
        self.change(system=system, schedule=schedule or self.schedule or "paper-small", asked_of_system={})

    def use_measured(self, beam: MeasuredBeam | None) -> None:
        """Take the profile and the displacement from a measured beam, or from none, nor from a file."""
        nothing = {"acquisition.axial_profile": None, "acquisition.displacement": None}
        self.change(measured=beam)
        self.ask(nothing)

    @cached_property
    def found(self) -> tuple[Resolved | None, UserError | None]:
        """The document, or why there is none; worked out once between two changes."""
        return self._resolve(self.asked)

    def _resolve(self, asked: Mapping[str, Any]) -> tuple[Resolved | None, UserError | None]:
        tables, earlier, recorded = self._asked(asked), dict(self.earlier), self.recorded
        if recorded.suggested is None:
            recorded = replace(recorded, suggested=FIRST_STEP_LENGTH)
        if self.system and self.schedule:
            earlier["method"] = {
                k: v for k, v in earlier.get("method", {}).items() if k not in _OF_THE_SYSTEM
            }
        try:
            resolved = resolve(tables, recorded, earlier=earlier, assume=True)
            if self.measured is None:
                return resolved, None
            profile = self._measured(self.measured, resolved.acquisition.step_length)
            tables["acquisition"] = {**tables.get("acquisition", {}), **profile}
            return resolve(tables, recorded, earlier=earlier, assume=True), None
        except UserError as error:
            return None, error

    def _asked(self, asked: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """What was asked for as tables, the system's settings among it."""
        own = self.asked if asked is None else asked
        if not self.system or not self.schedule:
            return tables_of({**own, **self.asked_of_system})
        guide, diffusion = PAPER_SYSTEMS[self.system]
        theirs = merged(preset(self.schedule), {"guide": guide, "diffusion": diffusion})
        others = tables_of({path: value for path, value in own.items() if not _is_decided(path)})
        return merged(others, {"method": theirs}, tables_of(self.asked_of_system))

    def _measured(self, beam: MeasuredBeam, n: int) -> dict[str, Any]:
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
