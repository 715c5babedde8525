"""What the package stands on: licences, lowest versions, hashed weights, and no network at run time."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io import write_image
from napari_microdiffusion.reconstruction import priors

EXTRAS = ("all", "zarr", "cluster", "nwb", "movie")
WATCHED = """
import os, sys

def watch(event, arguments):
    remote = event == "socket.connect" and isinstance(arguments[1], tuple)
    if remote or event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "urllib.Request"):
        # Not an exception, which somebody might catch.
        os.write(2, f"network: {event} {arguments}".encode())
        os._exit(97)

sys.addaudithook(watch)
"""


def watched(code: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WATCHED + code, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=280)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("offline")
    stack = np.random.default_rng(1).uniform(10, 500, (4, 16, 18)).astype(np.float32)
    write_image(folder / "p.tif", stack, scale=(8, 2, 2), step_length=4)
    return folder


def test_the_watch_sees_the_network(folder):
    done = watched("import socket; socket.create_connection(('127.0.0.1', 9))", folder)
    assert done.returncode == 97
    assert "network" in done.stderr


def test_the_command_line_asks_no_network(folder):
    code = "from napari_microdiffusion.cli import main\nmain()"
    outputs = ["-o", "v.ome.zarr", "--uncertainty", "u.tif"]
    words = ["reconstruct", "p.tif", *outputs, "--samples", "1", "--steps", "2"]
    done = watched(code, folder, *words)
    assert done.returncode == 0, done.stderr
    assert (folder / "v.ome.zarr").is_dir() and (folder / "u.tif").is_file()


def test_the_python_calls_ask_no_network(folder):
    code = (
        "import napari_microdiffusion as md\n"
        "stack = md.read('p.tif').data\n"
        "result = md.reconstruct(stack, 4, guide='inr', inr={'epochs': 2}, samples=1, steps=2)\n"
        "md.compare(result.volume, md.specimen('nuclei', (16, 16, 18)), 4)\n"
    )
    done = watched(code, folder)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def shipped(tmp_path, monkeypatch) -> Path:
    """A copy of the shipped weights, which a test may spoil."""
    own = Path(priors.__file__).parents[1] / "weights"
    shutil.copytree(own, tmp_path / "weights")
    monkeypatch.setattr(priors, "files", lambda _: tmp_path)
    return tmp_path / "weights" / "slab-general.safetensors"


def test_the_recorded_hash_is_that_of_the_shipped_prior():
    # Where it is not: cd src/napari_microdiffusion/weights; sha256sum slab-*.safetensors > SHA256SUMS
    assert priors.load_prior("general").card


def test_a_prior_that_is_not_as_released_is_refused(shipped):
    content = bytearray(shipped.read_bytes())
    content[-1000] ^= 1
    shipped.write_bytes(content)
    with pytest.raises(UserError, match=r"slab-general.safetensors is not as it was released .*install"):
        priors.load_prior("general")


def test_the_same_file_given_by_its_path_is_taken_as_it_is(shipped):
    content = bytearray(shipped.read_bytes())
    content[-1000] ^= 1
    shipped.write_bytes(content)
    assert priors.load_prior(str(shipped)).card


class TestDependencies:
    @pytest.fixture
    def bounds(self, repository) -> dict[str, str]:
        """The lowest version of each package that a person may have."""
        project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        lines = [*project["dependencies"], *(o for e in EXTRAS for o in project["optional-dependencies"][e])]
        found = {}
        for need in map(Requirement, lines):
            lowest = [part.version for part in need.specifier if part.operator in (">=", "==")]
            assert lowest, f"{need} has no lowest version"
            found[need.name] = lowest[0]
        return found

    def test_the_lowest_are_those_that_are_tested(self, bounds, repository):
        text = (repository / "constraints-lowest.txt").read_text(encoding="utf-8")
        pinned = dict(re.findall(r"^([a-z0-9-]+)==(\S+)$", text, re.MULTILINE))
        assert {name: pinned.get(name) for name in bounds} == bounds

    def test_all_licences_are_on_the_page(self, repository):
        command = [sys.executable, str(repository / ".ci" / "licences"), "--check"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr

    def test_what_comes_without_a_window_is_permissive(self, repository):
        text = (repository / "docs" / "licences.md").read_text(encoding="utf-8")
        plain, _, _ = text.partition("## The extra `all`")
        rows = re.findall(r"^\| ([a-z0-9-]+) \| (.+) \|$", plain, re.MULTILINE)
        rows = [row for row in rows if row[0] not in ("package", "---")]
        assert len(rows) > 20
        permissive = re.compile(r"MIT|BSD|Apache|ISC|PSF|Python Software Foundation|Zlib|CC0|BSL-1.0|0BSD")
        for name, licence in rows:
            for part in re.split(r" (?:AND|and|OR) ", licence):
                assert permissive.search(part), f"{name}: {licence}"
