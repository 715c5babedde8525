import json
import os
import stat
from pathlib import Path

import pytest

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io import IMAGE_SUFFIXES, check_output, whole_file, write_json
from napari_microdiffusion.io import atomic as atomic_module


def test_json_round_trip(tmp_path: Path) -> None:
    content = {"unit": "µm", "list": [1, 2.5, None], "nested": {"a": True}}
    write_json(tmp_path / "a.json", content)
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert json.loads(text) == content
    assert "µm" in text


@pytest.mark.parametrize("content", [{"x": float("nan")}, {"x": object()}])
def test_what_is_no_json_leaves_the_old_file(tmp_path: Path, content: object) -> None:
    write_json(tmp_path / "a.json", 1)
    with pytest.raises((TypeError, ValueError)):
        write_json(tmp_path / "a.json", content)
    assert (tmp_path / "a.json").read_text() == "1\n"


def test_nothing_is_seen_before_the_end(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    with whole_file(target) as temporary:
        temporary.write_text("all of it")
        assert temporary.parent == tmp_path
        assert not target.exists()
    assert target.read_text() == "all of it"
    assert os.listdir(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt, GeneratorExit])
def test_a_failure_leaves_nothing(tmp_path: Path, failure: type[BaseException]) -> None:
    with pytest.raises(failure), whole_file(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        raise failure
    assert os.listdir(tmp_path) == []


def test_refusal_of_the_system_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"a\.json cannot be written: No such file or directory\."):
        write_json(tmp_path / "none" / "a.json", 1)


@pytest.mark.skipif(os.name == "nt", reason="permission bits")
def test_new_files_have_the_usual_permissions(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    write_json(tmp_path / "a.json", 1)
    assert stat.S_IMODE((tmp_path / "a.json").stat().st_mode) == stat.S_IMODE(
        (tmp_path / "usual").stat().st_mode
    )


@pytest.mark.skipif(os.name == "nt", reason="symbolic links need a privilege")
def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link.json").symlink_to(tmp_path / "real" / "a.json")
    check_output(tmp_path / "link.json")
    write_json(tmp_path / "link.json", 1)
    assert (tmp_path / "link.json").is_symlink()
    assert (tmp_path / "real" / "a.json").read_text() == "1\n"


def test_check_output_leaves_nothing(tmp_path: Path) -> None:
    check_output(tmp_path / "volume.ome.tif", IMAGE_SUFFIXES)
    check_output(tmp_path / "VOLUME.TIFF", IMAGE_SUFFIXES)
    assert os.listdir(tmp_path) == []


def test_check_output_takes_a_bare_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    check_output("volume.tif", IMAGE_SUFFIXES)


def test_check_output_keeps_an_existing_file(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_text("old")
    check_output(tmp_path / "a.tif")
    assert (tmp_path / "a.tif").read_text() == "old"


def test_check_output_refuses(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder.tif").mkdir()
    for path, message in (
        (tmp_path / "none" / "a.tif", "there is no folder"),
        (tmp_path / "file" / "a.tif", "is not a folder"),
        (tmp_path / "folder.tif", "is a folder"),
        (tmp_path / "a.png", "must end in"),
        (tmp_path / "a", "must end in"),
    ):
        with pytest.raises(UserError, match=message):
            check_output(path, IMAGE_SUFFIXES)


@pytest.mark.parametrize(
    "error", [PermissionError(13, "Permission denied"), OSError(30, "Read-only file system")]
)
def test_check_output_really_tries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError) -> None:
    """The permission bits are not asked: an administrator may write anywhere but on a read-only disk."""

    def refuse(*args: object, **kwargs: object) -> None:
        raise error

    monkeypatch.setattr(atomic_module.Path, "open", refuse)
    with pytest.raises(UserError, match=str(error.strerror)):
        check_output(tmp_path / "a.tif")


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder that takes no files")
def test_check_output_on_a_folder_that_takes_no_files() -> None:
    with pytest.raises(UserError, match="cannot be written"):
        check_output("/proc/self/a.tif")
