"""What a person gets who installs the wheel, and the manifest that napari reads."""

import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from npe2 import PluginManifest

PACKAGE = "napari_microdiffusion"
CARDS = (".md", ".json", ".yaml")


@pytest.fixture(scope="module")
def wheel_names(repository, tmp_path_factory) -> set[str]:
    """Names of the files in a wheel built from this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture
def manifest(repository) -> PluginManifest:
    return PluginManifest.from_file(repository / "napari.yaml")


@pytest.fixture
def sources(repository, tmp_path) -> Path:
    """What the build looks at to name a version, without a history."""
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(repository / name, tmp_path)
    return tmp_path


def version_of(folder: Path) -> str:
    command = [sys.executable, "-W", "ignore", "-m", "hatchling", "version"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def git(folder: Path, *arguments: str) -> None:
    person = ("-c", "user.name=nobody", "-c", "user.email=nobody@localhost")
    subprocess.run(["git", *person, *arguments], cwd=folder, check=True, capture_output=True, timeout=60)


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_the_version_is_that_of_the_tag(sources):
    git(sources, "init")
    git(sources, "add", ".")
    git(sources, "commit", "-m", "first")
    assert version_of(sources).startswith("0.")
    git(sources, "tag", "v3.4.5")
    assert version_of(sources) == "3.4.5"


def test_sources_without_a_history_have_a_version_too(sources):
    assert version_of(sources)[0].isdigit()


def test_the_wheel_holds_every_page_of_the_manual(wheel_names, repository):
    pages = {f"{PACKAGE}/docs/{page.name}" for page in (repository / "docs").glob("*.md")}
    assert pages <= wheel_names


def test_wheel_holds_manifest_and_type_marker(wheel_names):
    assert {f"{PACKAGE}/napari.yaml", f"{PACKAGE}/py.typed"} <= wheel_names


def test_wheel_holds_weights_each_with_its_card(wheel_names):
    weights = {name for name in wheel_names if name.startswith(f"{PACKAGE}/weights/")}
    priors = {name.removesuffix(".safetensors") for name in weights if name.endswith(".safetensors")}
    assert priors, "no prior in the wheel"
    without_card = {prior for prior in priors if not weights & {prior + suffix for suffix in CARDS}}
    assert without_card == set()


def test_wheel_holds_the_package_and_nothing_beside_it(wheel_names):
    tops = {name.split("/")[0] for name in wheel_names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {PACKAGE}


def test_wheel_holds_every_source_file(repository, wheel_names):
    source = repository / "src"
    files = {path.relative_to(source).as_posix() for path in (source / PACKAGE).rglob("*.py")}
    assert files - wheel_names == set()


@pytest.mark.skipif(sys.platform == "win32", reason="git on Windows writes links as files")
def test_top_level_manifest_is_a_link_to_the_packaged_one(repository):
    link = repository / "napari.yaml"
    assert link.is_symlink()
    assert link.readlink() == Path("src") / PACKAGE / "napari.yaml"
    assert link.read_bytes() == (repository / "src" / PACKAGE / "napari.yaml").read_bytes()


def test_napari_finds_the_manifest_of_the_installed_package(manifest):
    installed = PluginManifest.from_distribution("napari-microdiffusion")
    assert installed.contributions == manifest.contributions


@pytest.mark.screen
def test_manifest_names_only_what_exists(manifest):
    manifest.validate_imports()


def test_widget_and_samples_have_the_names_that_people_look_for(manifest):
    assert [widget.display_name for widget in manifest.contributions.widgets] == [
        "Reconstruct volume",
        "Simulate projections",
        "Compare with ground truth",
        "Adapt prior",
        "Reconstruct video",
        "Batch",
    ]
    assert [sample.key for sample in manifest.contributions.sample_data] == [
        "vasculature",
        "dendrites",
        "neurons",
        "activity",
    ]


def test_console_script_is_installed():
    (script,) = entry_points(group="console_scripts", name="microdiffusion")
    assert script.value == f"{PACKAGE}.cli:main"
