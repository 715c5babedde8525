"""Options of the command line made from the fields of the settings' models, once for every command."""

import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import Any

import typer

from ..optics.simulation import DetectorNoise
from ..settings.document import RunSettings
from ..settings.fields import SettingsField, fields_of
from .terminal import with_parameters

Asked = dict[str, dict[str, Any]]
"""What was asked for: values by their fields' names, under the part of the settings that they belong to."""

AUTOMATIC = "automatic"

_FLAGS = {
    "acquisition.step_length": ("-n", "--step-length"),
    "method.memory_gb": ("--memory",),
    "method.inr_file": ("--inr",),
    "output.inr": ("--save-inr",),
}
_TIMES = "input.times"  # given with --time
_HEADINGS = {"acquisition": "Beam"}
_STEP = (
    "Slices from one projection to the next, where the beam, whose width -n then is, is wider or narrower "
    "than the step."
)


@dataclass(frozen=True)
class SettingOption:
    """An option that is a field of the settings.

    Attributes
    ----------
    field : SettingsField
    flags : tuple of str
    annotation : type
        Of what is given.
    metavar : str or None
        What the help calls it; None for the name of its type.
    """

    field: SettingsField
    flags: tuple[str, ...]
    annotation: Any = str
    metavar: str | None = None

    @property
    def heading(self) -> str:
        """Under which the help has it."""
        return _HEADINGS.get(self.field.group, self.field.group.capitalize())

    @property
    def parameter(self) -> inspect.Parameter:
        """The parameter of a command; None where the option is not given."""
        has_default = self.field.default is not None and self.field.kind != "switch"
        text = self.field.text + (f" Default: {self.field.default}." if has_default else "")
        option = typer.Option(
            None, *self.flags, help=text, metavar=self.metavar, rich_help_panel=self.heading
        )
        return inspect.Parameter(
            self.field.path.replace(".", "__"),
            inspect.Parameter.KEYWORD_ONLY,
            default=option,
            annotation=self.annotation | None,
        )

    def value(self, given: Any) -> Any:
        """The value that an option stands for; the models check it."""
        if self.field.kind not in ("integer", "number"):
            return given
        return None if self.field.nullable and given == AUTOMATIC else number(given)


def number(text: str) -> int | float | str:
    """What was written as a number; what is none stays as it is, for the models to refuse."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def option_of(field: SettingsField) -> SettingOption:
    """The option for a field."""
    flag = f"--{field.name.replace('_', '-')}"
    flags = _FLAGS.get(field.path, (flag,))
    if field.path == "acquisition.views":
        return SettingOption(field, flags, metavar="2|FILE")
    if field.kind in ("integer", "number"):
        return SettingOption(
            field, flags, metavar=field.kind.upper() + (f"|{AUTOMATIC}" if field.nullable else "")
        )
    if field.kind == "switch":
        return SettingOption(field, (f"{flag}/--no-{field.name.replace('_', '-')}",), bool)
    return SettingOption(field, flags, str if field.kind == "text" else field.annotation)


def _options() -> Iterator[SettingOption]:
    """Options for the fields of a run and of simulated noise, but for tables within their parts."""
    for field in (*fields_of(RunSettings), *fields_of(DetectorNoise, "noise")):
        if field.kind == "sequence" or field.path.count(".") != 1 or field.path == _TIMES:
            continue
        if field.path == "acquisition.views":
            words = f"{field.description} Or the file with the second view."
            yield option_of(replace(field, description=words))
            continue
        if field.path == "input.time":
            words = f"{field.description} Or several: FIRST:END, without the end, or all."
            yield replace(option_of(replace(field, description=words)), metavar="INTEGER|FIRST:END|all")
            continue
        yield option_of(field)
        if field.path == "acquisition.step_length":
            yield option_of(replace(field, path="acquisition.step", description=_STEP, unit=""))


OPTIONS = {option.field.path: option for option in _options()}
NAMES = {path: option.flags[0].partition("/")[0] for path, option in OPTIONS.items()}
"""How a person calls each field, for messages."""

NAMES[_TIMES] = NAMES["input.time"]


def part(name: str, *without: str) -> tuple[str, ...]:
    """Paths of the options of one part of the settings, but for some fields."""
    left_out = {f"{name}.{field}" for field in without}
    return tuple(p for p in OPTIONS if p.startswith(f"{name}.") and p not in left_out)


BEAM_FILE = ("input.beam_file", "input.slice_spacing")
WITHIN_FILE = part("input", "path", "second_view", "beam_file", "slice_spacing", "reference")
REFERENCE = ("input.reference",)
BEAM = tuple(path for path in part("acquisition") if OPTIONS[path].heading == "Beam")
DETECTOR = tuple(path for path in part("acquisition") if path not in BEAM)
METHOD = part("method", "keep_samples")


def asks_for(*paths: Iterable[str]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command the options of some fields; its parameter `asked` gets what was asked for, `Asked`."""
    options = [(path, OPTIONS[path].parameter) for group in paths for path in group]

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def run(*args: Any, **given: Any) -> Any:
            values = {path: given.pop(parameter.name) for path, parameter in options}
            return function(*args, asked=_collected(values), **given)

        own = [p for p in inspect.signature(function).parameters.values() if p.name != "asked"]
        first = [p for p in own if p.default is p.empty]
        rest = [p.replace(kind=p.KEYWORD_ONLY) for p in own if p.default is not p.empty]
        return with_parameters(run, [*first, *(parameter for _, parameter in options), *rest])

    return decorate


def _collected(values: dict[str, Any]) -> Asked:
    asked: Asked = {}
    for path, given in values.items():
        if given is None:
            continue
        if path == "acquisition.views" and not given.strip().isdigit():
            asked.setdefault("input", {})["second_view"] = Path(given)
            continue
        if path == "input.time" and (given == "all" or ":" in given):
            asked.setdefault("input", {})["times"] = given
            continue
        name, _, field = path.partition(".")
        asked.setdefault(name, {})[field] = OPTIONS[path].value(given)
    return asked
