"""The commands, in the order of the help."""

import sys
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from .batch import batch
from .benchmark import benchmark
from .options import several_values
from .reconstruction import demo, reconstruct
from .terminal import DEBUG_HELP, GLOBAL, PROGRAM
from .training import train
from .video import video
from .volumes import compare, info, simulate, specimen

_EXIT_CODES = (
    "Exit codes: 0 done; 1 failed, with one sentence; 2 wrong usage; 3 stopped by Ctrl-C, and what there was "
    "is kept; 130 cancelled, nothing is kept."
)

app = typer.Typer(
    name=PROGRAM,
    help="From projections taken with a non-diffracting beam to a volume.",
    epilog=_EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class GroupedHelp(TyperCommand):
    """A command whose help has its options under headings."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments, options without a heading, and each heading with its own."""
        groups: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                is_argument = parameter.param_type_name == "argument"
                heading = getattr(parameter, "rich_help_panel", None)
                heading = "Arguments" if is_argument else heading or "Options"
                groups.setdefault(heading, []).append(record)
        for heading, records in groups.items():
            if records:
                with formatter.section(heading):
                    formatter.write_dl(records)


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
    debug: Annotated[bool, typer.Option("--debug", help=DEBUG_HELP)] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    GLOBAL.debug = debug


for _command in (specimen, simulate, reconstruct, video, compare, info, train, benchmark, batch, demo):
    app.command(_command.__name__, cls=GroupedHelp, epilog=_EXIT_CODES)(_command)
