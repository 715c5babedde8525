"""Models in files: named tensors and a JSON header, as safetensors; never a pickle.

The format's own reader compares sizes, offsets and the length of the file before anything is allocated. Its
metadata hold one key of ours, with what the model is and the settings it needs.
"""

import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io.atomic import whole_file

FORMAT = "napari-microdiffusion"
VERSION = 1

_MAX_TABLE = 10_000_000  # bytes; the largest table of ours has a few thousand
_TYPES = {"F32": "<f4", "F16": "<f2", "I64": "<i8", "U8": "u1"}
_ONLY_SAFETENSORS = "only safetensors checkpoints are loaded, since a pickle can run any program"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A model as it lies in a file.

    Attributes
    ----------
    kind
        What the tensors are the weights of, e.g. "slab-prior".
    tensors
        Arrays by name: float32, float16, int64 or uint8.
    header
        The settings that the model was saved with.
    path
        The file, for messages.
    """

    kind: str
    tensors: dict[str, npt.NDArray[Any]]
    header: dict[str, Any] = field(default_factory=dict)
    path: Path | None = None


@dataclass(frozen=True)
class TensorForm:
    """Type and shape of one tensor."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]


@dataclass(frozen=True)
class CheckpointTable:
    """What a checkpoint says of itself, without its tensors."""

    kind: str
    header: dict[str, Any]
    tensors: dict[str, TensorForm]


def save_checkpoint(
    path: str | PathLike[str],
    kind: str,
    tensors: Mapping[str, npt.NDArray[Any]],
    header: Mapping[str, Any] | None = None,
) -> None:
    """Write a model, whole or not at all; a good file that was there is replaced only by a complete one.

    Parameters
    ----------
    path
        Usually ends in `.safetensors`.
    kind
        What the tensors are the weights of; `load_checkpoint` asks for it by this name.
    tensors
        Arrays by name, of any shape without a zero: float32, float16, int64 or uint8.
    header
        What JSON can hold.

    Raises
    ------
    UserError
        Where the operating system refuses to write.
    TypeError, ValueError
        For arrays of another type, empty ones, and a header that is no JSON.
    """
    from safetensors.numpy import save

    stored: dict[str, npt.NDArray[Any]] = {}
    for name, tensor in tensors.items():
        array = np.asarray(tensor)
        if array.dtype.newbyteorder("<") not in map(np.dtype, _TYPES.values()) or array.size == 0:
            raise ValueError(f"tensor {name!r} of type {array.dtype} and shape {array.shape} cannot be saved")
        # Not ascontiguousarray, which gives a scalar an axis.
        stored[name] = np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")
    own = {"format": FORMAT, "version": VERSION, "kind": kind, "header": dict(header or {})}
    content = save(stored, metadata={FORMAT: json.dumps(own, allow_nan=False)})
    with whole_file(path) as temporary:
        temporary.write_bytes(content)


def load_checkpoint(path: str | PathLike[str], kind: str) -> Checkpoint:
    """Read a model of one kind, after checking the whole table against the file.

    Parameters
    ----------
    path
        The file.
    kind
        The kind that is needed.

    Raises
    ------
    UserError
        No such file, a pickle or anything else but safetensors, damaged, or of another kind.
    """
    path = Path(path)
    with _opened(path) as (file, table):
        if table.kind != kind:
            raise UserError(f"{path} holds a model of kind {table.kind!r}; a {kind!r} is needed.")
        tensors = {name: np.array(file.get_tensor(name)) for name in table.tensors}
    return Checkpoint(table.kind, tensors, table.header, path)


def read_table(path: str | PathLike[str]) -> CheckpointTable:
    """Read what a checkpoint of any kind says of itself, without its tensors.

    Raises
    ------
    UserError
        As `load_checkpoint`, save for the kind.
    """
    with _opened(Path(path)) as (_, table):
        return table


