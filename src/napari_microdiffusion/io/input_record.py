"""What was read, so that a wrong choice can be seen afterwards: file, image, channel, time point, hash."""

import hashlib
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path
from typing import Any

from napari_microdiffusion.io.images import ImageStack

# Names of the files of a set that are listed.
_MOST_NAMES = 1000


def input_record(image: ImageStack) -> dict[str, Any]:
    """Return what was read of which file, in what JSON can hold.

    Parameters
    ----------
    image
        As `read_image` or `depth_stack` returned it.

    Returns
    -------
    dict
        name, file (None for an image that is in no file), and of a file: what `file_record` returns, format,
        axes (as the person named them, or None), positions (how many images the file holds), position (index
        and name of the one that was read, None where there is one), channel, time (index, None where there
        was no choice), averaged_frames (how many, None for none), files (names of all files of the set) and
        notes of the reader.
    """
    if image.path is None:
        return {"name": image.name, "file": None}
    about, chosen = image.metadata, image.metadata.get("chosen") or {}
    positions = about.get("positions") or ()
    index = about.get("position", 0)
    return {
        "name": image.name,
        **file_record(image.path),
        "format": about.get("format"),
        "axes": about.get("axes"),
        "positions": max(len(positions), 1),
        "position": {"index": index, "name": positions[index]} if positions else None,
        "channel": chosen.get("channel"),
        "time": chosen.get("time"),
        "averaged_frames": chosen.get("averaged_frames"),
        "files": sorted(path.name for path in image.sources)[:_MOST_NAMES],
        "notes": list(about.get("notes") or ()),
    }


def file_record(path: str | PathLike[str]) -> dict[str, Any]:
    """Return name, size in bytes, time of the last change (UTC) and SHA-256 of a file.

    Of a folder, and of a file that is gone, all but the name are None.
    """
    path = Path(path)
    try:
        state = path.stat()
        if not path.is_file():
            raise OSError
        with path.open("rb") as handle:
            digest = hashlib.file_digest(handle, "sha256").hexdigest()
    except OSError:
        return {"file": str(path), "bytes": None, "modified": None, "sha256_of_file": None}
    changed = datetime.fromtimestamp(state.st_mtime, UTC).isoformat(timespec="seconds")
    return {"file": str(path), "bytes": state.st_size, "modified": changed, "sha256_of_file": digest}
