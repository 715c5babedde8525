"""Units of length, as clean and as garbled as files have them."""

import pytest

from napari_microdiffusion.io.units import micrometres

LENGTHS = {
    **dict.fromkeys(("um", "µm", "\N{GREEK SMALL LETTER MU}m", r"\u00B5m", " Micron ", "micrometres"), 1),
    **dict.fromkeys(("nm", "nanometer"), 1e-3),
    "mm": 1e3,
    "cm": 1e4,
    "m": 1e6,
    "inches": 25400,
    "Å": 1e-4,
}


@pytest.mark.parametrize(("unit", "length"), LENGTHS.items())
def test_units_of_length(unit: str, length: float) -> None:
    assert micrometres(unit) == length


@pytest.mark.parametrize("unit", ["", "pixel", "s", "ms", "sec", "ums", "reference frame", "verst"])
def test_what_is_no_length(unit: str) -> None:
    assert micrometres(unit) is None
