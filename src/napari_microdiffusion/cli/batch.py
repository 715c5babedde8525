"""The command `batch`: many files and time points."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import Cancelled, UsageError
from ..io import IMAGE_SUFFIXES, output_folder
from ..settings.files import read_run
from .options import Config, Folder, Preset, refuse_unused_format, say_notes
from .plan import say_plan_of_batch
from .setting_options import BEAM, BEAM_FILE, DETECTOR, METHOD, NAMES, REFERENCE, WITHIN_FILE, Asked, asks_for
from .terminal import CANCELLED, PROGRAM, STOPPED, Answer, command, interrupts, lines, progress_bar, say


@command
@asks_for(BEAM, BEAM_FILE, DETECTOR, METHOD, REFERENCE, WITHIN_FILE, ("output.zarr",))
def batch(
    inputs: Annotated[list[Path], typer.Argument(help="Stacks of projections, one image per slab.")],
    output: Folder,
    asked: Asked,
    preset: Preset = None,
    config: Config = None,
    uncertainty: Annotated[
        bool, typer.Option("--uncertainty", help="Write the uncertainty of each volume, too.")
    ] = False,
    ending: Annotated[str, typer.Option(help="Of the images: .ome.tif, .tif or .ome.zarr.")] = ".ome.tif",
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
) -> Answer:
    """Reconstruct many files, each position, channel and time point of each. One failure stops no other.

    Ctrl-C ends it; what is written stays, and --resume goes on.
    """
    from ..batch import Work, pieces_of, run_batch
    from ..dask_cluster import connected, threads_for
    from ..reconstruction.events import CancelToken

    if ending not in IMAGE_SUFFIXES:
        raise UsageError(f"--ending is {ending!r}, but it must be one of {', '.join(IMAGE_SUFFIXES)}")
    refuse_unused_format(asked, ending)
    if "second_view" in asked.get("input", {}):
        raise UsageError("--views names a file, but batch takes 2, for both views in one stack")
    work = Work(asked, None if config is None else read_run(config), preset, NAMES)
    method = work.check()
    if workers > 1 and method.threads is None:
        asked.setdefault("method", {})["threads"] = threads_for(workers)
    output_folder(output)
    pieces, reports = pieces_of(inputs, output, ending, work, uncertainty=uncertainty)
    skipped = [piece for piece in pieces if resume and piece.outputs.are_written()]
    pieces = [piece for piece in pieces if piece not in skipped]
    for report in reports:
        _say_report(report)
    if scheduler is None and workers == 1:
        say_plan_of_batch(pieces, work, method)
    token = CancelToken()
    ended_early = False
    with (
        connected(scheduler, min(workers, max(len(pieces), 1))) as client,
        interrupts(token.cancel),
        progress_bar() as show,
    ):
        try:
            for done, report in enumerate(run_batch(pieces, work, client=client, cancel=token), 1):
                reports.append(report)
                _say_report(report)
                show("Batch", done / len(pieces), None, f"{done} of {len(pieces)}")
        except Cancelled:
            ended_early = True
    return _answer(reports, len(skipped), len(pieces), ended_early)


def _say_report(report: Any) -> None:
    say_notes(f"{report.piece.name}: {note}" for note in report.notes)
    if report.error:
        say(f"{PROGRAM}: {report.piece.name}: {report.error}")


def _answer(reports: list[Any], skipped: int, planned: int, ended_early: bool) -> Answer:
    written = [report for report in reports if not report.error]
    failed = [report for report in reports if report.error]
    left = planned - len(written) - sum(report.seconds > 0 for report in failed)
    data = {
        "written": [
            _told(r) | {**r.files, "seconds": round(r.seconds, 3), "notes": list(r.notes)} for r in written
        ],
        "failed": [_told(r) | {"error": r.error} for r in failed],
        "skipped": skipped,
        "stopped": ended_early,
    }
    text = lines(
        [
            ("written", len(written)),
            ("failed", ", ".join(report.piece.name for report in failed)),
            ("skipped", f"{skipped}, written before" if skipped else None),
            ("stopped", f"{left} left undone; --resume goes on" if ended_early else None),
        ]
    )
    code = (STOPPED if written else CANCELLED) if ended_early else 1 if failed else 0
    return Answer(data, text, code)


def _told(report: Any) -> dict[str, Any]:
    chosen = report.piece.input
    which = {"position": chosen.position, "channel": chosen.channel, "time": chosen.time}
    return {"input": str(report.piece.source), **which}
