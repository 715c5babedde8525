"""Damaged files of every kind: a result or one sentence, never another error. A longer run: benchmarks/."""

from pathlib import Path

import pytest
from damaged_files import KINDS, attempt
from hypothesis import given, settings
from hypothesis import strategies as st


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("damaged")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files_are_read_or_refused(kind: str, folder: Path) -> None:
    # More than 2,000 in all; a Zarr folder takes five times as long as a file.
    @settings(max_examples=60 if kind == "zarr" else 180)
    @given(seed=st.integers(0, 2**32))
    def check(seed: int) -> None:
        assert attempt(kind, seed, folder) == ""

    check()


@pytest.mark.parametrize(
    ("kind", "seed"),
    [
        # Frames of volumes that are a thousand times as long as the file; an array larger than any disk.
        ("scanimage", 1017043),
        ("zarr", 1020896),
        ("zarr", 1022696),
    ],
)
def test_what_was_found_once_stays_mended(kind: str, seed: int, folder: Path) -> None:
    assert attempt(kind, seed, folder) == ""
