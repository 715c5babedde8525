"""Settings in files: written by hand or by a dock, the provenance of an earlier run, or a result itself."""

import json
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..io import IMAGE_SUFFIXES, read_header
from .document import DOCUMENT_VERSION, PARTS, InputSettings, RunSettings
from .migration import migrated

# Settings are a page of text; anything much larger is another kind of file.
_LARGEST = 1_000_000


def read_run(path: str | PathLike[str]) -> dict[str, dict[str, Any]]:
    """Read the settings of a run, to be used with `resolve`.

    Parameters
    ----------
    path
        JSON or YAML: a document, that is tables of names and values under `acquisition`, `method`, `input`
        and `output` with its `version`; the same with the fields of `method` at the top; a provenance JSON,
        which has them under `settings`; or a volume that this package wrote.

    Returns
    -------
    dict
        Fields by name, not yet checked, under each part of a document.

    Raises
    ------
    UserError
        If the file cannot be read, is no such table, or is of a later version.
    """
    path = Path(path)
    if path.name.lower().endswith(IMAGE_SUFFIXES):
        content: Mapping[str, Any] = read_header(path).description
        if not isinstance(content.get("settings"), dict):
            raise UserError(f"{path} is no result of a reconstruction; it records no settings.")
    else:
        content = read_table(path)
    return parts_of(content, str(path))


def read_settings(path: str | PathLike[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read the acquisition and the method of a run, as `read_run`.

    Returns
    -------
    acquisition, settings : dict
        Fields by name, not yet checked.

    Raises
    ------
    UserError
        As `read_run`.
    """
    parts = read_run(path)
    return parts["acquisition"], parts["method"]


def parts_of(content: Mapping[str, Any], name: str) -> dict[str, dict[str, Any]]:
    """The parts of a document that a table of settings holds, in the form of the present version.

    Parameters
    ----------
    content : mapping
        As in the files that `read_run` takes.
    name : str
        What messages call it.

    Raises
    ------
    UserError
        If it is no such table, or of a later version.
    """
    version = content.get("version", 1)
    if not isinstance(version, int) or version > DOCUMENT_VERSION:
        raise UserError(
            f"{name} has settings of version {version!r}; this program reads those up to {DOCUMENT_VERSION}, "
            "a later one is needed."
        )
    table = dict(content)
    table.pop("version", None)
    found = {part: table.pop(part, None) for part in PARTS}
    is_record = "program" in table
    if is_record and isinstance(found["input"], dict):
        # A provenance records what was read, too.
        found["input"] = {k: v for k, v in found["input"].items() if k in InputSettings.model_fields}
    if "settings" in table:
        found["method"] = table.pop("settings")
    elif found["method"] is None and not is_record:
        found["method"], table = table, {}
    parts: dict[str, dict[str, Any]] = {}
    for part in PARTS:
        fields = {} if found[part] is None else found[part]
        if not isinstance(fields, dict) or not all(isinstance(key, str) for key in fields):
            called = "settings" if part == "method" else part
            raise UserError(f"{name}: {called} must be a table of names and values.")
        parts[part] = fields
    if table and not is_record:
        raise UserError(f"{name}: {next(iter(table))!r} is no part of the settings of a run.")
    parts["acquisition"] = migrated({"version": version, "acquisition": parts["acquisition"]})["acquisition"]
    return parts


def record(document: RunSettings) -> dict[str, Any]:
    """A document as a table for JSON and YAML, from which `read_run` has it back to the last bit."""
    return document.model_dump(mode="json")


def short_record(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a provenance that a result itself carries, from which `read_run` has the settings.

    Without the threads, which a batch shares out among its workers: one and two of them leave the same file.
    """
    carried = ("program", "version", "acquisition", "settings", "stopped")
    record = {key: provenance[key] for key in carried if key in provenance}
    if isinstance(settings := record.get("settings"), Mapping):
        record["settings"] = {name: value for name, value in settings.items() if name != "threads"}
    return record


def read_table(path: Path) -> dict[str, Any]:
    """Read a table of names and values.

    Raises
    ------
    UserError
        If the file cannot be read or is no table in JSON or YAML.
    """
    import yaml

    try:
        if path.stat().st_size > _LARGEST:
            raise UserError(f"{path} is too large for a file of settings; JSON or YAML is needed.")
        text = path.read_text(encoding="utf-8")
        content = json.loads(text) if path.suffix.lower() == ".json" else yaml.safe_load(text)
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file.") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (UnicodeDecodeError, json.JSONDecodeError, yaml.YAMLError) as error:
        raise UserError(f"{path} is no JSON or YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(content, dict):
        raise UserError(f"{path} holds no settings; a table of names and values is needed.")
    return content
