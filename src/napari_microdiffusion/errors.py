"""The few errors that mean something to the person at the screen.

Everything else that is raised is a defect of the program and keeps its traceback.
"""


class UserError(ValueError):
    """Input that cannot be used.

    The message is one clear sentence that names the file or setting, says what is wrong and what would be
    right. The command line prints it and exits with status 1; the dock shows it.
    """


class UsageError(UserError):
    """A setting outside its range, or settings that contradict each other.

    The command line exits with status 2.
    """


class Cancelled(Exception):
    """A run was cancelled; nothing of it is kept. The command line exits with status 130."""


class RunFailed(Exception):
    """A run failed for a reason outside its settings (out of memory, device lost).

    Deliberately no `RuntimeError`: napari's generator workers swallow those without a signal.
    """
