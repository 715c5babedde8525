"""The command line: parse, call, print."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from .. import api
from ..errors import UsageError
from ..io import IMAGE_SUFFIXES, check_output, describe, validate_projections, write_image
from ..optics.light import Light
from ..optics.recorded import BEAM_FIELDS, KEY, recorded_beam
from ..reconstruction.config import Consistency, Device, Diffusion, Guide
from ..reconstruction.presets import PRESET_WORDS, PresetName
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
    setting,
    several_values,
    step_length,
)
from .terminal import OPTIONS, PROGRAM, Answer, command, follow, lines, say, shown, size_text

app = typer.Typer(
    name=PROGRAM,
    help="From projections taken with a non-diffracting beam to a volume.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """Run the command line."""
    app(several_values(sys.argv[1:]), prog_name=PROGRAM)


def _version(wanted: bool) -> None:
    if wanted:
        from .. import __version__

        typer.echo(f"{PROGRAM} {__version__}")
        raise typer.Exit


@app.callback()
def _before(
    debug: Debug = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    OPTIONS.debug = debug


@app.command("specimen")
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


@app.command("simulate")
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


@app.command("reconstruct")
@command
def reconstruct(
    projections: Annotated[Path, typer.Argument(help="A stack of projections, one image per slab.")],
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
    guide: Annotated[Guide | None, setting("guide", "--guide")] = None,
    diffusion: Annotated[Diffusion | None, setting("diffusion", "--diffusion")] = None,
    consistency: Annotated[Consistency | None, setting("consistency", "--consistency")] = None,
    light: Annotated[Light | None, setting("light", "--light")] = None,
    samples: Annotated[int | None, setting("samples", "--samples")] = None,
    steps: Annotated[int | None, setting("steps", "--steps")] = None,
    uncertainty: Annotated[
        Path | None,
        typer.Option(
            help="Image to write the standard deviation of the posterior to. Without it no samples are drawn."
        ),
    ] = None,
    preset: Annotated[
        PresetName | None,
        typer.Option(
            help="Settings that belong together; a file's and the other options' override them. "
            + " ".join(f"{name}: {words}" for name, words in PRESET_WORDS.items())
        ),
    ] = None,
    inr: Annotated[Path | None, setting("inr_file", "--inr")] = None,
    save_inr: Annotated[Path | None, typer.Option(help="File to save the INR to, .safetensors.")] = None,
    prior: Annotated[str | None, setting("prior", "--prior")] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            help="Settings in JSON or YAML, or an earlier run's provenance or volume; options override them."
        ),
    ] = None,
    device: Annotated[Device | None, setting("device", "--device")] = None,
    seed: Annotated[int | None, setting("seed", "--seed")] = None,
    memory: Annotated[float | None, setting("memory_gb", "--memory")] = None,
    channel: Channel = None,
    time: Time = None,
    average_frames: AverageFrames = False,
    axes: Axes = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> Answer:
    """Reconstruct a volume from projections. The output is the posterior mean; samples make the uncertainty.

    Ctrl-C stops and keeps what there is, under a name with the suffix "stopped"; a second one cancels.
    """
    from .runs import Request
    from .runs import reconstruct as run

    asked = {
        "guide": guide,
        "diffusion": diffusion,
        "consistency": consistency,
        "light": light,
        "samples": samples,
        "steps": steps,
        "inr_file": inr,
        "prior": prior,
        "device": device,
        "seed": seed,
        "memory_gb": memory,
    }
    choice = Choice(channel, time, average_frames, axes)
    request = BeamRequest(
        beam, step, beam_file, slice_spacing, views, bend, apex, tilt, direction, side_lobes, lobe_spacing
    )
    return run(Request(projections, output, n, request, asked, uncertainty, save_inr, config, choice, preset))


@app.command("compare")
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


@app.command("info")
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


@app.command("train")
@command
def train(
    output: Annotated[Path, typer.Option("-o", "--output", help="Prior to write, .safetensors.")],
    reference: Annotated[
        list[Path] | None,
        typer.Option(help="A point-scanned volume to learn from instead of procedural tissue; repeatable."),
    ] = None,
    minutes: Annotated[float, typer.Option(help="Length of the training, in minutes.")] = 60.0,
    init: Annotated[
        str | None, typer.Option(help="Prior to start from: general (shipped), or a safetensors file.")
    ] = None,
    n: Annotated[
        int | None,
        typer.Option("-n", "--step-length", min=2, max=16, help="The only step length to learn, in slices."),
    ] = None,
    seed: Seed = 0,
    as_json: AsJson = False,
    debug: Debug = False,
) -> Answer:
    """Train a prior, or fine-tune one on reference stacks. Ctrl-C saves; the same command then goes on."""
    from .runs import train as run

    return run(output, reference or [], minutes, init, seed, n)


@app.command("benchmark")
@command
def benchmark(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for table, page and pictures.")],
    volumes: Annotated[list[Path] | None, typer.Argument(help="Point-scanned volumes.")] = None,
    n: Annotated[
        list[str] | None, typer.Option("-n", "--step-length", help="Step lengths, one or several.")
    ] = None,
    methods: Annotated[
        list[str] | None,
        typer.Option(help="Methods as guide/diffusion/consistency, one or several; the last is pictured."),
    ] = None,
    recipe: Annotated[
        list[Path] | None,
        typer.Option(help="Recipes to run instead, one or several: files such as benchmarks/paper/*.yaml."),
    ] = None,
    samples: Annotated[int, typer.Option(min=0, help="Samples for the uncertainty in the pictures.")] = 0,
    seed: Seed = 0,
    as_json: AsJson = False,
    debug: Debug = False,
) -> Answer:
    """Compare methods on volumes with known truth: project, reconstruct, measure, write it down.

    With --recipe, run the tables and figures that recipes describe, on their specimens or on the volumes.
    """
    if recipe:
        from .recipes import cook

        if n or methods:
            raise UsageError("-n and --methods are in the recipe; leave them out beside --recipe")
        return cook(recipe, volumes or [], output, seed)
    from .runs import benchmark as run

    if not volumes or not n:
        raise UsageError("volumes and their step lengths, -n, are needed, or a --recipe")
    return run(volumes, [step_length(text) for text in n], output, methods, samples, seed)


@app.command("batch")
@command
def batch(
    inputs: Annotated[list[Path], typer.Argument(help="Stacks of projections, one image per slab.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder to write to.")],
    n: StepLength = None,
    beam: BeamOption = None,
    guide: Annotated[Guide | None, setting("guide", "--guide")] = None,
    diffusion: Annotated[Diffusion | None, setting("diffusion", "--diffusion")] = None,
    consistency: Annotated[Consistency | None, setting("consistency", "--consistency")] = None,
    light: Annotated[Light | None, setting("light", "--light")] = None,
    samples: Annotated[int | None, setting("samples", "--samples")] = None,
    steps: Annotated[int | None, setting("steps", "--steps")] = None,
    prior: Annotated[str | None, setting("prior", "--prior")] = None,
    uncertainty: Annotated[
        bool, typer.Option("--uncertainty", help="Write the uncertainty of each volume, too.")
    ] = False,
    ending: Annotated[str, typer.Option(help="Of the images: .ome.tif, .tif or .ome.zarr.")] = ".ome.tif",
    config: Annotated[
        Path | None,
        typer.Option(help="Settings, as reconstruct takes them; options override them."),
    ] = None,
    device: Annotated[Device | None, setting("device", "--device")] = None,
    seed: Annotated[int | None, setting("seed", "--seed")] = None,
    memory: Annotated[float | None, setting("memory_gb", "--memory")] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Dask scheduler, tcp://host:8786, whose workers see the files."),
    ] = None,
    workers: Annotated[
        int, typer.Option(min=1, help="Processes on this machine, where there is no scheduler.")
    ] = 1,
    resume: Annotated[
        bool, typer.Option("--resume", help="Leave out what has been written by an earlier batch.")
    ] = False,
    channel: Channel = None,
    time: Time = None,
    average_frames: AverageFrames = False,
    axes: Axes = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> Answer:
    """Reconstruct many files, and each time point of those that have several. One failure stops no other."""
    from .batch import BatchRequest
    from .batch import batch as run

    asked = {
        "guide": guide,
        "diffusion": diffusion,
        "consistency": consistency,
        "light": light,
        "samples": samples,
        "steps": steps,
        "prior": prior,
        "device": device,
        "seed": seed,
        "memory_gb": memory,
    }
    choice = Choice(channel, time, average_frames, axes)
    return run(
        BatchRequest(
            inputs, output, n, beam, asked, choice, ending, uncertainty, config, scheduler, workers, resume
        )
    )


@app.command("demo")
@command
def demo(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder to write to.")] = Path(
        "microdiffusion-demo"
    ),
    as_json: AsJson = False,
    debug: Debug = False,
) -> Answer:
    """Show the main job on a procedural specimen: simulate, reconstruct, compare."""
    from ..studies.demo import run_demo

    report = run_demo(output, follow)
    seconds = sum(report.result.seconds.values())
    data = {"files": report.files, "metrics": report.metrics, "seconds": report.result.seconds}
    names = [(name.replace("_", " "), path) for name, path in report.files.items()]
    table = f"{report.table}\n\n{lines([*names, ('time', f'{seconds:.0f} s ({report.result.device})')])}"
    return Answer(data, table)
