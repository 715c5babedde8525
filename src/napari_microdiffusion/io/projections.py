"""What an array must be before it can count as projections: the same words in every face of the program."""

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_microdiffusion.errors import UserError


def validate_projections(
    data: npt.ArrayLike, name: str = "the projections", *, mask_missing: bool | None = None
) -> None:
    """Refuse an array that no volume can be reconstructed from.

    Reads the array plane by plane, so that a lazily loaded one never lies in memory as a whole.

    Parameters
    ----------
    data
        Projections (N, H, W) of any real number type, N at least 2, in any unit of intensity.
    name
        What the message calls them: the name of the file, layer or argument.
    mask_missing
        Whether pixels may be missing (NaN), but for all; None where that is no choice, so that the message
        does not name it.

    Raises
    ------
    UserError
        With one sentence: not three axes, too few projections, no pixels, not real numbers, NaN (unless
        they may be) or infinite pixels (also those that become infinite as float32), or one value everywhere.
    """
    array: Any = data if hasattr(data, "ndim") and hasattr(data, "dtype") else np.asarray(data)
    _check_form(array, name)
    low, high = np.inf, -np.inf
    bad_pixels, first_bad, missing_pixels = 0, 0, 0
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows float32 is counted, not warned of
        for index in range(array.shape[0]):
            plane = np.asarray(array[index])
            # NaN spreads into both ends of the range, so that only a bad plane is looked at pixel by pixel.
            ends = np.array([plane.min(), plane.max()])
            if not np.isfinite(ends.astype(np.float32)).all():
                missing = int(np.count_nonzero(np.isnan(plane)))
                bad = int(np.count_nonzero(~np.isfinite(plane.astype(np.float32))))
                bad -= missing if mask_missing else 0
                first_bad = first_bad or (index + 1 if bad else 0)
                bad_pixels, missing_pixels = bad_pixels + bad, missing_pixels + missing
                if missing == plane.size:
                    continue
                ends = np.array([np.nanmin(plane), np.nanmax(plane)])
            low, high = min(low, ends[0]), max(high, ends[1])
    if bad_pixels:
        offer = "every pixel must be a finite number"
        if mask_missing is False and bad_pixels == missing_pixels:
            offer += "; choose mask missing (--mask-missing) to leave out those without a value (NaN)"
        raise UserError(
            f"{name}: NaN or infinite pixels ({bad_pixels} of {array.size}, the first in projection "
            f"{first_bad}); {offer}."
        )
    if missing_pixels == array.size:
        raise UserError(f"{name}: no pixel has a value; there is nothing to reconstruct.")
    if low == high:
        raise UserError(f"{name}: every pixel has the same value ({low:g}); there is nothing to reconstruct.")


def _check_form(array: Any, name: str) -> None:
    """Check what is known without looking at a single pixel."""
    kind = np.dtype(array.dtype).kind
    if kind not in "uif":
        what = {"b": "a mask (true or false)", "c": "complex numbers"}.get(kind, f"of type {array.dtype}")
        raise UserError(f"{name}: the pixels are {what}; intensities as whole or real numbers are needed.")
    shape = tuple(int(size) for size in array.shape)
    if 0 in shape:
        raise UserError(f"{name}: empty, of shape {shape}; a stack of at least 2 projections is needed.")
    if len(shape) == 2 or (len(shape) == 3 and shape[0] == 1):
        raise UserError(f"{name}: a single 2D image; a stack of at least 2 projections is needed.")
    if len(shape) != 3:
        raise UserError(
            f"{name}: {len(shape)} axes, of shape {shape}; projections have exactly three, (z, y, x): "
            "choose one channel and one time point first."
        )
