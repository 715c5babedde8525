"""Files that appear whole or not at all, and the question whether one can be written, before a long run."""

import json
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io.formats.ome_zarr.folders import is_zarr
from napari_microdiffusion.io.formats.ome_zarr.pixels import check_zarr_installed

FOLDER_SUFFIX = ".zarr"
"""Ending of the one output that is a folder."""


@contextmanager
def whole_file(path: str | PathLike[str]) -> Iterator[Path]:
    """Give a temporary name beside `path`; what was written there becomes `path` when the block ends well.

    When it does not, for whatever reason, the temporary file is removed and a file that was at `path` before
    is untouched.

    Parameters
    ----------
    path
        The file to appear. A symbolic link is followed, not replaced.

    Raises
    ------
    UserError
        Where the operating system refuses: no such folder, no permission, disk full.
    """
    target = Path(os.path.realpath(path))
    temporary = target.with_name(_temporary_name())
    try:
        try:
            # Created here, with the permissions of any new file of this user, and never over another one.
            os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
            yield temporary
            with temporary.open("rb+") as handle:
                os.fsync(handle.fileno())
            os.replace(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {_reason(error)}.") from error


@contextmanager
def whole_folder(path: str | PathLike[str]) -> Iterator[Path]:
    """Give a new folder beside `path`, which becomes `path` when the block ends well.

    When it does not, for whatever reason, the new folder is removed and one that was at `path` before is
    untouched.

    Parameters
    ----------
    path
        The folder to appear. One that is there already is replaced: the caller makes sure that it may be.

    Raises
    ------
    UserError
        Where the operating system refuses: no such folder, no permission, disk full.
    """
    target = Path(os.path.realpath(path))
    temporary, before = target.with_name(_temporary_name()), target.with_name(_temporary_name())
    try:
        try:
            temporary.mkdir()
            yield temporary
            if target.exists():
                # A folder cannot be renamed over another: the old one steps aside, and back if need be.
                os.replace(target, before)
            try:
                os.replace(temporary, target)
            except OSError:
                if before.exists():
                    os.replace(before, target)
                raise
            shutil.rmtree(before, ignore_errors=True)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {_reason(error)}.") from error


@contextmanager
def set_aside(path: str | PathLike[str]) -> Iterator[None]:
    """Remove a file while what it describes is replaced; where that fails, it is there again.

    Parameters
    ----------
    path
        The file, which need not exist.

    Raises
    ------
    UserError
        Where the operating system refuses.
    """
    target = Path(os.path.realpath(path))
    aside = target.with_name(_temporary_name())
    try:
        os.replace(target, aside)
    except FileNotFoundError:
        yield
        return
    except OSError as error:
        raise UserError(f"{path} cannot be replaced: {error.strerror or error}.") from error
    try:
        yield
    except BaseException:
        os.replace(aside, target)
        raise
    aside.unlink(missing_ok=True)


def check_output(path: str | PathLike[str], suffixes: Sequence[str] | None = None) -> None:
    """Refuse a name that nothing could be written to, before any work is done.

    The folder is tried by creating and removing a file in it: permission bits alone say too much to an
    administrator and nothing of a read-only or full disk.

    Parameters
    ----------
    path
        The file to be written later.
    suffixes
        The endings it may have, e.g. `writing.IMAGE_SUFFIXES`; None allows any.

    Raises
    ------
    UserError
        The folder does not exist, is none or cannot be written to; `path` is a folder (for `.zarr`: one that
        is no Zarr) or has another ending; zarr is needed and missing.
    """
    target = Path(path)
    if suffixes is not None and not target.name.lower().endswith(tuple(suffixes)):
        raise UserError(f"{path} must end in {', '.join(suffixes)}.")
    if target.suffix.lower() == FOLDER_SUFFIX:
        _check_folder_output(target)
    elif target.is_dir():
        raise UserError(f"{path} is a folder; the name of a file is needed.")
    folder = Path(os.path.realpath(target)).parent
    if not folder.exists():
        raise UserError(f"{path} cannot be written: there is no folder {folder}.")
    if not folder.is_dir():
        raise UserError(f"{path} cannot be written: {folder} is not a folder.")
    probe = folder / _temporary_name()
    try:
        with probe.open("xb"):
            pass
        probe.unlink()
    except OSError as error:
        raise UserError(f"{path} cannot be written: {_reason(error)}.") from error


def _check_folder_output(target: Path) -> None:
    """Refuse to replace anything but a Zarr folder or an empty one."""
    if target.is_file():
        raise UserError(f"{target} is a file; choose another name for a Zarr folder.")
    if target.is_dir() and any(target.iterdir()) and not is_zarr(target):
        raise UserError(f"{target} is a folder of something else; choose another name.")
    check_zarr_installed(target)


def output_folder(path: str | PathLike[str]) -> None:
    """Make a folder to write to, with those it lies in.

    Raises
    ------
    UserError
        Where `path` is a file, or the operating system refuses.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise UserError(f"{folder} is a file; the name of a folder is needed.") from error
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"The folder {folder} cannot be made: {reason}.") from error


def missing_room(what: str, size: int, folder: str | PathLike[str], remedy: str) -> str | None:
    """Why the disk of a folder cannot take something; None where it can.

    Parameters
    ----------
    what : str
        Named at the start of the sentence, in the singular.
    size : int
        Bytes.
    folder : path-like
        There is one.
    remedy : str
        What would be right, in the imperative.
    """
    free = shutil.disk_usage(folder).free
    if size <= free:
        return None
    return (
        f"{what} needs {size / 1e9:.1f} GB while it is made, but the disk of {folder} has "
        f"{free / 1e9:.1f} GB left; {remedy}"
    )


def write_json(path: str | PathLike[str], content: Any) -> None:
    """Write `content` as indented JSON, whole or not at all.

    Raises
    ------
    UserError
        Where the operating system refuses to write.
    TypeError, ValueError
        For content that JSON does not have, such as arrays, NaN and infinity.
    """
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    with whole_file(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def _reason(error: OSError) -> str:
    # NumPy gives no reason where a disk is full, only how many items it has taken.
    is_cut_short = error.strerror is None and "requested and" in str(error)
    return "no room is left for it" if is_cut_short else error.strerror or str(error)


def _temporary_name() -> str:
    return f".microdiffusion-{secrets.token_hex(6)}.part"