def check_tensors(checkpoint: Checkpoint, expected: Mapping[str, Sequence[int]]) -> None:
    """Compare the tensors with what a model needs.

    Parameters
    ----------
    checkpoint
        As loaded.
    expected
        Shape of each tensor by name.

    Raises
    ------
    UserError
        Naming the first tensors that are missing, not known or of another shape.
    """
    found = {name: tensor.shape for name, tensor in checkpoint.tensors.items()}
    wanted = {name: tuple(shape) for name, shape in expected.items()}
    faults = [f"{name} is missing" for name in wanted.keys() - found.keys()]
    faults += [f"{name} is not known" for name in found.keys() - wanted.keys()]
    faults += [
        f"{name} has the shape {found[name]} instead of {wanted[name]}"
        for name in wanted.keys() & found.keys()
        if wanted[name] != found[name]
    ]
    if faults:
        more = f", and {len(faults) - 3} more" if len(faults) > 3 else ""
        label = checkpoint.path or "the checkpoint"
        raise UserError(
            f"{label} does not fit this {checkpoint.kind}: {', '.join(sorted(faults)[:3])}{more}."
        )


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, CheckpointTable]]:
    """Open a checkpoint whose table is known to fit the file."""
    from safetensors import SafetensorError, safe_open

    _check_start(path)
    try:
        with safe_open(path, framework="numpy") as file:
            names = file.keys()
            forms = {name: _form(file.get_slice(name)) for name in names}
            kind, header = _own(file.metadata() or {}, path)
            yield file, CheckpointTable(kind, header, forms)
    except (SafetensorError, ValueError, TypeError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{path} is a damaged checkpoint ({' '.join(str(error).split())[:120]}).") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}.") from error


def _check_start(path: Path) -> None:
    """Refuse what is something else, by its first bytes, or whose table is longer than any of ours."""
    try:
        if path.is_dir():
            raise UserError(f"{path} is a folder; the name of a checkpoint is needed.")
        with path.open("rb") as handle:
            start = handle.read(16)
        size = path.stat().st_size
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file.") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}.") from error
    length = struct.unpack("<Q", start[:8])[0] if len(start) == 16 else 0
    # A table starts with a brace; what does not, or promises more than the file holds, is something else.
    if start[8:9] != b"{" or not 2 <= length <= size - 8:
        raise UserError(_what_else(path, start))
    if length > _MAX_TABLE:
        raise UserError(f"{path} has a header of {length} bytes; no model has more than {_MAX_TABLE}.")


def _what_else(path: Path, start: bytes) -> str:
    """Return the sentence for a file that is no safetensors file."""
    if start[:4] == b"PK\3\4":
        return f"{path} is a pickle or other archive (zip, as torch.save writes it); {_ONLY_SAFETENSORS}."
    if start[:1] == b"\x80" and start[1:2] in b"\2\3\4\5":
        return f"{path} is a pickle (protocol {start[1]}); {_ONLY_SAFETENSORS}."
    return f"{path} is not a safetensors file; {_ONLY_SAFETENSORS}."


def _form(tensor: Any) -> TensorForm:
    kind, shape = tensor.get_dtype(), tuple(tensor.get_shape())
    if kind not in _TYPES:
        raise ValueError(f"tensors of type {kind} are not used; {', '.join(_TYPES)} are")
    if 0 in shape:
        raise ValueError(f"a tensor of the shape {shape} is empty")
    return TensorForm(np.dtype(_TYPES[kind]).newbyteorder("="), shape)


def _own(metadata: Mapping[str, Any], path: Path) -> tuple[str, dict[str, Any]]:
    """Return the kind and the header out of our key of the metadata."""
    try:
        own = json.loads(metadata[FORMAT])
        if own["format"] != FORMAT:
            raise ValueError("of another format")
        version, kind, header = own["version"], own["kind"], own["header"]
        if not (type(version) is int and isinstance(kind, str) and isinstance(header, dict)):
            raise TypeError("version, kind or header of a wrong type")
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise UserError(
            f"{path} holds tensors of another program; a checkpoint of {FORMAT} is needed."
        ) from error
    if version > VERSION:
        raise UserError(f"{path} was written by a newer version of {FORMAT}; update it to load this file.")
    return kind, header
