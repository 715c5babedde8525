"""The two commands that take their time: a reconstruction and a training."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import UsageError, UserError
from ..io import ImageStack, check_output, validate_projections
from ..optics import Acquisition
from ..reconstruction.result import ReconstructionResult
from ..settings.method import ReconstructionConfig
from ..settings.presets import merged, preset
from ..settings.resolve import make_config
from .beam_options import BeamRequest, acquisition_for, with_second_view
from .options import NO_CHOICE, Choice, read_stack, step_length
from .terminal import PROGRAM, Answer, follow, interrupts, lines, progress_bar, say

# How the options are called whose fields have another name.
_FLAGS = {"inr_file": "--inr", "memory_gb": "--memory", "step_length": "-n"}


@dataclass(frozen=True)
class Request:
    """What was asked of `reconstruct`; None and missing settings are left to the file or the default."""

    projections: Path
    output: Path
    n: str | None
    beam: BeamRequest
    settings: dict[str, Any]
    uncertainty: Path | None = None
    save_inr: Path | None = None
    config: Path | None = None
    choice: Choice = NO_CHOICE
    preset: str | None = None


def reconstruct(request: Request) -> Answer:
    """Read, reconstruct, write."""
    from ..reconstruction.engine import reconstruct as run
    from ..reconstruction.events import CancelToken
    from ..reconstruction.outputs import Outputs
    from ..settings.files import read_settings

    optics, settings = ({}, {}) if request.config is None else read_settings(request.config)
    given = {name: value for name, value in request.settings.items() if value is not None}
    chosen = {} if request.preset is None else preset(request.preset)
    config = make_config(_FLAGS, **merged(chosen, settings, given))
    if request.uncertainty is None and config.samples:
        # Samples make the uncertainty and nothing else; without a file for it they would be thrown away.
        if given.get("samples"):
            say(f"{PROGRAM}: note: no samples are drawn, since nothing keeps them; add --uncertainty OUT")
        config = config.model_copy(update={"samples": 0})
    if request.n is not None:
        # Before the file is opened: what is wrong in the command itself comes first.
        acquisition_for(step_length(request.n), BeamRequest(request.beam.beam, request.beam.step))
    outputs = Outputs(request.output, request.uncertainty, request.save_inr)
    beam = request.beam
    sources = (request.projections, request.config, config.inr_file, _prior_file(config.prior))
    outputs.check(config, (*sources, beam.beam_file, beam.second_view))
    image = read_stack(request.projections, request.choice)
    if beam.second_view is not None:
        image = with_second_view(image, read_stack(beam.second_view, request.choice))
    acquisition = _acquisition(request, image, optics)
    validate_projections(image.data, image.name)

    token = CancelToken()

    def stop() -> None:
        say(f"{PROGRAM}: stopping; what there is will be kept in {outputs.stopped().volume} (again: cancel)")
        token.stop()

    with interrupts(stop, token.cancel):
        result = follow(run(image.data, acquisition, config, cancel=token))
    written = (outputs.stopped() if result.stopped else outputs).write(result, image)
    return _answer(result, image, acquisition, config, written)


def _acquisition(request: Request, image: ImageStack, optics: dict[str, Any]) -> Acquisition:
    n = None
    if request.n is not None or request.beam.step is None:
        n = step_length(request.n, image, optics.get("step_length"))
    acquisition = acquisition_for(n, request.beam, image, optics)
    if image.step_length not in (None, acquisition.step_length):
        say(
            f"{PROGRAM}: note: {image.name} says step length {image.step_length}; {acquisition.step_length} "
            "is used, as asked"
        )
    return acquisition


def _prior_file(prior: str) -> Path | None:
    return Path(prior) if Path(prior).suffix else None


def _consistency_in_words(result: ReconstructionResult) -> str:
    if result.misfit is None:
        return f"reproduces the projections within {result.reprojection_max:.1e} of their range"
    return f"reproduces the projections within their noise (misfit {result.misfit:.2f})"


def _answer(
    result: ReconstructionResult,
    image: ImageStack,
    acquisition: Acquisition,
    config: ReconstructionConfig,
    written: dict[str, str],
) -> Answer:
    slices, height, width = result.volume.shape
    data = {
        "output": written["volume"],
        "uncertainty": written.get("uncertainty"),
        "inr": written.get("inr"),
        "provenance": written["provenance"],
        "shape": [slices, height, width],
        "step_length": acquisition.step_length,
        "beam": acquisition.beam,
        "guide": config.guide,
        "diffusion": config.diffusion if "posterior mean" in result.seconds else "off",
        "consistency": config.consistency,
        "samples": config.samples if "samples" in result.seconds else 0,
        "seed": config.seed,
        "device": result.device,
        "seconds": result.seconds,
        "reprojection_max": result.reprojection_max,
        "misfit": result.misfit,
        "misfit_correlation": result.misfit_correlation,
        "noise": result.noise,
        "stopped": result.stopped,
        "notices": result.notices,
    }
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
    return Answer(data, text)


def train(
    output: Path,
    references: list[Path],
    minutes: float,
    init: str | None,
    seed: int,
    step_length: int | None = None,
) -> Answer:
    """Train a prior until its time is over or Ctrl-C; go on where an earlier training stopped."""
    check_output(output, (".safetensors",))
    if not minutes > 0:
        raise UsageError(f"--minutes is {minutes:g}, but it must be above zero")
    volumes = [_reference(path) for path in references]

    from ..reconstruction.priors import load_prior
    from ..training.recipe import ADAPTING_RATE, PriorTraining, TrainingRecipe

    start = None if init is None else load_prior(init)
    recipe = TrainingRecipe(minutes=minutes, seed=seed, step_length=step_length)
    if start and volumes:
        recipe = recipe.model_copy(update={"learning_rate": ADAPTING_RATE})
    training = PriorTraining(recipe, output, start, tuple(volumes))
    fitting = training.fitting
    if fitting.step:
        say(f"{PROGRAM}: note: going on from step {fitting.step}, {fitting.elapsed / 60:.1f} minutes in")
    if fitting.fraction >= 1:
        raise UserError(
            f"{output} was trained for {fitting.elapsed / 60:.1f} minutes already; ask for more --minutes, "
            f"or remove {training.state_path} to begin anew"
        )
    ended: list[bool] = []
    loss = validation = None
    with interrupts(lambda: ended.append(True)), progress_bar() as show:
        for report in training.run():
            step = report.step
            loss = step.loss if loss is None else 0.98 * loss + 0.02 * step.loss
            validation = validation if report.validation is None else report.validation
            text = f"step {step.step}, loss {loss:.3g}" + (
                f", explains {validation:.3f}" if validation else ""
            )
            show("Training the prior", step.fraction, 60 * minutes * (1 - step.fraction), text)
            if ended:
                validation = training.validate()
                training.save(validation)
                break
    data = {
        "output": str(output),
        "state": str(training.state_path),
        "curve": str(training.curve.path),
        "steps": fitting.step,
        "minutes": fitting.elapsed / 60,
        "finished": fitting.fraction >= 1,
        "validation_explained": validation,
    }
    text = lines(
        [
            ("prior", output),
            ("steps", f"{fitting.step} in {fitting.elapsed / 60:.1f} minutes"),
            ("explains", None if validation is None else f"{validation:.3f} of what the guide leaves open"),
            ("go on", None if data["finished"] else "the same command goes on where this ended"),
        ]
    )
    return Answer(data, text)


def benchmark(
    volumes: list[Path],
    step_lengths: list[Any],
    output: Path,
    methods: list[str] | None,
    samples: int,
    seed: int,
) -> Answer:
    """Run the benchmark and say where it was written."""
    from ..evaluation import comparison_table
    from ..studies.benchmark import DEFAULT_METHODS, case_of_volume, method_config
    from ..studies.report import write_benchmark

    chosen = methods or list(DEFAULT_METHODS)
    for method in chosen:
        method_config(method)
    beams = [acquisition_for(n) for n in step_lengths]
    for path in volumes:
        # A file that cannot be read should be known before the first hour of work, not after it.
        read_stack(path)
    output.mkdir(parents=True, exist_ok=True)
    cases = (case_of_volume(path, beam.step_length) for path in volumes for beam in beams)
    table: list[tuple[str, dict[str, Any]]] = []
    with progress_bar() as show:
        total = len(volumes) * len(beams) * len(chosen)
        for row in write_benchmark(cases, chosen, output, samples=samples, seed=seed):
            table.append((f"{row.case} n={row.step_length} {row.method}", row.metrics))
            show("benchmark", len(table) / total, None, row.case)
    columns = ["psnr", "null_space_r2", "ssim", "dice", "reprojection_max"]
    data = {
        "output": str(output),
        "rows": [{"name": name, **{c: m[c] for c in columns}} for name, m in table],
    }
    where = lines([("table", output / "table.csv"), ("report", output / "report.md")])
    return Answer(data, f"{comparison_table(table, columns)}\n\n{where}")


def _reference(path: Path) -> Any:
    import numpy as np

    image = read_stack(path)
    validate_projections(image.data, image.name)
    return np.asarray(image.data, dtype=np.float32)
