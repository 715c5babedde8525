"""What forms and command-line options need to know of the fields of a settings model."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo

Kind = Literal["choice", "switch", "integer", "number", "text", "path", "sequence"]


@dataclass(frozen=True)
class SettingsField:
    """One field of a model, or of a model within it.

    Attributes
    ----------
    path : str
        Dotted, from the model that was walked: "acquisition.bend".
    model : type of pydantic.BaseModel
        The model that the field belongs to.
    kind : {"choice", "switch", "integer", "number", "text", "path", "sequence"}
        Of its values; "sequence" are tuples, such as a measured profile.
    annotation : type
        Of its values, without None: `int`, `float`, `Literal[...]`.
    nullable : bool
        Whether None is a value.
    required : bool
        Whether it has no default.
    default : object
        None where it is required.
    choices : tuple
        Of kind "choice".
    minimum, maximum : float or None
        Of numbers.
    minimum_excluded, maximum_excluded : bool
        Whether the limit itself is none of the values.
    title, description, unit, group : str
        Words for people; an empty unit where there is none. The group is the part of the document, or
        "detector" for the fields of an acquisition that describe that.
    """

    path: str
    model: type[BaseModel]
    kind: Kind
    annotation: Any
    nullable: bool
    required: bool
    default: Any
    choices: tuple[Any, ...]
    minimum: float | None
    maximum: float | None
    minimum_excluded: bool
    maximum_excluded: bool
    title: str
    description: str
    unit: str
    group: str

    @property
    def name(self) -> str:
        """The field's name in its own model."""
        return self.path.rpartition(".")[2]

    @property
    def text(self) -> str:
        """The description with the unit."""
        if self.unit.startswith("of "):
            return f"{self.description} As a fraction {self.unit}."
        unit = {"min": "minutes"}.get(self.unit, self.unit)
        return self.description + (f" In {unit}." if unit else "")


def fields_of(model: type[BaseModel], prefix: str = "") -> Iterator[SettingsField]:
    """Yield every field of a model, those of the models within it included, in their order.

    Parameters
    ----------
    model : type of pydantic.BaseModel
    prefix : str
        Dotted path to the model, where it is part of a larger one.
    """
    for name, info in model.model_fields.items():
        path = f"{prefix}.{name}" if prefix else name
        inner = info.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from fields_of(inner, path)
        else:
            yield _described(path, model, info)


def field(model: type[BaseModel], path: str) -> SettingsField:
    """The field of a dotted path.

    Raises
    ------
    KeyError
        If there is none.
    """
    for found in fields_of(model):
        if found.path == path:
            return found
    raise KeyError(path)


def value_at(settings: BaseModel, path: str) -> Any:
    """The value of a field by its dotted path."""
    value: Any = settings
    for part in path.split("."):
        value = getattr(value, part)
    return value


def leaves(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted paths and values of a table of tables."""
    for name, value in table.items():
        path = f"{prefix}.{name}" if prefix else name
        if isinstance(value, Mapping):
            yield from leaves(value, path)
        else:
            yield path, value


def _described(path: str, model: type[BaseModel], info: FieldInfo) -> SettingsField:
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    annotation, nullable = _without_none(info.annotation)
    kind = _kind(annotation)
    low, high, above, below = _limits(info)
    return SettingsField(
        path=path,
        model=model,
        kind=kind,
        annotation=annotation,
        nullable=nullable,
        required=info.is_required(),
        default=None if info.is_required() else info.get_default(call_default_factory=True),
        choices=get_args(annotation) if kind == "choice" else (),
        minimum=low,
        maximum=high,
        minimum_excluded=above,
        maximum_excluded=below,
        title=info.title or path.rpartition(".")[2].replace("_", " "),
        description=info.description or "",
        unit=str(extra.get("unit", "")),
        group=str(extra.get("group", path.split(".")[0])),
    )


def _without_none(annotation: Any) -> tuple[Any, bool]:
    if get_origin(annotation) not in (Union, UnionType):
        return annotation, False
    kinds = tuple(kind for kind in get_args(annotation) if kind is not NoneType)
    nullable = len(kinds) < len(get_args(annotation))
    return (kinds[0] if len(kinds) == 1 else Union[kinds]), nullable  # noqa: UP007


def _kind(annotation: Any) -> Kind:
    if get_origin(annotation) is Literal:
        return "choice"
    if get_origin(annotation) is tuple:
        return "sequence"
    kinds: dict[Any, Kind] = {bool: "switch", int: "integer", float: "number", Path: "path"}
    return kinds.get(annotation, "text")


def _limits(info: FieldInfo) -> tuple[float | None, float | None, bool, bool]:
    low: float | None = None
    high: float | None = None
    above = below = False
    for limit in info.metadata:
        if isinstance(limit, Ge):
            low = limit.ge  # type: ignore[assignment]
        elif isinstance(limit, Gt):
            low, above = limit.gt, True  # type: ignore[assignment]
        elif isinstance(limit, Le):
            high = limit.le  # type: ignore[assignment]
        elif isinstance(limit, Lt):
            high, below = limit.lt, True  # type: ignore[assignment]
    return low, high, above, below
