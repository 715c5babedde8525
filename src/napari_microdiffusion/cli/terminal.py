"""Input and output of the command line: errors and exit codes, one JSON object, a progress bar, Ctrl-C."""

import inspect
import json
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, Protocol

import typer

from ..errors import Cancelled, RunFailed, UsageError, UserError

if TYPE_CHECKING:
    from types import FrameType

    from ..reconstruction.events import Event
    from ..reconstruction.result import ReconstructionResult

PROGRAM = "microdiffusion"
STOPPED, CANCELLED = 3, 130
"""Exit codes of a command that was stopped and kept something, and of one that was cancelled."""

_LONG = 200


@dataclass(frozen=True)
class Answer:
    """The answer of a command: one object for machines, some lines for people, and its exit code."""

    data: dict[str, Any]
    text: str
    code: int = 0


@dataclass
class GlobalOptions:
    """Options given before the command."""

    debug: bool = False


GLOBAL = GlobalOptions()


class Show(Protocol):
    """What shows how far a stage is."""

    def __call__(
        self, stage: str, fraction: float, seconds_left: float | None, text: str | None = None
    ) -> None:
        """Show a stage's fraction, 0 to 1, the seconds left where known, and a text instead of its name."""


def command(function: Callable[..., Answer]) -> Callable[..., None]:
    """Make a function the body of a command: its answer is printed, its errors become an exit code.

    0 is success, 2 a setting that cannot be, 130 a command that was cancelled, 1 everything else. The command
    has the options --json and --debug, too.
    """

    @wraps(function)
    def run(*args: Any, as_json: bool, debug: bool, **kwargs: Any) -> None:
        try:
            answer = function(*args, **kwargs)
        except KeyboardInterrupt:
            failure, code = "interrupted; nothing was written", CANCELLED
        except Exception as error:
            if GLOBAL.debug or debug:
                raise
            failure, code = _failure(error)
        else:
            typer.echo(json.dumps(answer.data, allow_nan=False) if as_json else answer.text)
            if answer.code:
                raise typer.Exit(answer.code)
            return
        say(f"{PROGRAM}: {' '.join(failure.split())}")
        raise typer.Exit(code)

    own = inspect.signature(function).parameters.values()
    return with_parameters(run, [*own, *_SHARED])


def with_parameters(
    function: Callable[..., Any], parameters: Iterable[inspect.Parameter]
) -> Callable[..., Any]:
    """The function with other parameters for whoever asks for its signature, as the command line does."""
    listed = list(parameters)
    function.__signature__ = inspect.Signature(listed)  # type: ignore[attr-defined]
    function.__annotations__ = {p.name: p.annotation for p in listed}
    return function


def _switch(name: str, flag: str, text: str) -> inspect.Parameter:
    option = typer.Option(False, flag, help=text)
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=option, annotation=bool)


DEBUG_HELP = "Show the traceback of an error."
_SHARED = (
    _switch("as_json", "--json", "Print one machine-readable object on stdout."),
    _switch("debug", "--debug", DEBUG_HELP),
)


def _failure(error: Exception) -> tuple[str, int]:
    """One line for an error, and the exit code."""
    if isinstance(error, UsageError):
        return str(error), 2
    if isinstance(error, Cancelled):
        return str(error), CANCELLED
    if isinstance(error, (UserError, RunFailed)):
        return str(error), 1
    if isinstance(error, MemoryError):
        return "out of memory; use a smaller image, fewer samples or --memory", 1
    if isinstance(error, OSError) and error.errno is not None:
        # A disk or a network share that was there when its file was opened.
        where = error.filename or "a file"
        return f"{where} cannot be read or written: {error.strerror or error}", 1
    return f"a defect of the program: {type(error).__name__}: {error} (--debug shows where)", 1


def say(text: str) -> None:
    """Print a line for people on stderr, where it is not mistaken for the answer."""
    typer.echo(text, err=True)


def follow(events: "Iterable[Event]") -> "ReconstructionResult":
    """Consume a run: progress on stderr if that is a terminal, notices in any case; returns its result."""
    from ..reconstruction.events import Finished, Notice, Progress, StageStarted

    with progress_bar() as show:
        stage = ""
        for event in events:
            if isinstance(event, StageStarted):
                stage = event.text
                show(stage, 0.0, None)
            elif isinstance(event, Progress):
                show(stage, event.fraction, event.seconds_left)
            elif isinstance(event, Notice):
                say(f"{PROGRAM}: note: {event.text}")
            elif isinstance(event, Finished):
                return event.result
    raise AssertionError("a run ends with its result or an exception")


@contextmanager
def progress_bar() -> Iterator[Show]:
    """A progress bar on stderr; silent where that is no terminal."""
    if not sys.stderr.isatty():
        yield lambda stage, fraction, seconds_left, text=None: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[left]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        begun: dict[str, TaskID] = {}

        def show(stage: str, fraction: float, seconds_left: float | None, text: str | None = None) -> None:
            if stage not in begun:
                # A stage that ends early, such as a fit that converged, still ends full.
                for done in begun.values():
                    bar.update(done, completed=1.0, left="")
                begun[stage] = bar.add_task(stage, total=1.0, left="")
            left = f"{seconds_left:.0f} s left" if seconds_left is not None and seconds_left >= 1 else ""
            bar.update(begun[stage], completed=fraction, left=left, description=text or stage)

        yield show


@contextmanager
def interrupts(*answers: Callable[[], None]) -> Iterator[None]:
    """Let each Ctrl-C call the next of `answers`; once they are used up it interrupts as usual."""
    waiting = list(answers)

    def answer(number: int, frame: "FrameType | None") -> None:
        if waiting:
            waiting.pop(0)()
        else:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, answer)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def lines(pairs: Iterable[tuple[str, object]]) -> str:
    """Names and values as aligned lines; what is None or empty is left out."""
    kept = [(name, value) for name, value in pairs if value is not None and value != ""]
    width = max((len(name) for name, _ in kept), default=0)
    return "\n".join(f"{name.ljust(width)}  {value}" for name, value in kept)


def size_text(shape: Iterable[int]) -> str:
    """A shape for people, such as 96 x 128 x 128."""
    return " x ".join(str(size) for size in shape)


def shown(value: Any) -> Any:
    """A value of a description for people: short, and nothing where there is nothing."""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(str(shown(part)) for part in value)
    if isinstance(value, dict):
        text = "; ".join(f"{key}: {shown(part)}" for key, part in value.items())
        return text if len(text) <= _LONG else f"{text[:_LONG].rstrip()} ... (--json shows all)"
    return value
