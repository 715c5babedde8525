"""Options that several commands share and that are no settings, and the reading of the images they name."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import typer

from ..errors import UsageError
from ..io import ImageStack, check_not_read, depth_stack, open_image, read_image, sources_of
from ..settings.document import InputSettings
from ..settings.presets import PRESET_WORDS, PresetName
from .setting_options import NAMES, Asked
from .terminal import PROGRAM, say

Kind = Literal["vasculature", "dendrites", "neurons", "nuclei"]

Seed = Annotated[int, typer.Option(min=0, help="The same seed gives the same result.")]
Output = Annotated[Path, typer.Option("-o", "--output", help="Image to write, .ome.tif, .tif or .ome.zarr.")]
Folder = Annotated[Path, typer.Option("-o", "--output", help="Folder to write to.")]
Preset = Annotated[
    PresetName | None,
    typer.Option(
        help="Settings that belong together; a file's and the other options' override them. "
        + " ".join(f"{name}: {words}" for name, words in PRESET_WORDS.items()),
        rich_help_panel="Method",
    ),
]
Config = Annotated[
    Path | None,
    typer.Option(
        help="Settings in JSON or YAML, or an earlier run's provenance or volume; options override them.",
        rich_help_panel="Input",
    ),
]

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


@contextmanager
def opened_stack(path: Path, choice: InputSettings) -> Iterator[ImageStack]:
    """The same as `read_stack`, whose pixels are read as they are indexed, while this lasts."""
    with open_image(path, choice.axes, choice.position) as image:
        yield depth_stack(image, choice.channel, choice.time, choice.average_frames, lazily=True)


def read_stack(path: Path, choice: InputSettings | None = None) -> ImageStack:
    """The one stack (z, y, x) of a file that the settings choose."""
    chosen = choice or InputSettings()
    image = read_image(path, chosen.axes, chosen.position)
    return depth_stack(image, chosen.channel, chosen.time, chosen.average_frames)


def notes_of(*images: ImageStack) -> list[str]:
    """What the reader notes of images, each with the image's name."""
    return [f"{image.name}: {note}" for image in images for note in image.metadata.get("notes", ())]


def say_notes(notices: Iterable[str]) -> None:
    """Print sentences that a person should see, which end nothing."""
    for notice in notices:
        say(f"{PROGRAM}: note: {notice}")


def refuse_overwriting(output: Path, source: Path) -> None:
    """Raise a `UserError` if the output is the file that is read."""
    check_not_read(output, sources_of(source))


def refuse_unused_format(asked: Asked, *endings: str) -> None:
    """Raise a `UsageError` if a version of OME-Zarr is asked for and no image is one."""
    if "zarr" in asked.get("output", {}) and not any(name.lower().endswith(".zarr") for name in endings):
        raise UsageError(f"{NAMES['output.zarr']} is for images that end in .ome.zarr; here none does")
