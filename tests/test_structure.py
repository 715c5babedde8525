"""The rooms of the house: who may import whom, read from the source itself."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = "napari_microdiffusion"
SOURCE = Path(__file__).resolve().parents[1] / "src"

# A room is a folder or a file directly in the package; imports go to a lower floor or stay in the room.
FLOORS = {
    "errors": 0,
    "optics": 1,
    "io": 1,
    "specimens": 1,
    "interpolation": 2,
    "evaluation": 2,
    "diffusion": 2,
    "inr": 3,
    "training": 3,
    "settings": 4,
    "reconstruction": 5,
    "api": 6,
    "studies": 6,
    "cluster": 6,
    "plugin": 7,
    "cli": 7,
}
# The package's own face only exports the api; running the package is the command line.
ROOM_OF_FILE = {"__init__": "api", "__main__": "cli"}

SCREEN_LIBRARIES = {
    "qtpy",
    "superqt",
    "pytestqt",
    "napari",
    "magicgui",
    "PyQt5",
    "PyQt6",
    "PySide2",
    "PySide6",
}
WORDS_THAT_NAME_NOTHING = {"util", "utils", "helper", "helpers", "common", "base", "manager", "misc", "core"}


def module_name(path: Path, source: Path) -> str:
    parts = path.relative_to(source).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def modules_of(source: Path) -> dict[str, Path]:
    return {module_name(path, source): path for path in sorted((source / PACKAGE).rglob("*.py"))}


def room_of(module: str) -> str:
    parts = module.split(".")
    room = parts[1] if len(parts) > 1 else "__init__"
    return ROOM_OF_FILE.get(room, room)


def imported_names(module: str, path: Path) -> Iterator[tuple[str, int]]:
    """Every name that a file imports, at any depth, as an absolute dotted name with its line."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                origin = ".".join([*above, origin] if origin else above)
            yield from ((f"{origin}.{alias.name}", node.lineno) for alias in node.names)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in {"import_module", "__import__"} and isinstance(node.args[0].value, str):
                name = node.args[0].value
                yield (f"{package}{name}" if name.startswith(".") else name), node.lineno


def imports_within(source: Path) -> Iterator[tuple[str, str, str]]:
    """Imports between modules of the package as (importer, imported, place)."""
    modules = modules_of(source)
    for module, path in modules.items():
        for name, line in imported_names(module, path):
            if name != PACKAGE and not name.startswith(f"{PACKAGE}."):
                continue
            # The last part may be a thing inside a module rather than a module.
            target = name if name in modules else name.rpartition(".")[0]
            yield module, target, f"{path.relative_to(source)}:{line}"


def upward_imports(source: Path) -> list[str]:
    wrong = []
    for importer, imported, place in imports_within(source):
        here, there = room_of(importer), room_of(imported)
        if here != there and FLOORS[there] >= FLOORS[here]:
            wrong.append(f"{place}: {here} (floor {FLOORS[here]}) imports {there} (floor {FLOORS[there]})")
    return wrong


def circle(source: Path) -> list[str]:
    graph: dict[str, set[str]] = {}
    for importer, imported, _ in imports_within(source):
        graph.setdefault(importer, set()).add(imported)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_every_room_is_on_the_plan():
    rooms = {room_of(module) for module in modules_of(SOURCE)}
    assert rooms - FLOORS.keys() == set()


def test_imports_go_down_or_stay_in_the_room():
    assert upward_imports(SOURCE) == []


def test_no_file_imports_itself_through_others():
    assert circle(SOURCE) == []


def test_only_the_plugin_knows_the_screen():
    wrong = [
        f"{path.relative_to(SOURCE)}:{line} imports {name}"
        for module, path in modules_of(SOURCE).items()
        if room_of(module) != "plugin"
        for name, line in imported_names(module, path)
        if name.split(".")[0] in SCREEN_LIBRARIES
    ]
    assert wrong == []


def test_files_are_named_for_what_is_in_them():
    wrong = [
        str(path.relative_to(SOURCE))
        for path in modules_of(SOURCE).values()
        for part in path.relative_to(SOURCE).with_suffix("").parts
        if WORDS_THAT_NAME_NOTHING & set(part.split("_"))
    ]
    assert wrong == []


@pytest.fixture
def small_house(tmp_path):
    """A package of two rooms, as a function from file contents to its source folder."""

    def build(**contents: str) -> Path:
        for name, text in {"__init__": "", "optics/__init__": "", "inr/__init__": "", **contents}.items():
            path = tmp_path / PACKAGE / f"{name}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return build


@pytest.mark.parametrize(
    "text",
    [
        f"import {PACKAGE}.inr.fitting",
        f"from {PACKAGE}.inr import fitting",
        f"from {PACKAGE} import inr",
        "from ..inr.fitting import fit",
        "from .. import inr",
        "def later():\n    from ..inr import fitting",
        f"def later():\n    import importlib\n    importlib.import_module('{PACKAGE}.inr.fitting')",
        "if TYPE_CHECKING:\n    from ..inr.fitting import fit",
    ],
)
def test_an_upward_import_is_found_however_it_is_written(small_house, text):
    source = small_house(**{"optics/beams": text, "inr/fitting": ""})
    assert len(upward_imports(source)) == 1


def test_a_downward_import_is_allowed(small_house):
    assert (
        upward_imports(small_house(**{"inr/fitting": "from ..optics import beams", "optics/beams": ""})) == []
    )


def test_a_circle_within_a_room_is_found(small_house):
    source = small_house(**{"optics/a": "from .b import x", "optics/b": "def f():\n    from . import a"})
    assert set(circle(source)) == {f"{PACKAGE}.optics.a", f"{PACKAGE}.optics.b"}


@pytest.mark.parametrize(
    "statement",
    [
        f"import {PACKAGE}",
        f"import {PACKAGE}.api",
        f"import {PACKAGE}.cli",
        "import npe2; npe2.PluginManifest.from_distribution('napari-microdiffusion')",
        f"import {PACKAGE}.plugin.reader",
        pytest.param(f"import {PACKAGE}.plugin.reconstruct.view", marks=pytest.mark.screen),
    ],
)
def test_torch_waits_until_it_is_needed(statement):
    code = f"{statement}\nimport sys\nsys.exit('torch was imported' if 'torch' in sys.modules else 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
