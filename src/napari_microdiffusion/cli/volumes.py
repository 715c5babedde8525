"""Commands around a reconstruction: grow a specimen, project a volume, measure a result, describe a file."""

from pathlib import Path
from typing import Annotated

import typer

from ..api import specimen as grow
from ..errors import UsageError
from ..io import IMAGE_SUFFIXES, check_not_read, check_output, describe, validate_projections, write_image
from ..optics import simulate_projections
from ..optics.placement import StackPlacement
from ..optics.recorded_beam import KEY, recorded_beam
from ..optics.simulation import DetectorNoise
from ..settings.method import checked
from ..settings.recorded import Recorded
from ..settings.resolve import check_asked, resolve, resolve_input
from .options import (
    Kind,
    Output,
    Seed,
    notes_of,
    read_stack,
    refuse_overwriting,
    say_notes,
)
from .setting_options import BEAM, BEAM_FILE, NAMES, WITHIN_FILE, Asked, asks_for, part
from .terminal import Answer, command, lines, shown, size_text


@command
def specimen(
    kind: Annotated[Kind, typer.Argument(help="Kind of tissue.")],
    output: Output,
    shape: Annotated[
        tuple[int, int, int],
        typer.Option(metavar="Z Y X", help="Slices, rows and columns, in voxels of 1 um."),
    ] = (96, 128, 128),
    seed: Seed = 0,
) -> Answer:
    """Grow a procedural volume: a sharp, clean point scan of tissue that does not exist."""
    check_output(output, IMAGE_SUFFIXES)
    volume = grow(kind, shape, seed=seed)
    about = {"specimen": kind, "seed": seed}
    write_image(output, volume, scale=(1.0, 1.0, 1.0), description=about)
    data = {"output": str(output), "shape": list(volume.shape), "kind": kind, "seed": seed}
    return Answer(data, f"{output}: {kind}, {size_text(volume.shape)} voxels")


@command
@asks_for(BEAM, ("acquisition.dark_level",), BEAM_FILE, part("noise"), WITHIN_FILE)
def simulate(
    volume: Annotated[Path, typer.Argument(help="A point-scanned volume.")],
    output: Output,
    asked: Asked,
) -> Answer:
    """Project a point-scanned volume as a long beam would have. Of two views, the first comes first."""
    chosen = resolve_input(asked, names=NAMES)
    if chosen.second_view is not None:
        raise UsageError("--views names a file, but simulate takes 2, for both views in one stack")
    noise = checked(DetectorNoise, asked.get("noise", {}), "noise", NAMES)
    check_asked(asked, names=NAMES)
    if chosen.beam_file is None:
        resolve(asked, names=NAMES)
    check_output(output, IMAGE_SUFFIXES)
    image = read_stack(volume, chosen)
    refuse_overwriting(output, volume)
    check_not_read(output, image.sources)
    validate_projections(image.data, image.name, mask_missing=True)
    say_notes(notes := notes_of(image))
    optics = resolve(asked, Recorded.of_volume(image), names=NAMES).acquisition
    projections = simulate_projections(image.data, optics, **noise.model_dump())
    n, scale, origin = optics.step_length, image.scale, image.origin
    placed = None if scale is None else StackPlacement(scale, origin or (0, 0, 0)).of_projections(n)
    write_image(
        output,
        projections,
        scale=None if placed is None else placed.scale,
        unit=image.unit,
        origin=None if placed is None or origin is None else placed.translate,
        step_length=n,
        beam=optics.beam,
        description={
            "simulated_from": image.name,
            **noise.model_dump(),
            **({KEY: recorded} if (recorded := recorded_beam(optics)) else {}),
        },
    )
    dropped = len(image.data) - len(projections) // optics.views * n
    data = {
        "output": str(output),
        "shape": list(projections.shape),
        "step_length": n,
        "beam": optics.beam,
        "slices_dropped": dropped,
        "notes": notes,
    }
    tail = f"; the last {dropped} slices fill no slab and were dropped" if dropped else ""
    return Answer(data, f"{output}: {size_text(projections.shape)}, {n} slices a projection{tail}")


@command
@asks_for([path for path in BEAM if path != "acquisition.views"], BEAM_FILE, WITHIN_FILE)
def compare(
    reconstruction: Annotated[Path, typer.Argument(help="The volume to judge.")],
    truth: Annotated[Path, typer.Argument(help="What a point scan saw; it may have more slices.")],
    asked: Asked,
    figure: Annotated[Path | None, typer.Option(help="Figure to write, .png, .pdf or .svg.")] = None,
) -> Answer:
    """Measure a reconstruction against the ground truth, in which channel and time are chosen."""
    from ..evaluation import COLUMNS, comparison_figure
    from ..evaluation import compare as measure

    chosen = resolve_input(asked, names=NAMES)
    check_asked(asked, names=NAMES)
    if figure is not None:
        check_output(figure, (".png", ".pdf", ".svg"))
    volume = read_stack(reconstruction)
    reference = read_stack(truth, chosen)
    # A volume of ours records how it was made.
    recorded = Recorded.of_result(volume)
    optics = None
    if asked.get("acquisition") or "step_length" in recorded.acquisition:
        # The measures know slabs, not views.
        views = {"acquisition": {**asked.get("acquisition", {}), "views": 1}}
        resolved = resolve({**asked, **views}, recorded, names=NAMES)
        optics = resolved.acquisition
        metrics = measure(volume.data, reference.data, optics.step_length, profile=optics.profile)
        notices = resolved.notices
    else:
        metrics = measure(volume.data, reference.data)
        notices = ("without -n, what depends on the slabs is left out",)
    say_notes([*(notes := notes_of(volume, reference)), *notices])
    if figure is not None:
        comparison_figure(
            figure,
            volume.data,
            reference.data,
            metrics=metrics,
            scale=volume.scale,
            unit="µm" if volume.unit == "um" else volume.unit,
            title=f"{volume.name} against {reference.name}",
        )
    files = {"reconstruction": str(reconstruction), "truth": str(truth), "figure": figure and str(figure)}
    rows = [
        (column.heading, None if metrics.get(key) is None else format(metrics[key], column.form))
        for key, column in COLUMNS.items()
    ]
    n = optics.step_length if optics else None
    data = {**metrics, "step_length": n, **files, "notes": notes}
    return Answer(data, lines([*rows, ("slices", metrics["slices"]), ("figure", figure)]))


@command
@asks_for(("input.axes", "input.position"))
def info(file: Annotated[Path, typer.Argument(help="An image or a checkpoint.")], asked: Asked) -> Answer:
    """Describe what a file holds: axes, scale, step length, range."""
    chosen = resolve_input(asked, names=NAMES)
    found = describe(file, chosen.axes, chosen.position)
    return Answer(found, lines((name.replace("_", " "), shown(value)) for name, value in found.items()))
