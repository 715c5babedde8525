"""The command `batch`: many files and time points."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..cluster import Report, Work, connected, pieces_of, run_batch, threads_for
from ..errors import Cancelled, UsageError
from ..io import IMAGE_SUFFIXES
from ..reconstruction.events import CancelToken
from ..settings.files import read_settings
from ..settings.method import ReconstructionConfig
from ..settings.resolve import make_config
from .beam_options import BeamRequest, acquisition_for
from .options import Choice, step_length
from .terminal import PROGRAM, Answer, interrupts, lines, progress_bar, say

_FLAGS = {"memory_gb": "--memory"}


@dataclass(frozen=True)
class BatchRequest:
    """What was asked of `batch`; None is left to the file, the settings or the default."""

    inputs: list[Path]
    folder: Path
    n: str | None
    beam: str | None
    settings: dict[str, Any]
    choice: Choice
    ending: str = ".ome.tif"
    uncertainty: bool = False
    config: Path | None = None
    scheduler: str | None = None
    workers: int = 1
    resume: bool = False


def batch(request: BatchRequest) -> Answer:
    """Plan the pieces, work on them, say what became of each; the exit code is 1 where one failed."""
    if request.ending not in IMAGE_SUFFIXES:
        raise UsageError(f"--ending is {request.ending!r}, but it must be one of {', '.join(IMAGE_SUFFIXES)}")
    work = _work(request)
    request.folder.mkdir(parents=True, exist_ok=True)
    choice = request.choice
    pieces, reports = pieces_of(
        request.inputs,
        request.folder,
        request.ending,
        uncertainty=request.uncertainty,
        channel=choice.channel,
        time=choice.time,
        average_frames=choice.average_frames,
        axes=choice.axes,
    )
    skipped = [piece for piece in pieces if request.resume and piece.outputs.provenance.is_file()]
    pieces = [piece for piece in pieces if piece not in skipped]
    for report in reports:
        _tell(report)
    token = CancelToken()
    ended_early = False
    with (
        connected(request.scheduler, min(request.workers, max(len(pieces), 1))) as client,
        interrupts(token.cancel),
        progress_bar() as show,
    ):
        try:
            for done, report in enumerate(run_batch(pieces, work, client=client, cancel=token), 1):
                reports.append(report)
                _tell(report)
                show("Batch", done / len(pieces), None, f"{done} of {len(pieces)}")
        except Cancelled:
            ended_early = True
    return _answer(reports, len(skipped), len(pieces), ended_early)


def _work(request: BatchRequest) -> Work:
    optics, settings = ({}, {}) if request.config is None else read_settings(request.config)
    given = {name: value for name, value in request.settings.items() if value is not None}
    config: ReconstructionConfig = make_config(_FLAGS, **{**settings, **given})
    if not request.uncertainty:
        # Samples make the uncertainty and nothing else.
        config = config.model_copy(update={"samples": 0})
    if request.workers > 1 and config.threads is None:
        config = config.model_copy(update={"threads": threads_for(request.workers)})
    optics = dict(optics)
    if request.n is not None:
        acquisition = acquisition_for(step_length(request.n), BeamRequest(request.beam), None, optics)
        told = optics.keys() | {"step_length"} | ({"beam"} if request.beam else set())
        optics = {name: value for name, value in acquisition.model_dump().items() if name in told}
    elif request.beam is not None:
        optics |= {"beam": request.beam, "axial_profile": None}
    return Work(config, optics)


def _tell(report: Report) -> None:
    if report.error:
        say(f"{PROGRAM}: {report.piece.name}: {report.error}")


def _answer(reports: list[Report], skipped: int, planned: int, ended_early: bool) -> Answer:
    written = [report for report in reports if not report.error]
    failed = [report for report in reports if report.error]
    left = planned - len(written) - sum(report.seconds > 0 for report in failed)
    data = {
        "written": [
            {"input": str(r.piece.source), "time": r.piece.time, **r.files, "seconds": round(r.seconds, 3)}
            for r in written
        ],
        "failed": [{"input": str(r.piece.source), "time": r.piece.time, "error": r.error} for r in failed],
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
    return Answer(data, text, code=1 if failed or ended_early else 0)
