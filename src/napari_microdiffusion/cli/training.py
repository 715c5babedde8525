"""The command that trains a prior."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import UsageError, UserError
from ..io import check_output, validate_projections
from .options import Seed, read_stack
from .terminal import PROGRAM, STOPPED, Answer, command, interrupts, lines, progress_bar, say


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
    closed_form: Annotated[
        bool,
        typer.Option(
            "--closed-form",
            help="Adapt to the references in seconds: the network's code and last linear layers solved "
            "for, instead of training it.",
        ),
    ] = False,
    seed: Seed = 0,
) -> Answer:
    """Train a prior, or fine-tune one on reference stacks. Ctrl-C saves; the same command then goes on."""
    check_output(output, (".safetensors",))
    if not minutes > 0:
        raise UsageError(f"--minutes is {minutes:g}, but it must be above zero")
    volumes = [_reference(path) for path in reference or []]

    from ..reconstruction.priors import load_prior
    from ..training.recipe import ADAPTING_RATE, PriorTraining, TrainingRecipe

    start = None if init is None and not closed_form else load_prior(init or "general")
    if closed_form:
        assert start is not None
        return _in_closed_form(start, volumes, n, output)
    recipe = TrainingRecipe(minutes=minutes, seed=seed, step_length=n)
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
            if step.notice:
                say(f"{PROGRAM}: note: {step.notice}")
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
    return Answer(data, text, STOPPED if ended else 0)


def _in_closed_form(prior: Any, volumes: list[Any], n: int | None, output: Path) -> Answer:
    from ..training.adaptation.closed_form import ClosedForm, adapt_in_closed_form

    if not volumes:
        raise UsageError("--closed-form needs --reference, a point-scanned volume to adapt to")
    with progress_bar() as show:
        for event in adapt_in_closed_form(prior, volumes, n):
            if isinstance(event, ClosedForm):
                found = event
            else:
                show("Adapting", event, None)
    found.prior.save(output)
    data = {"output": str(output), "gain_db": found.gain, "seconds": found.seconds}
    kept = "none; the prior stays as it is" if found.gain == 0 else f"{found.gain:.2f} dB on held-out halves"
    return Answer(data, lines([("prior", output), ("gain", kept), ("time", f"{found.seconds:.0f} s")]))


def _reference(path: Path) -> Any:
    import numpy as np

    image = read_stack(path)
    validate_projections(image.data, image.name)
    return np.asarray(image.data, dtype=np.float32)
