import json
import pickle
import struct
import sys
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.numpy import load_file, save_file

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io import (
    Checkpoint,
    check_tensors,
    load_checkpoint,
    read_table,
    save_checkpoint,
)
from napari_microdiffusion.io import checkpoints as checkpoints_module

TENSORS = {"weight": np.arange(6, dtype="float32").reshape(2, 3), "steps": np.array(7, "int64")}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.safetensors"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("checkpoints")


@given(
    tensors=st.dictionaries(
        st.text(min_size=1, max_size=8).filter(lambda name: name != "__metadata__"),
        st.sampled_from(["float32", "float16", "int64", "uint8", ">f4", ">i8"]).flatmap(
            lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=4, max_side=3))
        ),
        max_size=4,
    ),
    header=st.dictionaries(
        st.text(max_size=5), st.none() | st.booleans() | st.integers() | st.text(max_size=5)
    ),
)
def test_round_trip(folder: Path, tensors: dict[str, np.ndarray], header: dict[str, Any]) -> None:
    path = folder / "model.safetensors"
    save_checkpoint(path, "prior", tensors, header)
    loaded = load_checkpoint(path, "prior")
    assert (loaded.kind, loaded.header, loaded.path) == ("prior", header, path)
    assert loaded.tensors.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert loaded.tensors[name].shape == tensor.shape
        assert loaded.tensors[name].dtype == tensor.dtype.newbyteorder("=")
        np.testing.assert_array_equal(loaded.tensors[name], tensor)


def test_views_are_saved_as_they_look(path: Path) -> None:
    tensor = np.arange(24, dtype="float32").reshape(4, 6)
    save_checkpoint(path, "prior", {"t": tensor.T, "s": tensor[::2, ::-1]})
    loaded = load_checkpoint(path, "prior").tensors
    np.testing.assert_array_equal(loaded["t"], tensor.T)
    np.testing.assert_array_equal(loaded["s"], tensor[::2, ::-1])


def test_loaded_tensors_can_be_changed(path: Path) -> None:
    save_checkpoint(path, "prior", TENSORS)
    load_checkpoint(path, "prior").tensors["weight"] += 1


def test_other_programs_can_read_it(path: Path) -> None:
    save_checkpoint(path, "prior", TENSORS, {"width": 16})
    loaded = load_file(path)
    for name, tensor in TENSORS.items():
        np.testing.assert_array_equal(loaded[name], tensor)
    length = struct.unpack("<Q", path.read_bytes()[:8])[0]
    metadata = json.loads(path.read_bytes()[8 : 8 + length])["__metadata__"]
    assert json.loads(metadata["napari-microdiffusion"]) == {
        "format": "napari-microdiffusion",
        "version": 1,
        "kind": "prior",
        "header": {"width": 16},
    }


def test_table_without_tensors(path: Path) -> None:
    save_checkpoint(path, "field", TENSORS, {"width": 16})
    table = read_table(path)
    assert (table.kind, table.header) == ("field", {"width": 16})
    assert {name: place.shape for name, place in table.tensors.items()} == {"weight": (2, 3), "steps": ()}


@pytest.mark.parametrize(
    ("tensors", "header"),
    [
        ({"a": np.zeros(2, "float64")}, {}),
        ({"a": np.zeros(2, "complex64")}, {}),
        ({"a": np.zeros((2, 0), "float32")}, {}),
        (TENSORS, {"a": float("nan")}),
        (TENSORS, {"a": object()}),
    ],
)
def test_what_cannot_be_saved(path: Path, tensors: Any, header: Any) -> None:
    save_checkpoint(path, "prior", TENSORS)
    before = path.read_bytes()
    with pytest.raises((ValueError, TypeError)):
        save_checkpoint(path, "prior", tensors, header)
    assert path.read_bytes() == before


def test_a_failed_save_keeps_the_good_model(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_checkpoint(path, "prior", TENSORS)
    before = path.read_bytes()

    def full(self: Path, content: bytes) -> None:
        with self.open("wb") as handle:
            handle.write(content[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(UserError, match="No space left"):
        save_checkpoint(path, "prior", {"weight": np.ones(1000, "float32")})
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def refusal(path: Path, kind: str = "prior") -> str:
    with pytest.raises(UserError) as caught:
        load_checkpoint(path, kind)
    message = str(caught.value)
    assert path.name in message
    assert "\n" not in message
    assert message.endswith(".")
    return message


def test_absent_or_folder(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "absent.safetensors")
    assert "is a folder" in refusal(tmp_path)


def test_another_kind(path: Path) -> None:
    save_checkpoint(path, "field", TENSORS)
    assert "holds a model of kind 'field'; a 'prior' is needed" in refusal(path)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_pickle(path: Path, protocol: int) -> None:
    """A pickle is recognised by its first bytes; that loading it would run this is never put to the test."""
    path.write_bytes(pickle.dumps({"weight": [1.0] * 20}, protocol))
    message = refusal(path)
    assert "is a pickle" in message
    assert "only safetensors checkpoints are loaded, since a pickle can run any program" in message


def test_torch_archive(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({}))
    assert "is a pickle or other archive" in refusal(path)


@pytest.mark.parametrize(
    "content", [b"", b"x", b"\x89HDF\r\n\x1a\n" * 4, pickle.dumps([1, 2], 0), b"\0" * 100]
)
def test_other_files(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert "is not a safetensors file" in refusal(path)


def test_no_module_of_torch_or_pickle_is_used() -> None:
    source = Path(checkpoints_module.__file__).read_text()
    assert "import torch" not in source
    assert "import pickle" not in source


def test_tensors_of_another_program(path: Path) -> None:
    save_file(TENSORS, path)
    assert "holds tensors of another program" in refusal(path)
    save_file(TENSORS, path, metadata={"format": "pt"})
    assert "holds tensors of another program" in refusal(path)


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"format": "napari-microdiffusion", "version": 1, "header": {}}, "another program"),
        ({"format": "other", "version": 1, "kind": "prior", "header": {}}, "another program"),
        ({"format": "napari-microdiffusion", "version": 1, "kind": "prior", "header": []}, "another program"),
        ({"format": "napari-microdiffusion", "version": 2, "kind": "prior", "header": {}}, "newer version"),
        ([], "another program"),
    ],
)
def test_header_of_ours_is_checked(path: Path, own: Any, message: str) -> None:
    save_file(TENSORS, path, metadata={"napari-microdiffusion": json.dumps(own)})
    assert message in refusal(path)


