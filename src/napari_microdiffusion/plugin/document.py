"""The settings that a dock shows and changes: one evented model that forms write and everything else reads.

Values keep their full precision: a form displays a value and writes what a person types, nothing else.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from psygnal import EventedModel
from pydantic import BaseModel, ConfigDict, Field

from ..diffusion.slab import MAX_DIFFUSION_STEP_LENGTH
from ..io.measured_beam import MeasuredBeam
from ..optics import Acquisition
from ..settings.asked import FIELDS, AskedSettings, tables_of
from ..settings.document import RunSettings
from ..settings.fields import SettingsField, fields_of
from ..settings.method import ReconstructionConfig, checked
from ..settings.recorded import Recorded


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
        """Set several attributes at once; one event for all."""
        with self.events.blocked():
            for name, value in values.items():
                setattr(self, name, value)
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
        """The model; raises `UsageError` for a setting that cannot be."""
        return checked(self.model, tables_of(self.asked), "", {})


class RunDocument(FormSettings):
    """The document of a run in a dock.

    Attributes
    ----------
    run : AskedSettings
        What was asked for, what is recorded and what is assumed, with the rules for which counts.
    projections, mirrored : object
        The chosen stacks, None for none.
    is_apart : bool
        Whether the projections with the mirrored beam are a stack of their own.
    """

    model: type[BaseModel] = RunSettings
    run: Any = Field(default_factory=AskedSettings)
    projections: Any = None
    mirrored: Any = None
    is_apart: bool = False

    @cached_property
    def fields(self) -> dict[str, SettingsField]:
        """The fields of a run by dotted path."""
        return FIELDS

    @property
    def recorded(self) -> Recorded:
        """What the chosen layer's file says."""
        found: Recorded = self.run.recorded
        return found

    @property
    def problem(self) -> str:
        """Why the settings cannot be, in a sentence; nothing where they can."""
        return str(self.run.problem)

    @property
    def acquisition(self) -> Acquisition:
        """Step length, beam and detector; raises `UsageError` for settings that cannot be."""
        found: Acquisition = self.run.resolved.acquisition
        return found

    @property
    def method(self) -> ReconstructionConfig:
        """How the volume is made; raises `UsageError` for settings that cannot be.

        Without the slab's diffusion at step lengths that its prior does not serve.
        """
        method: ReconstructionConfig = self.run.resolved.method
        if method.diffusion == "slab" and self.acquisition.step_length > MAX_DIFFUSION_STEP_LENGTH:
            return method.model_copy(update={"diffusion": "off"})
        return method

    def value(self, path: str) -> Any:
        """What holds for a field; of settings that cannot be together what was asked for, or a default."""
        return self.run.value(path)

    def ask(self, values: Mapping[str, Any], **others: Any) -> None:
        """Ask for values by dotted path, and set other attributes."""
        self.change(run=self.run.asking(values), **others)

    def use(self, parts: Mapping[str, Mapping[str, Any]]) -> None:
        """Take over the settings of an earlier run; raises `UsageError` for those that cannot be."""
        self.change(run=self.run.using(parts))

    def record(self, recorded: Recorded, forget_step_length: bool = False, **others: Any) -> None:
        """Take what another layer says, and set other attributes; see `AskedSettings.recording`."""
        self.change(run=self.run.recording(recorded, forget_step_length), **others)

    def reset(self) -> None:
        """Go back to what files say and to the defaults."""
        self.change(run=AskedSettings(recorded=self.recorded))

    def choose_system(self, system: str, schedule: str = "") -> None:
        """Choose a system of the paper, or with an empty name what was set before."""
        self.change(run=self.run.in_system(system, schedule))

    def use_measured(self, beam: MeasuredBeam | None) -> None:
        """Take the profile and the displacement from a measured beam, or from none, nor from a file."""
        self.change(run=self.run.measuring(beam))
