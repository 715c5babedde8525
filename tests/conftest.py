"""What every test may ask for: seeded randomness, the real volumes, and a screen or a clear skip."""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

# Read when the libraries load, so set before anything else is imported. Workers inherit what the process that
# starts them has set; two threads of each of them would only wait for the other's.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", "2")
os.environ.setdefault("NAPARI_STRICT_QT", "1")
# napari's own fixtures reset the preferences: not those of whoever runs the tests.
# Nor what is known of the speed of this machine, for which a short run would be timed.
os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="microdiffusion-")
os.environ["NAPARI_CONFIG"] = str(Path(tempfile.mkdtemp(prefix="microdiffusion-")) / "settings.yaml")

import numpy as np
import pytest
from hypothesis import settings

REPOSITORY = Path(__file__).resolve().parents[1]
THREADS = int(os.environ["OMP_NUM_THREADS"])
PLUGIN_TESTS = REPOSITORY / "tests" / "plugin"
SCREEN_FIXTURES = {"qapp", "qtbot", "make_napari_viewer", "make_napari_viewer_proxy"}
# Whether the screen is one that .ci/with-screen made: then each of several processes gets another.
IS_VIRTUAL = "VIRTUAL_SCREEN" in os.environ
NO_SCREEN = "no screen: `make test` makes a virtual one where that is allowed"

# The same examples every time, and no time limit that a busy machine could miss.
settings.register_profile("repeatable", derandomize=True, deadline=None, database=None, max_examples=50)
settings.load_profile("repeatable")


@pytest.fixture(autouse=True)
def own_threads():
    """Give torch back the threads that it began with: as many more as there are workers would only wait."""
    yield
    if (give := getattr(sys.modules.get("torch"), "set_num_threads", None)) is not None:
        give(THREADS)


def has_screen() -> bool:
    """Say whether windows can be opened; only Linux runs without a window system."""
    return not sys.platform.startswith("linux") or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )


def take_own_screen() -> None:
    """Show the windows of this process on a virtual screen of its own; on the common one where that fails."""
    answer, told = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(told), "-screen", "0", "1280x1024x24", "-nolisten", "tcp"],
        pass_fds=[told],
        stderr=subprocess.DEVNULL,
    )
    os.close(told)
    atexit.register(server.terminate)
    with os.fdopen(answer) as number:
        if found := number.readline().strip():
            os.environ["DISPLAY"] = f":{found}"


if IS_VIRTUAL and "PYTEST_XDIST_WORKER" in os.environ:
    take_own_screen()


class SkippedModule(pytest.Module):
    """A test module that is not imported, since Qt itself may not load without a screen's libraries."""

    def collect(self):
        pytest.skip(NO_SCREEN, allow_module_level=True)


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    if PLUGIN_TESTS in module_path.parents and not has_screen():
        return SkippedModule.from_parent(parent, path=module_path)
    return None


def needs_screen(item: pytest.Item) -> bool:
    """Say whether a test opens windows."""
    return bool(item.get_closest_marker("screen") or SCREEN_FIXTURES & set(getattr(item, "fixturenames", ())))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        # What is in a module stays together for the sake of its fixtures, and all windows of one screen: two
        # processes would take the focus from each other.
        has_window = needs_screen(item) or PLUGIN_TESTS in item.path.parents
        if config.pluginmanager.hasplugin("xdist"):
            group = "screen" if has_window and not IS_VIRTUAL else str(item.path)
            item.add_marker(pytest.mark.xdist_group(group))
        if needs_screen(item) and not has_screen():
            item.add_marker(pytest.mark.skip(reason=NO_SCREEN))


@pytest.fixture
def rng() -> np.random.Generator:
    """Random numbers, the same in every run."""
    return np.random.default_rng(20240316)


NEW_FIELD = """    ripple: float = Field(
        0.25, title="Ripple", description="Of the beam.", ge=0, le=1, json_schema_extra={"unit": "waves"}
    )
"""


@pytest.fixture
def source_with_ripple(tmp_path) -> Path:
    """The folder of a copy of the package whose acquisition has one more field of the beam, `ripple`."""
    package = REPOSITORY / "src" / "napari_microdiffusion"
    copy = tmp_path / "src" / package.name
    shutil.copytree(package, copy, ignore=shutil.ignore_patterns("weights", "__pycache__"))
    model = copy / "optics" / "acquisition.py"
    text = model.read_text()
    before = "    views: int = Field("
    assert text.count(before) == 1
    model.write_text(text.replace(before, NEW_FIELD + before))
    return copy.parent


@pytest.fixture(scope="session")
def repository() -> Path:
    """Give the root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Give the folder of real volumes; they are no part of the repository."""
    given = os.environ.get("MICRODIFFUSION_DATA")
    folder = Path(given) if given else REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"the real volumes are not at {folder}; name their folder in MICRODIFFUSION_DATA")
    return folder
