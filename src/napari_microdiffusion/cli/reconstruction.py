"""Commands that reconstruct: one stack, and the demonstration."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from ..errors import Cancelled, RunFailed, UsageError, UserError
from ..io import ImageStack, validate_projections
from ..reconstruction.result import ReconstructionResult
from ..settings.document import RunSettings, Tables
from ..settings.files import read_run
from ..settings.method import ReconstructionConfig
from ..settings.recorded import Recorded
from ..settings.resolve import check_asked, keeping_samples_only_where_written, resolve, resolve_input
from .options import (
    Config,
    Folder,
    Output,
    Preset,
    notes_of,
    opened_stack,
    read_stack,
    refuse_unused_format,
    say_notes,
)
from .plan import LargeRun, say_plan_of_series
from .setting_options import BEAM, BEAM_FILE, DETECTOR, METHOD, NAMES, REFERENCE, WITHIN_FILE, Asked, asks_for
from .terminal import PROGRAM, STOPPED, Answer, command, follow, interrupts, lines, progress_bar, say

if TYPE_CHECKING:
    from ..batch import Piece, Work
    from ..reconstruction.outputs import Outputs


@command
@asks_for(
    BEAM,
    BEAM_FILE,
    DETECTOR,
    METHOD,
    REFERENCE,
    WITHIN_FILE,
    ("output.uncertainty", "output.inr", "output.zarr"),
)
def reconstruct(
    output: Output,
    asked: Asked,
    projections: Annotated[
        Path | None,
        typer.Argument(help="A stack of projections, one image per slab; else that of --config."),
    ] = None,
    preset: Preset = None,
    config: Config = None,
) -> Answer:
    """Reconstruct a volume from projections. The output is the posterior mean; samples make the uncertainty.

    Ctrl-C stops and keeps what there is, under a name with the suffix "stopped"; a second one cancels.
    """
    from ..batch import Piece, Work
    from ..reconstruction.outputs import Outputs

    if projections is not None:
        asked.setdefault("input", {})["path"] = projections
    asked.setdefault("output", {})["volume"] = output
    layers: dict[str, Any] = {
        "earlier": None if config is None else read_run(config),
        "preset_name": preset,
        "names": NAMES,
    }
    # Before the file is opened: what is wrong in the command itself comes first.
    method = check_asked(asked, **layers)
    chosen, written = resolve_input(asked, layers["earlier"], NAMES), asked["output"]
    if chosen.path is None:
        raise UsageError("a stack of projections is needed; name it first, or in the settings of --config")
    refuse_unused_format(asked, output.name, str(written.get("uncertainty", "")))
    outputs = Outputs(output, written.get("uncertainty"), written.get("inr"))
    sources = (chosen.path, config, method.inr_file, _prior_file(method.prior))
    outputs.check(method, (*sources, chosen.beam_file, chosen.second_view, chosen.reference))
    if chosen.times is not None:
        return _series(Piece(chosen.path, outputs, chosen), Work(asked, layers["earlier"], preset, NAMES))
    with opened_stack(chosen.path, chosen) as image:
        return _reconstructed(image, asked, layers, outputs)


def _reconstructed(image: ImageStack, asked: Asked, layers: dict[str, Any], outputs: "Outputs") -> Answer:
    """The rest of `reconstruct`, with the projections open."""
    from ..reconstruction.blocks.from_disk import in_memory, reconstruct_image
    from ..reconstruction.events import CancelToken
    from ..reconstruction.reference.reading import read_reference

    chosen = resolve_input(asked, layers["earlier"], NAMES)
    if chosen.second_view is not None:
        image = with_second_view(image, read_stack(chosen.second_view, chosen))
    outputs.check(check_asked(asked, **layers), image.sources)
    resolved = keeping_samples_only_where_written(resolve(asked, Recorded.of_projections(image), **layers))
    _say_if_no_samples(asked, resolved.method)
    image = in_memory(image, resolved.acquisition, resolved.method)
    validate_projections(image.data, image.name, mask_missing=resolved.method.mask_missing)
    say_notes([*notes_of(image), *resolved.notices])
    reference = None
    if resolved.method.guide == "reference":
        reference = read_reference(chosen, image, resolved.acquisition.step_length)

    plan = LargeRun.planned(image, resolved, outputs)
    token = CancelToken()

    def stop() -> None:
        say(f"{PROGRAM}: stopping; what there is will be kept in {outputs.stopped().volume} (again: cancel)")
        token.stop()

    with interrupts(stop, token.cancel):
        result = follow(
            reconstruct_image(
                image, resolved.acquisition, resolved.method, outputs, reference=reference, cancel=token
            )
        )
    if plan is not None:
        plan.learn(result)
    files = (outputs.stopped() if result.stopped else outputs).write(result, image, resolved)
    return _answer(result, image, resolved.document, files)


def _series(whole: "Piece", work: "Work") -> Answer:
    """The rest of `reconstruct` for several time points."""
    from ..batch import Series, run_batch
    from ..reconstruction.events import CancelToken

    series, token = Series.of(whole), CancelToken()
    settings, count = series.settings(work), len(series.pieces)
    _say_if_no_samples(work.asked, settings.method)
    say_notes(settings.notices)
    left = series.left(settings)
    done = count - len(left)
    say_plan_of_series(series, left, settings, work)
    with interrupts(token.cancel), progress_bar() as show:
        try:
            for report in run_batch(left, work, cancel=token):
                if report.error:
                    raise RunFailed(f"{report.piece.name}: {report.error}")
                done += 1
                show("Time points", done / count, None, f"{done} of {count}")
        except Cancelled:
            if not done:
                raise
            kept = f"{done} of {count} time points are kept; the same command goes on"
            return Answer({"stopped": True, "times": done}, lines([("stopped", kept)]), STOPPED)
    files = series.write(settings)
    data = {**files, "output": files["volume"], "times": count, "seed": settings.method.seed}
    text = [("volume", f"{files['volume']} ({count} time points)"), ("uncertainty", files.get("uncertainty"))]
    return Answer(data, lines([*text, ("provenance", files["provenance"])]))


@command
def demo(
    output: Folder = Path("microdiffusion-demo"),
) -> Answer:
    """Show the main job on a procedural specimen: simulate, reconstruct, compare."""
    from ..studies.demo import run_demo

    report = run_demo(output, follow)
    seconds = sum(report.result.seconds.values())
    data = {"files": report.files, "metrics": report.metrics, "seconds": report.result.seconds}
    names = [(name.replace("_", " "), path) for name, path in report.files.items()]
    table = f"{report.table}\n\n{lines([*names, ('time', f'{seconds:.0f} s ({report.result.device})')])}"
    return Answer(data, table)


def with_second_view(image: ImageStack, second: ImageStack) -> ImageStack:
    """The projections of both views, the first view's first.

    Raises
    ------
    UserError
        If they are not of one size.
    """
    if image.data.shape != second.data.shape:
        raise UserError(
            f"{second.name} is of shape {second.data.shape}, but the mirrored view needs that of "
            f"{image.name}, {image.data.shape}"
        )
    both = np.concatenate([image.data, second.data])
    return replace(image, data=both, sources=image.sources | second.sources)


def _say_if_no_samples(asked: Tables, method: ReconstructionConfig) -> None:
    if asked.get("method", {}).get("samples") and not method.samples:
        say(f"{PROGRAM}: note: no samples are drawn, since nothing keeps them; add --uncertainty OUT")


def _prior_file(prior: str) -> Path | None:
    return Path(prior) if Path(prior).suffix else None


def _consistency_in_words(result: ReconstructionResult) -> str:
    if result.misfit is None:
        return f"reproduces the projections within {result.reprojection_max:.1e} of their range"
    return f"reproduces the projections within their noise (misfit {result.misfit:.2f})"


def _answer(
    result: ReconstructionResult, image: ImageStack, document: RunSettings, written: dict[str, str]
) -> Answer:
    from ..reconstruction.outputs import summary

    slices, height, width = result.volume.shape
    data = summary(result, document, written) | {"notes": notes_of(image)}
    times = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in result.seconds.items())
    text = lines(
        [
            ("volume", f"{written['volume']} ({slices} slices of {height} x {width})"),
            ("uncertainty", written.get("uncertainty")),
            ("INR", written.get("inr")),
            ("provenance", written["provenance"]),
            ("data consistency", _consistency_in_words(result)),
            ("time", f"{times} ({result.device})"),
            ("stopped", "the last stage of each slab is in the provenance" if result.stopped else None),
        ]
    )
    return Answer(data, text, STOPPED if result.stopped else 0)
