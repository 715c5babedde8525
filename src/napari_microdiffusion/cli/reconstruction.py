"""Commands that reconstruct: one stack, many, and the demonstration."""

from pathlib import Path
from typing import Annotated

import typer

from ..optics.detector.light import Light
from ..settings.method import Consistency, Device, Diffusion, Guide
from ..settings.presets import PRESET_WORDS, PresetName
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
)
from .options import (
    AsJson,
    AverageFrames,
    Axes,
    Channel,
    Choice,
    Debug,
    Output,
    Time,
    setting,
)
from .terminal import Answer, command, follow, lines


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
