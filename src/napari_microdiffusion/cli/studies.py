"""Commands that train and compare methods."""

from pathlib import Path
from typing import Annotated

import typer

from ..errors import UsageError
from .options import AsJson, Debug, Seed, step_length
from .terminal import Answer, command


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