def write_raw(path: Path, table: Any, data: bytes = b"\0" * 24, length: int | None = None) -> None:
    text = table if isinstance(table, bytes) else json.dumps(table).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)


def entry(dtype: str = "F32", shape: Any = (2, 3), offsets: Any = (0, 24)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


@pytest.mark.parametrize(
    "table",
    [
        {"w": entry(shape=(2, 4))},
        {"w": entry(shape=(2, -3), offsets=(24, 0))},
        {"w": entry(shape=(2.0, 3))},
        {"w": entry(shape=(True, 6))},
        {"w": entry(shape=(2**62, 2**62))},
        {"w": entry(shape=(0,), offsets=(0, 0))},
        {"w": entry(shape="23")},
        {"w": entry(shape=None)},
        {"w": entry(offsets=(0, 48))},
        {"w": entry(shape=(1, 3), offsets=(0, 12))},
        {"w": entry(shape=(1, 3), offsets=(12, 24))},
        {"w": entry(), "v": entry()},
        {"w": entry(offsets=(0, 24, 48))},
        {"w": entry(offsets=None)},
        {"w": entry("BF16", (12,))},
        {"w": entry("F64", (3,))},
        {"w": entry(["F32"])},
        {"w": []},
        {"w": None},
        {"w": {}},
        {"__metadata__": []},
        b'{"w": 1, "w": 2}',
        b'{"w": ',
        b"{\xff\xfe}",
        b'{"w":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"w": ' + b"9" * 10_000 + b"}",
    ],
)
def test_tables_that_lie(path: Path, table: Any) -> None:
    write_raw(path, table)
    assert "damaged checkpoint" in refusal(path)


def test_lengths_that_lie(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_raw(path, {}, length=2**63)
    assert "not a safetensors file" in refusal(path)
    write_raw(path, {}, length=27)
    assert "not a safetensors file" in refusal(path)
    monkeypatch.setattr(checkpoints_module, "_MAX_TABLE", 10)
    save_checkpoint(path, "prior", TENSORS)
    assert "no model has more than 10" in refusal(path)


def test_nothing_is_allocated_on_the_word_of_a_table(path: Path) -> None:
    write_raw(path, {"w": entry(shape=(2**40,), offsets=(0, 2**42))})
    tracemalloc.start()
    try:
        assert "damaged checkpoint" in refusal(path)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_cut_short_anywhere(path: Path) -> None:
    save_checkpoint(path, "prior", TENSORS, {"width": 16})
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        refusal(path)
    path.write_bytes(content + b"\0")
    assert "damaged" in refusal(path)


class TestCheckTensors:
    checkpoint = Checkpoint(
        "prior", {"a": np.zeros((2, 3), "f4"), "b": np.zeros((), "f4")}, path=Path("p.safetensors")
    )

    def test_fits(self) -> None:
        check_tensors(self.checkpoint, {"a": (2, 3), "b": ()})
        check_tensors(self.checkpoint, {"b": [], "a": [2, 3]})

    @pytest.mark.parametrize(
        ("expected", "message"),
        [
            ({"a": (2, 3)}, "p.safetensors does not fit this prior: b is not known."),
            ({"a": (2, 3), "b": (), "c": (1,)}, "p.safetensors does not fit this prior: c is missing."),
            (
                {"a": (3, 2), "b": ()},
                "p.safetensors does not fit this prior: a has the shape (2, 3) instead of (3, 2).",
            ),
        ],
    )
    def test_does_not_fit(self, expected: Any, message: str) -> None:
        with pytest.raises(UserError) as caught:
            check_tensors(self.checkpoint, expected)
        assert str(caught.value) == message

    def test_many_faults_stay_one_sentence(self) -> None:
        expected = {f"layer{i}": (1,) for i in range(50)}
        with pytest.raises(UserError, match=r"and 49 more\.$"):
            check_tensors(self.checkpoint, expected)


def test_torch_stays_out() -> None:
    """Only meaningful in a fresh interpreter, so that it is asked of one."""
    import subprocess

    code = (
        "import sys; from napari_microdiffusion import io; "
        "print({'torch', 'napari', 'qtpy', 'tifffile', 'scipy', 'skimage'} & sys.modules.keys())"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"
