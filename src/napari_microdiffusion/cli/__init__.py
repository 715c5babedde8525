"""The command line: parse, call, print."""

import errno
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .program import app

__all__ = ["app", "main"]

_CANCELLED = 130
# What the system answers where the answer of a command cannot be printed: disk full, terminal or pipe gone.
_NOT_PRINTED = (errno.ENOSPC, errno.EIO, errno.EPIPE, errno.EBADF)


def main() -> None:
    """Run the command line.

    The commands are loaded here, so that a Ctrl-C meanwhile is answered as any other.
    """
    try:
        from .program import main as run

        run()
    except KeyboardInterrupt:
        print("microdiffusion: interrupted; nothing was written", file=sys.stderr)
        sys.exit(_CANCELLED)
    except OSError as error:
        if error.errno not in _NOT_PRINTED or "--debug" in sys.argv:
            raise
        print(f"microdiffusion: the answer cannot be printed: {error.strerror}", file=sys.stderr)
        # What is left in the buffer would be tried once more at the end, and fail with a traceback.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(1)


def __getattr__(name: str) -> Any:
    if name == "app":
        from .program import app

        return app
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
