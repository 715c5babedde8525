"""No file that is read is ever written: not one of its set, not through a link, not the folder it lies in."""

import os
from collections.abc import Iterable
from os import PathLike
from pathlib import Path

from napari_microdiffusion.errors import UserError


def overwritten_source(path: str | PathLike[str], sources: Iterable[Path | None]) -> Path | None:
    """Return the source that writing to `path` would change, or None.

    Parameters
    ----------
    path
        A file or a Zarr folder that would be written.
    sources
        Files and folders that are read; None among them is left out.
    """
    target = Path(os.path.realpath(path))
    for source in sources:
        if source is None:
            continue
        real = Path(os.path.realpath(source))
        # A folder is replaced as a whole, and with it all that lies in it.
        if real == target or real.is_relative_to(target) or (real.is_dir() and target.is_relative_to(real)):
            return source
        try:
            # A hard link, or another spelling where the file system knows no capitals.
            if os.path.samefile(real, target):
                return source
        except OSError:
            continue  # one of them is not there, so that they are not the same
    return None


def check_not_read(path: str | PathLike[str], sources: Iterable[Path | None]) -> None:
    """Refuse an output that is read, or belongs to what is read.

    Raises
    ------
    UserError
        Naming the output.
    """
    if overwritten_source(path, sources) is not None:
        raise UserError(f"{path} would be overwritten, which is read; choose another name.")
