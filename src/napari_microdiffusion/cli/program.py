"""The commands, in the order of the help."""

import sys
from typing import Annotated

import typer

from .options import Debug, several_values
from .reconstruction import batch, demo, reconstruct
from .studies import benchmark, train
from .terminal import OPTIONS, PROGRAM
from .volumes import compare, info, simulate, specimen

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


for _command in (specimen, simulate, reconstruct, compare, info, train, benchmark, batch, demo):
    app.command(_command.__name__)(_command)
