"""The rooms of the house: small, named for what is in them, and quick to enter.

Who may import whom is a matter of the linter: the contracts of import-linter in pyproject.toml.
"""

import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

import pytest

PACKAGE = "napari_microdiffusion"
SOURCE = Path(__file__).resolve().parents[1] / "src"
MODULES = sorted((SOURCE / PACKAGE).rglob("*.py"))
MOST_FILES = 15
WORDS_THAT_NAME_NOTHING = {"util", "utils", "helper", "helpers", "common", "base", "manager", "misc", "core"}


def test_files_are_named_for_what_is_in_them():
    wrong = [
        str(path.relative_to(SOURCE))
        for path in MODULES
        for part in path.relative_to(SOURCE).with_suffix("").parts
        if WORDS_THAT_NAME_NOTHING & set(part.split("_"))
    ]
    assert wrong == []


def test_no_room_is_crowded():
    files = Counter(path.parent.relative_to(SOURCE) for path in MODULES if path.name != "__init__.py")
    assert {str(room): count for room, count in files.items() if count > MOST_FILES} == {}


def test_every_room_but_the_plugin_is_kept_from_the_screen(repository):
    """A new room takes part in the contract, whose list cannot say "all but one"."""
    contracts = tomllib.loads((repository / "pyproject.toml").read_text())["tool"]["importlinter"][
        "contracts"
    ]
    (forbidden,) = [contract for contract in contracts if contract["type"] == "forbidden"]
    rooms = {path.relative_to(SOURCE / PACKAGE).parts[0].removesuffix(".py") for path in MODULES}
    faces = {"plugin", "__init__", "__main__"}
    assert {name.removeprefix(f"{PACKAGE}.") for name in forbidden["source_modules"]} == rooms - faces


@pytest.mark.parametrize(
    "statement",
    [
        f"import {PACKAGE}",
        f"import {PACKAGE}.api",
        f"import {PACKAGE}.cli",
        "import npe2; npe2.PluginManifest.from_distribution('napari-microdiffusion')",
        f"import {PACKAGE}.stacks.reader",
        pytest.param(f"import {PACKAGE}.plugin.reconstruct.view", marks=pytest.mark.screen),
    ],
)
def test_torch_waits_until_it_is_needed(statement):
    code = f"{statement}\nimport sys\nsys.exit('torch was imported' if 'torch' in sys.modules else 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
