"""What forms and options know of the fields of a model."""

from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel, Field

from napari_microdiffusion.optics import Acquisition
from napari_microdiffusion.settings.document import RunSettings
from napari_microdiffusion.settings.fields import field, fields_of, leaves, value_at


class Inner(BaseModel):
    size: float | None = Field(None, title="Size", description="How large.", gt=0, lt=10)


class Outer(BaseModel):
    count: int = Field(ge=2, le=2**62, json_schema_extra={"unit": "pieces", "group": "detector"})
    colour: Literal["red", "blue"] = "red"
    is_on: bool = True
    name: str | None = None
    file: Path | None = None
    pair: tuple[float, float] | None = None
    inner: Inner = Field(default_factory=Inner)


def test_a_walk_finds_every_field_with_its_words_and_limits():
    found = {f.path: f for f in fields_of(Outer, "part")}
    assert list(found) == [
        f"part.{name}" for name in ("count", "colour", "is_on", "name", "file", "pair", "inner.size")
    ]
    count, size = found["part.count"], found["part.inner.size"]
    assert (count.kind, count.required, count.default, count.nullable) == ("integer", True, None, False)
    assert (count.minimum, count.maximum, count.maximum_excluded) == (2, 2**62, False)
    assert (count.unit, count.group, count.title) == ("pieces", "detector", "count")
    assert (size.kind, size.nullable, size.annotation, size.group) == ("number", True, float, "part")
    assert (size.minimum, size.minimum_excluded, size.maximum_excluded) == (0, True, True)
    assert (size.text, size.name, size.model) == ("How large.", "size", Inner)
    kinds = {f.name: f.kind for f in found.values()}
    assert kinds["colour"] == "choice"
    assert found["part.colour"].choices == ("red", "blue")
    assert (kinds["is_on"], kinds["name"], kinds["file"], kinds["pair"]) == (
        "switch",
        "text",
        "path",
        "sequence",
    )


def test_a_field_by_its_path():
    assert field(RunSettings, "acquisition.bend").unit == "pixels per slice squared"
    assert field(RunSettings, "method.seed").maximum == 2**63
    with pytest.raises(KeyError):
        field(RunSettings, "acquisition.colour")


def test_values_and_leaves():
    document = RunSettings(acquisition=Acquisition(step_length=6, bend=0.1))
    assert value_at(document, "acquisition.bend") == 0.1
    assert dict(leaves({"a": 1, "b": {"c": 2, "d": {}}})) == {"a": 1, "b.c": 2}


@pytest.mark.parametrize("found", list(fields_of(RunSettings)), ids=lambda found: found.path)
def test_every_field_of_a_run_has_words_for_people(found):
    assert found.title
    assert found.description.endswith(".")
