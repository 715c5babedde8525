"""The options of the command line that several commands share, and those that are settings."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from ..errors import UsageError
from ..io import ImageStack, check_not_read, depth_stack, read_image, sources_of, suggest_step_length
from ..settings.method import ReconstructionConfig
from .beam_options import number

Kind = Literal["vasculature", "dendrites", "neurons", "nuclei"]


def setting(field: str, *flags: str, **more: Any) -> Any:
    """An option for a field of the reconstruction's settings, with its words, unit and default."""
    info = ReconstructionConfig.model_fields[field]
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    words = info.description or ""
    unit = f" In {extra['unit']}." if "unit" in extra else ""
    default = "" if info.is_required() or info.default is None else f" Default: {info.default}."
    return typer.Option(*flags, help=f"{words}{unit}{default}", **more)


AsJson = Annotated[bool, typer.Option("--json", help="Print one machine-readable object on stdout.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Channel = Annotated[
    str | None, typer.Option(help="Channel to use, by index from 0 or by name, where there are several.")
]
Time = Annotated[int | None, typer.Option(help="Time point to use, from 0, where there are several.")]
AverageFrames = Annotated[
    bool, typer.Option("--average-frames", help="Average the time points, or the frames of each slice.")
]
Axes = Annotated[
    str | None,
    typer.Option(
        metavar="LETTERS", help="Names of the axes, where the file does not give them: tzyx, for example."
    ),
]
Seed = Annotated[int, typer.Option(min=0, help="The same seed gives the same result.")]
Output = Annotated[Path, typer.Option("-o", "--output", help="Image to write, .ome.tif, .tif or .ome.zarr.")]


# Options that take several values in a row, by command; the parser below knows only one at a time.
_SEVERAL = {"benchmark": ("-n", "--step-length", "--methods", "--recipe"), "train": ("--reference",)}


def several_values(arguments: Sequence[str]) -> list[str]:
    """Arguments with "-n 4 6 8" written as "-n 4 -n 6 -n 8", for the options that take several values."""
    command = next((a for a in arguments if not a.startswith("-")), "")
    expanded: list[str] = []
    repeated, fresh = "", False
    for argument in arguments:
        if argument.startswith("-"):
            repeated, fresh = (argument, True) if argument in _SEVERAL.get(command, ()) else ("", False)
        elif repeated:
            expanded += [] if fresh else [repeated]
            fresh = False
        expanded.append(argument)
    return expanded


def step_length(text: str | None, image: ImageStack | None = None, recorded: Any = None) -> Any:
    """The step length that was asked for, or else was recorded, or else is in the file.

    It is not checked here: `make_acquisition` says in one sentence what is wrong with it.

    Raises
    ------
    UsageError
        If it is nowhere; the message says what isotropic voxels would suggest.
    """
    if text is not None:
        return number(text)
    if recorded is not None:
        return recorded
    suggestion = None if image is None else suggest_step_length(image)
    if suggestion is None:
        raise UsageError("the step length is not known; give it with -n, in slices per projection")
    n, how = suggestion
    if how != "from file":
        raise UsageError(
            f"the step length is not in {'the file' if image is None else image.name}; give it with -n "
            f"(isotropic voxels would mean -n {n})"
        )
    return n


@dataclass(frozen=True)
class Choice:
    """Which stack of a file is meant; None leaves to the file what it can answer."""

    channel: str | None = None
    time: int | None = None
    average_frames: bool = False
    axes: str | None = None


NO_CHOICE = Choice()


def read_stack(path: Path, choice: Choice = NO_CHOICE) -> ImageStack:
    """The one stack (z, y, x) of a file that the options choose."""
    image = read_image(path, choice.axes)
    return depth_stack(image, choice.channel, choice.time, choice.average_frames)


def refuse_overwriting(output: Path, source: Path) -> None:
    """Raise a `UserError` if the output is the file that is read."""
    check_not_read(output, sources_of(source))
