"""Commands around a reconstruction: grow a specimen, project a volume, measure a result, describe a file."""

from pathlib import Path
from typing import Annotated

import typer

from .. import api
from ..errors import UsageError
from ..io import IMAGE_SUFFIXES, check_output, describe, validate_projections, write_image
from ..optics.recorded_beam import BEAM_FIELDS, KEY, recorded_beam
from .beam_options import (
    Apex,
    BeamFile,
    BeamOption,
    BeamRequest,
    Bend,
    Direction,
    LobeSpacing,
    SideLobes,
    SliceSpacing,
    Step,
    StepLength,
    Tilt,
    Views,
    acquisition_for,
)
from .options import (
    AsJson,
    AverageFrames,
    Axes,
    Channel,
    Choice,
    Debug,
    Kind,
    Output,
    Seed,
    Time,
    read_stack,
    refuse_overwriting,
    step_length,
)
from .terminal import PROGRAM, Answer, command, lines, say, shown, size_text


@command
def specimen(
    kind: Annotated[Kind, typer.Argument(help="Kind of tissue.")],
    output: Output,
    shape: Annotated[
        tuple[int, int, int],
        typer.Option(metavar="Z Y X", help="Slices, rows and columns, in voxels of 1 um."),
    ] = (96, 128, 128),
    seed: Seed = 0,
    as_json: AsJson = False,
    debug: Debug = False,
) -> Answer:
    """Grow a procedural volume: a sharp, clean point scan of tissue that does not exist."""
    check_output(output, IMAGE_SUFFIXES)
    volume = api.specimen(kind, shape, seed=seed)
    about = {"specimen": kind, "seed": seed}
    write_image(output, volume, scale=(1.0, 1.0, 1.0), description=about)
    data = {"output": str(output), "shape": list(volume.shape), "kind": kind, "seed": seed}
    return Answer(data, f"{output}: {kind}, {size_text(volume.shape)} voxels")


@command
def simulate(
    volume: Annotated[Path, typer.Argument(help="A point-scanned volume.")],
    output: Output,
    n: StepLength = None,
    beam: BeamOption = None,
    beam_file: BeamFile = None,
    step: Step = None,
    bend: Bend = None,
    apex: Apex = None,
    tilt: Tilt = None,
    direction: Direction = None,
    side_lobes: SideLobes = None,
    lobe_spacing: LobeSpacing = None,
    views: Views = None,
    slice_spacing: SliceSpacing = None,
    photons: Annotated[
        float | None,
        typer.Option(
            help="Photons in one projection pixel at the volume's 99.9 percentile. Default: no noise."
        ),
    ] = None,
    read_noise: Annotated[
        float, typer.Option(help="Standard deviation of the detector's noise, in the volume's grey levels.")
    ] = 0.0,
    seed: Seed = 0,
    channel: Channel = None,
    time: Time = None,
    average_frames: AverageFrames = False,
    axes: Axes = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> Answer:
    """Project a point-scanned volume as a long beam would have. Of two views, the first comes first."""
    asked = BeamRequest(
        beam, step, beam_file, slice_spacing, views, bend, apex, tilt, direction, side_lobes, lobe_spacing
    )
    if asked.second_view is not None:
        raise UsageError(f"--views is {views}, but simulate takes 2, for both views in one stack")
    wanted = None if n is None and step is not None else step_length(n)
    if beam_file is None:
        acquisition_for(wanted, asked)
    check_output(output, IMAGE_SUFFIXES)
    image = read_stack(volume, Choice(channel, time, average_frames, axes))
    refuse_overwriting(output, volume)
    validate_projections(image.data, image.name)
    optics = acquisition_for(wanted, asked, volume=image)
    projections = api.simulate(
        image.data,
        optics.step_length,
        photons=photons,
        read_noise=read_noise,
        seed=seed,
        **optics.model_dump(include=set(BEAM_FIELDS)),
    )
    scale = image.scale
    write_image(
        output,
        projections,
        scale=None if scale is None else (scale[0] * optics.step_length, *scale[1:]),
        unit=image.unit,
        step_length=optics.step_length,
        beam=optics.beam,
        description={
            "simulated_from": image.name,
            "photons": photons,
            "read_noise": read_noise,
            "seed": seed,
            **({KEY: recorded} if (recorded := recorded_beam(optics)) else {}),
        },
    )
    dropped = len(image.data) - len(projections) // optics.views * optics.step_length
    data = {
        "output": str(output),
        "shape": list(projections.shape),
        "step_length": optics.step_length,
        "beam": optics.beam,
        "slices_dropped": dropped,
    }
    tail = f"; the last {dropped} slices fill no slab and were dropped" if dropped else ""
    return Answer(
        data, f"{output}: {size_text(projections.shape)}, {optics.step_length} slices a projection{tail}"
    )


@command
def compare(
    reconstruction: Annotated[Path, typer.Argument(help="The volume to judge.")],
    truth: Annotated[Path, typer.Argument(help="What a point scan saw; it may have more slices.")],
    n: StepLength = None,
    figure: Annotated[Path | None, typer.Option(help="Figure to write, .png, .pdf or .svg.")] = None,
    channel: Channel = None,
    time: Time = None,
    average_frames: AverageFrames = False,
    axes: Axes = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> Answer:
    """Measure a reconstruction against the ground truth, in which channel and time are chosen."""
    from ..evaluation import COLUMNS, comparison_figure

    volume = read_stack(reconstruction)
    reference = read_stack(truth, Choice(channel, time, average_frames, axes))
    # A volume of ours says how it was made.
    about = (volume.metadata.get("description") or {}).get("acquisition") or {}
    recorded = about.get("step_length")
    optics = None if n is None and recorded is None else acquisition_for(step_length(n, None, recorded))
    if optics is not None and optics.step_length == recorded:
        optics = acquisition_for(recorded, recorded=about)
    if figure is not None:
        check_output(figure, (".png", ".pdf", ".svg"))
    if optics is None:
        metrics = api.compare(volume.data, reference.data)
        say(f"{PROGRAM}: note: without -n, what depends on the slabs is left out")
    else:
        metrics = api.compare(
            volume.data,
            reference.data,
            optics.step_length,
            **optics.model_dump(include=set(BEAM_FIELDS)),
        )
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
    data = {**metrics, "step_length": optics.step_length if optics else None, **files}
    return Answer(data, lines([*rows, ("slices", metrics["slices"]), ("figure", figure)]))


@command
def info(
    file: Annotated[Path, typer.Argument(help="An image or a checkpoint.")],
    axes: Axes = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> Answer:
    """Tell what a file holds, as we understand it."""
    found = describe(file, axes)
    return Answer(found, lines((name.replace("_", " "), shown(value)) for name, value in found.items()))
