"""The plan of a batch: a piece for each file, or each position, channel and time point of it."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from ..errors import UserError
from ..io import UnchosenPosition, image_name, read_sizes
from ..reconstruction.outputs import Outputs
from ..settings.document import InputSettings
from .pieces import Piece, Report, Work


def pieces_of(
    sources: Iterable[Path],
    folder: Path,
    ending: str = ".ome.tif",
    work: Work | None = None,
    *,
    uncertainty: bool = False,
) -> tuple[list[Piece], list[Report]]:
    """Plan the work: a piece for each file, or for each position, channel and time point it has several of.

    Parameters
    ----------
    sources : iterable of Path
    folder : Path
        Where outputs go: NAME_volume, NAME_t0003_volume, NAME_p002_c1_t0003_volume and so on.
    ending : str
        One of `io.IMAGE_SUFFIXES`.
    work : Work, optional
        Its settings choose the stack of each file; a position or time point that is given is the only one.
    uncertainty : bool
        Whether an uncertainty is written too.

    Returns
    -------
    pieces : list of Piece
    unreadable : list of Report
        For files whose header cannot be read.

    Raises
    ------
    UserError
        If two pieces would write the same file.
    """
    pieces: list[Piece] = []
    unreadable: list[Report] = []
    for source in sources:
        chosen = (work or Work()).input_for(source)
        try:
            stacks = list(_stacks_of(source, chosen))
        except (UserError, OSError) as error:
            nowhere = Outputs(folder / f"{image_name(source)}_volume{ending}")
            unreadable.append(Report.of_failure(Piece(source, nowhere, chosen), error))
            continue
        for which, own in stacks:
            stem = image_name(source) + which
            outputs = Outputs(
                folder / f"{stem}_volume{ending}",
                folder / f"{stem}_uncertainty{ending}" if uncertainty else None,
            )
            pieces.append(Piece(source, outputs, own))
    names = [piece.outputs.volume for piece in pieces]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UserError(f"{twice} would be written twice; give files of the same name folders of their own.")
    return pieces, unreadable


def _stacks_of(source: Path, chosen: InputSettings) -> Iterator[tuple[str, InputSettings]]:
    """The stacks of a file, by what is added to the names of their outputs."""
    try:
        sizes = read_sizes(source, chosen.axes, chosen.position)
    except UnchosenPosition as several:
        for index in range(len(several.positions)):
            own = chosen.model_copy(update={"position": str(index)})
            for which, stack in _stacks_of(source, own):
                yield f"_p{index:03d}{which}", stack
        return
    if chosen.channel is None and sizes.get("c", 1) > 1:
        for index in range(sizes["c"]):
            own = chosen.model_copy(update={"channel": str(index)})
            for which, stack in _times_of(own, sizes.get("t", 1)):
                yield f"_c{index}{which}", stack
        return
    yield from _times_of(chosen, sizes.get("t", 1))


def _times_of(chosen: InputSettings, count: int) -> Iterator[tuple[str, InputSettings]]:
    """The same for the time points of one channel."""
    if chosen.time is not None or chosen.average_frames or (count == 1 and chosen.times is None):
        yield "", chosen
        return
    for index in chosen.time_points(count):
        yield f"_t{index:04d}", at_time(chosen, index)


def at_time(chosen: InputSettings, index: int) -> InputSettings:
    """The choice of one time point of the same file."""
    return chosen.model_copy(update={"time": index, "times": None})
