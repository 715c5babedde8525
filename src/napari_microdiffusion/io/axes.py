"""Which axis of a file is which: named by the file, or asked for, and never guessed."""

from collections.abc import Sequence

from napari_microdiffusion.errors import UsageError, UserError

NAME_AXES = "name its axes with the setting axes, for example --axes zyx"
"""What is left to do where a file does not say what its planes are."""

CANONICAL = "tczyx"
"""The order in which every image of this package has its axes; those it lacks are left out."""


class UnnamedAxes(UserError):
    """A file whose axes have no names, so that only a person can tell which is the depth.

    Attributes
    ----------
    sizes : tuple of int
        Of the axes longer than 1, of which the last two are y and x.
    """

    def __init__(self, message: str, sizes: tuple[int, ...]) -> None:
        super().__init__(message)
        self.sizes = sizes


NAMED_OTHERWISE = "N"
"""The letter of an axis with a name that is none of ours."""

_NAMES = {
    "A": "angle",
    "E": "wavelength",
    "H": "lifetime",
    "I": "unnamed",
    "L": "exposure",
    "M": "mosaic tile",
    "N": "of another name",
    "P": "phase",
    "Q": "unnamed",
    "R": "position",
    "S": "sample",
    "V": "event",
}
# tifffile's letters for an axis that the file does not name: pages, other.
_UNNAMED = "IQ"
_SAY_SO = "say so with the setting axes (--axes zyx)"


def named_axes(given: str, axes: str, shape: Sequence[int], name: str) -> tuple[str, tuple[int, ...]]:
    """Check the names that a person gives to the axes of a file.

    Parameters
    ----------
    given
        Letters out of `CANONICAL`, one for each axis or one for each that is longer than 1.
    axes, shape
        As the file has them.
    name
        File name for the messages.

    Returns
    -------
    axes
        Upper-case letters.
    shape
        Their sizes.

    Raises
    ------
    UsageError
        Where the letters are others, or not as many as the file has axes.
    """
    letters = given.strip().lower()
    if not set(letters) <= set(CANONICAL) or len(set(letters)) < len(letters) or not {*"zyx"} <= set(letters):
        raise UsageError(
            f"axes is {given!r}, but it must be letters out of {CANONICAL}, each once, with z, y and x"
        )
    for sizes in (tuple(shape), tuple(size for size in shape if size > 1), kept_shape(axes, shape)):
        if len(sizes) == len(letters):
            return letters.upper(), sizes
    raise UsageError(
        f"axes is {given!r}, but {name} has {len(shape)} axes, of sizes {', '.join(map(str, shape))}"
    )


def kept_shape(axes: str, shape: Sequence[int]) -> tuple[int, ...]:
    """Return the sizes without those of 1, save y and x."""
    return tuple(size for axis, size in zip(axes, shape, strict=True) if size > 1 or axis in "YXyx")


def stack_axes(
    axes: str,
    shape: Sequence[int],
    colour: bool,
    name: str,
    *,
    is_named: bool = False,
    words: Sequence[str] | None = None,
) -> tuple[str, bool]:
    """Name the axes of a stack, singletons left out.

    Parameters
    ----------
    axes
        One letter for each axis, as tifffile gives them (T, C, Z, Y, X, S samples, I and Q unnamed, ...), or
        `NAMED_OTHERWISE`.
    shape
        Size of each axis.
    colour
        Whether the samples of a pixel are the parts of a colour.
    name
        File name for the messages.
    is_named
        Whether the file names its axes, so that one without a name is none that may be taken as z.
    words
        What the file itself calls each axis, for the messages.

    Returns
    -------
    axes
        Lower-case letters out of `CANONICAL` in the order of the file, without axes of size 1 save y and x.
    assumed
        True where the one axis that the file does not name was taken as z.

    Raises
    ------
    UserError
        For an empty, RGB or single image, a series without depth, and axes without a name (`UnnamedAxes`
        where a person can name them).
    """
    if 0 in shape:
        raise UserError(
            f"{name} is empty (shape {tuple(shape)}); a stack of at least 2 projections is needed."
        )
    called = words or [_NAMES.get(axis, axis.lower()) for axis in axes.upper()]
    kept = [
        (axis, size, word)
        for axis, size, word in zip(axes.upper(), shape, called, strict=True)
        if size > 1 or axis in "YXyx"
    ]
    letters = [axis for axis, _, _ in kept]
    extra = [axis for axis in letters if axis not in "YX"]
    if colour and "S" in extra:
        planes = shape[axes.upper().index("S")]
        # Samples in planes of their own: how some programs write three or four slabs.
        perhaps = f"; if its {planes} planes are slabs, {_SAY_SO}" if letters == ["S", "Y", "X"] else ""
        raise UserError(
            f"{name} is an RGB image or of another colour space; one intensity a pixel is needed: convert it "
            f"to grey values{perhaps}."
        )
    repeatable = _UNNAMED + NAMED_OTHERWISE
    counted = [axis for axis in letters if axis not in repeatable]
    if not {"Y", "X"} <= set(letters) or len(set(counted)) < len(counted):
        raise UserError(
            f"{name} calls its axes {', '.join(called)}; each of x and y is needed, and no name twice: "
            f"{NAME_AXES}."
        )
    if not extra:
        raise UserError(f"{name} is a single 2D image; a stack of at least 2 projections is needed.")
    if "S" in extra and "C" not in extra:
        # The samples of a pixel that are no colour are channels that were recorded at once.
        letters = ["C" if axis == "S" else axis for axis in letters]
    unnamed = [axis for axis in letters if axis in _UNNAMED]
    assumed = len(unnamed) == 1 and "Z" not in letters and "T" not in letters and not is_named
    if assumed:
        letters = ["Z" if axis in unnamed else axis for axis in letters]
    strange = [
        (word, size)
        for axis, (_, size, word) in zip(letters, kept, strict=True)
        if axis.lower() not in CANONICAL
    ]
    if strange:
        words_of_sizes = ", ".join(f"{word} ({size})" for word, size in strange)
        example = "ctzyx"[-min(len(letters), 5) :]
        message = (
            f"{name} has axes beside channel, time and depth: {words_of_sizes}; save one such stack alone, "
            f"or name them with the setting axes, for example --axes {example}."
        )
        # Of up to five axes a person can tell the order; y and x are the last two of each page.
        if set(unnamed) == set(extra) and letters[-2:] == ["Y", "X"] and len(letters) in (3, 4, 5):
            raise UnnamedAxes(message, tuple(size for _, size, _ in kept))
        raise UserError(message)
    if "Z" not in letters:
        sizes = dict(zip(letters, (size for _, size, _ in kept), strict=True))
        raise UserError(_no_depth(sizes, name))
    return "".join(letters).lower(), assumed


def _no_depth(sizes: dict[str, int], name: str) -> str:
    if "T" in sizes:
        return (
            f"{name} is a time series of one plane ({sizes['T']} time points), with no depth axis; if its "
            f"frames are depths, {_SAY_SO}."
        )
    return (
        f"{name} holds {sizes['C']} channels of one plane, with no depth axis; a stack along z is needed; if "
        f"they are depths, {_SAY_SO}."
    )
