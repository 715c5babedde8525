"""The command `video`: projections with a time axis."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ..io import open_image, time_series
from ..settings.files import read_run
from ..settings.recorded import Recorded
from ..settings.resolve import check_asked, resolve, resolve_input
from .options import Config, Preset, notes_of, read_stack, refuse_unused_format, say_notes
from .setting_options import BEAM, BEAM_FILE, DETECTOR, METHOD, NAMES, REFERENCE, Asked, asks_for
from .terminal import PROGRAM, STOPPED, Answer, command, interrupts, lines, progress_bar, say


@command
@asks_for(
    BEAM,
    BEAM_FILE,
    DETECTOR,
    METHOD,
    REFERENCE,
    ("input.position", "input.channel", "input.axes", "output.zarr"),
)
def video(
    projections: Annotated[Path, typer.Argument(help="Projections with a time axis, one image per slab.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Image to write; .ome.zarr opens fastest.")],
    asked: Asked,
    traces: Annotated[
        Path | None, typer.Option(help="Traces of the regions to write, .csv or .nwb (needs pynwb).")
    ] = None,
    regions: Annotated[
        Path | None, typer.Option(help="Regions, an image of whole numbers in the shape of the volume.")
    ] = None,
    save_regions: Annotated[Path | None, typer.Option(help="Image to write the regions to.")] = None,
    rate: Annotated[float | None, typer.Option(min=0, help="Volumes a second, for the traces.")] = None,
    motion: Annotated[bool, typer.Option(help="Correct motion between frames.")] = True,
    preset: Preset = None,
    config: Config = None,
) -> Answer:
    """Reconstruct a video: a structure from all frames, as bright in each as its projections show it.

    Ctrl-C stops and keeps the frames that are done; a second one cancels.
    """
    from ..reconstruction.events import CancelToken
    from ..reconstruction.reference.reading import read_reference
    from ..video.outputs import VideoOutputs
    from ..video.reconstruction import Video, reconstruct_video

    earlier = None if config is None else read_run(config)
    asked.setdefault("input", {})["path"] = projections
    asked.setdefault("method", {}).setdefault("samples", 0)
    check_asked(asked, earlier=earlier, preset_name=preset, names=NAMES)
    chosen = resolve_input(asked, earlier, NAMES)
    refuse_unused_format(asked, output.name, str(save_regions or ""))
    outputs = VideoOutputs(output, traces, save_regions)
    known = (projections, config, regions, chosen.reference, chosen.beam_file)
    outputs.check(path for path in known if path is not None)
    with open_image(projections, chosen.axes, chosen.position) as opened:
        image = time_series(opened, chosen.channel)
        outputs.check(image.sources)
        resolved = resolve(
            asked, Recorded.of_projections(image), earlier=earlier, preset_name=preset, names=NAMES
        )
        acquisition, n = resolved.acquisition, resolved.acquisition.step_length
        reference = read_reference(chosen, image, n) if resolved.method.guide == "reference" else None
        labels = None if regions is None else read_stack(regions).data
        say_notes([*notes_of(image), *resolved.notices])
        token = CancelToken()
        video = Video(image.data, rate, labels, motion)
        with interrupts(token.stop, token.cancel), progress_bar() as show:
            events = reconstruct_video(video, acquisition, resolved.method, reference=reference, cancel=token)
            return _answer(outputs.writing(events, image, n, resolved.document.output.zarr), show)


def _answer(events: Any, show: Any) -> Answer:
    from ..reconstruction.events import Notice
    from ..video.events import VideoFinished, VideoProgress
    from ..video.reconstruction import moved_sentence

    data: dict[str, Any] = {}
    finished = None
    for event in events:
        if isinstance(event, Notice):
            say(f"{PROGRAM}: note: {event.text}")
        elif isinstance(event, VideoProgress):
            pace = event.volumes_per_second
            data["volumes_per_second"] = pace
            words = event.text if pace is None else f"{event.text}, {pace:.1f} a second"
            show("video", event.fraction, event.seconds_left, words)
        elif isinstance(event, VideoFinished):
            finished = event
        elif isinstance(event, dict):
            data |= event
    assert finished is not None
    frames, regions = len(finished.traces.light), len(finished.traces.regions)
    if (sentence := moved_sentence(finished.shifts)) is not None:
        say(f"{PROGRAM}: note: {sentence}")
    data |= {"frames": frames, "regions_found": regions, "stopped": finished.stopped}
    data["reference"] = finished.provenance["reference"]
    data["notices"] = finished.provenance["notices"]
    names = [(name, data.get(name)) for name in ("volumes", "traces", "regions", "provenance")]
    speed = f"{data['volumes_per_second']:.1f} volumes a second"
    text = lines([*names, ("frames", f"{frames}, {speed}"), ("regions", regions)])
    return Answer(data, text, STOPPED if finished.stopped else 0)
