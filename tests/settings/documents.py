"""Random documents of a run, drawn from the fields of the models."""

from pathlib import Path
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st
from pydantic import ValidationError

from napari_microdiffusion.settings.document import RunSettings
from napari_microdiffusion.settings.fields import SettingsField, fields_of

TEXT = st.text("abcxyz 0123456789.äµ", min_size=1, max_size=12).map(str.strip).filter(bool)
# Half a float's digits are beyond what any box displays.
LARGEST = 1e9


def values_of(field: SettingsField) -> st.SearchStrategy[Any]:
    """Every value that a field takes by itself."""
    low = -LARGEST if field.minimum is None else field.minimum
    high = LARGEST if field.maximum is None else field.maximum
    if field.kind == "choice":
        values: st.SearchStrategy[Any] = st.sampled_from(field.choices)
    elif field.kind == "switch":
        values = st.booleans()
    elif field.kind == "integer":
        values = st.integers(int(low), int(high) - field.maximum_excluded)
    elif field.kind == "number":
        values = st.floats(low, high, exclude_min=field.minimum_excluded, exclude_max=field.maximum_excluded)
    elif field.kind == "text":
        values = TEXT
    elif field.kind == "path":
        values = TEXT.map(Path)
    else:
        values = st.just(field.default)
    return st.none() | values if field.nullable else values


FIELDS = [f for f in fields_of(RunSettings) if f.kind != "sequence" and f.path != "version"]


@st.composite
def documents(draw: st.DrawFn, fields: list[SettingsField] = FIELDS) -> RunSettings:
    """A document whose values are drawn, those of some fields at least; the others are their defaults."""
    chosen = draw(st.sets(st.sampled_from([f.path for f in fields]), max_size=12))
    table: dict[str, Any] = {"acquisition": {"step_length": draw(st.integers(2, 64))}}
    for field in fields:
        if field.path in chosen:
            *parts, name = field.path.split(".")
            place = table
            for part in parts:
                place = place.setdefault(part, {})
            place[name] = draw(values_of(field))
    if table.get("method", {}).get("inr_file") is not None:
        table["method"]["guide"] = "inr"
    if table.get("input", {}).get("second_view") is not None:
        table["acquisition"]["views"] = 2
    if table.get("input", {}).get("beam_file") is not None:
        # What was read from it is in the document of the run.
        count = table["acquisition"]["step_length"] + 2 * draw(st.integers(0, 2))
        weights = st.lists(st.floats(0.001, 1), min_size=count, max_size=count)
        pixels = st.tuples(st.floats(-9, 9), st.floats(-9, 9))
        moved = st.lists(pixels, min_size=count, max_size=count)
        table["acquisition"] |= {"axial_profile": draw(weights), "displacement": draw(st.none() | moved)}
    try:
        return RunSettings.model_validate(table)
    except ValidationError:
        # How the fields of a beam fit together.
        assume(False)
        raise
