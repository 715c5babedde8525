"""Several images in one file or folder: listed, and chosen by the person, never by their order."""

from collections.abc import Sequence
from dataclasses import dataclass

from napari_microdiffusion.errors import UserError

_LISTED = 12


@dataclass(frozen=True)
class Position:
    """One image of several: its name, which may be empty, its axes and their sizes as the file has them."""

    name: str
    axes: str = ""
    shape: tuple[int, ...] = ()


class UnchosenPosition(UserError):
    """A file that holds several images, of which the person has chosen none.

    Attributes
    ----------
    positions : tuple of Position
        The images, in the order of the file.
    """

    def __init__(self, message: str, positions: Sequence[Position]) -> None:
        super().__init__(message)
        self.positions = tuple(positions)


def chosen_position(positions: Sequence[Position], choice: int | str | None, name: str) -> int:
    """Return the index of the image that was chosen.

    Parameters
    ----------
    positions
        At least one.
    choice
        Index from 0, or a name; None where nothing was chosen.
    name
        File name for the messages.

    Raises
    ------
    UnchosenPosition
        Where there are several and none was chosen.
    UserError
        Where the choice does not exist, or its name occurs more than once.
    """
    if choice is None:
        if len(positions) == 1:
            return 0
        raise UnchosenPosition(
            f"{name} holds {len(positions)} images; choose one with the setting position (--position): "
            f"{listing(positions)}.",
            positions,
        )
    names = [position.name for position in positions]
    if isinstance(choice, str) and names.count(choice) == 1:
        return names.index(choice)
    index = int(choice) if isinstance(choice, int) or (isinstance(choice, str) and choice.isdecimal()) else -1
    if 0 <= index < len(positions):
        return index
    if len(positions) == 1:
        raise UserError(f"{name} holds one image only; position {choice} does not exist.")
    raise UserError(f"{name} has no position {choice}; there are {listing(positions)}.")


def listing(positions: Sequence[Position]) -> str:
    """Return the indices and names in one line."""
    words = [
        f"{index} ({position.name})" if position.name not in ("", str(index)) else str(index)
        for index, position in enumerate(positions[:_LISTED])
    ]
    more = len(positions) - _LISTED
    return ", ".join(words) + (f" and {more} more" if more > 0 else "")
