"""Settings in files: written by hand, or the provenance of an earlier run."""

import json
from os import PathLike
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..io import IMAGE_SUFFIXES, read_header

# Settings are a page of text; anything much larger is another kind of file.
_LARGEST = 1_000_000


def read_settings(path: str | PathLike[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read settings of a reconstruction.

    Parameters
    ----------
    path
        JSON or YAML: a table of the fields of `ReconstructionConfig`, with those of `Acquisition` under
        `acquisition`; a provenance JSON, which has the former under `settings`; or a volume that this package
        wrote.

    Returns
    -------
    acquisition, settings : dict
        Fields by name, not yet checked.

    Raises
    ------
    UserError
        If the file cannot be read or is no such table.
    """
    import yaml

    path = Path(path)
    if path.name.lower().endswith(IMAGE_SUFFIXES):
        return _of_image(path)
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
    acquisition = content.pop("acquisition", None) or {}
    settings = content.get("settings", content)
    for name, table in (("acquisition", acquisition), ("settings", settings)):
        if not isinstance(table, dict) or not all(isinstance(key, str) for key in table):
            raise UserError(f"{path}: {name} must be a table of names and values.")
    return acquisition, settings


def _of_image(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    found = read_header(path).description
    settings, acquisition = found.get("settings"), found.get("acquisition", {})
    if not isinstance(settings, dict) or not isinstance(acquisition, dict):
        raise UserError(f"{path} is no result of a reconstruction; it tells no settings.")
    return acquisition, settings
