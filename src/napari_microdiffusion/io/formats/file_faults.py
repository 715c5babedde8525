"""What is said of files that are cut short, damaged or of an unknown kind: one sentence each."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io.axes import NAME_AXES


@contextmanager
def as_user_error(path: Path, kind: str = "TIFF") -> Iterator[None]:
    """Turn whatever tifffile, zarr and the codecs raise on a bad file into one sentence.

    They raise nearly every built-in error on damaged files, so the net is wide; it is spread only where a
    file's header and pixels are parsed. What they say of their own inner parts stays in the cause.
    """
    try:
        yield
    except UserError:
        raise
    except MemoryError as error:
        raise UserError(f"{path.name} does not fit into this machine's memory.") from error
    except OSError as error:
        reason = f" ({error.strerror})" if error.strerror else ""
        raise UserError(f"{path.name} cannot be read{reason}; it may be damaged: copy it again.") from error
    except Exception as error:
        raise UserError(
            f"{path.name} is damaged or of a kind of {kind} that cannot be read; copy or export it again."
        ) from error


def cut_short(path: Path, missing: str = "a part of it is missing") -> str:
    """Return the sentence for a file that lacks its end."""
    return f"{path.name} is cut short: {missing}; copy or export it again."


def unfit(name: str, what: str, planes: int, pages: int) -> str:
    """Return the sentence for a file whose description names other planes than there are."""
    return f"{name} has {pages} planes, which do not fit its {what} ({planes} planes); {NAME_AXES}."
