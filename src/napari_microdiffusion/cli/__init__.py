"""The command line: parse, call, print."""

import errno
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import FrameType

    from .program import app

__all__ = ["app", "main"]

_CANCELLED = 130
_INTERRUPTED = "microdiffusion: interrupted; nothing was written"
# What the system answers where the answer of a command cannot be printed: disk full, terminal or pipe gone.
_NOT_PRINTED = (errno.ENOSPC, errno.EIO, errno.EPIPE, errno.EBADF)


def main() -> None:
    """Run the command line.

    The commands are loaded here, so that a Ctrl-C meanwhile is answered as any other.
    """
    # Ended at once: an exception may get lost in what libraries do while they are loaded.
    before = signal.signal(signal.SIGINT, lambda *_: _end())
    from .program import main as run

    # Not where somebody has it ignored, as for a job in the background.
    signal.signal(signal.SIGINT, _interrupt if before is signal.default_int_handler else before)
    try:
        run()
    except KeyboardInterrupt:
        print(_INTERRUPTED, file=sys.stderr)
        sys.exit(_CANCELLED)
    except OSError as error:
        if error.errno not in _NOT_PRINTED or "--debug" in sys.argv:
            raise
        print(f"microdiffusion: the answer cannot be printed: {error.strerror}", file=sys.stderr)
        # What is left in the buffer would be tried once more at the end, and fail with a traceback.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(1)


def _interrupt(number: int, frame: "FrameType | None") -> None:
    """Interrupt a command; while it loads torch, where an exception may get lost as well, end it at once."""
    spec = getattr(sys.modules.get("torch"), "__spec__", None)
    # Private, and what the import system itself asks to know a module that is still being loaded.
    if getattr(spec, "_initializing", False):
        _end()
    raise KeyboardInterrupt


def _end() -> None:
    os.write(2, f"{_INTERRUPTED}\n".encode())
    os._exit(_CANCELLED)


def __getattr__(name: str) -> Any:
    if name == "app":
        from .program import app

        return app
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
