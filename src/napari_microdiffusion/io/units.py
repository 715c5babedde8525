"""Units of length as files write them: all of OME and of UDUNITS, and the ways in which µ is garbled."""

import html
import re
import unicodedata

# Prefixes of the SI with their symbols, as powers of ten of a metre.
_PREFIXES = {
    "yotta": ("Y", 24),
    "zetta": ("Z", 21),
    "exa": ("E", 18),
    "peta": ("P", 15),
    "tera": ("T", 12),
    "giga": ("G", 9),
    "mega": ("M", 6),
    "kilo": ("k", 3),
    "hecto": ("h", 2),
    "deca": ("da", 1),
    "deka": ("da", 1),
    "": ("", 0),
    "deci": ("d", -1),
    "centi": ("c", -2),
    "milli": ("m", -3),
    "micro": ("μ", -6),  # the Greek letter, into which NFKC turns the micro sign
    "nano": ("n", -9),
    "pico": ("p", -12),
    "femto": ("f", -15),
    "atto": ("a", -18),
    "zepto": ("z", -21),
    "yocto": ("y", -24),
}
_INCH = 25400.0
_METRE = 1e6
# Symbols are told apart by case: Mm is a billion times mm.
_SYMBOLS: dict[str, float] = {
    **{symbol + "m": float(f"1e{power + 6}") for symbol, power in _PREFIXES.values()},
    "um": 1.0,
    "mum": 1.0,
    "Å": 1e-4,
    "in": _INCH,
    '"': _INCH,
    "ft": 12 * _INCH,
    "yd": 36 * _INCH,
    "mi": 63360 * _INCH,
    "thou": _INCH / 1000,
    "mil": _INCH / 1000,
    "li": _INCH / 12,
    "pt": _INCH / 72,
    "ua": 149597870700 * _METRE,
    "au": 149597870700 * _METRE,
    "ly": 9460730472580800 * _METRE,
    "pc": 3.0856775814913673e16 * _METRE,
    "nmi": 1852 * _METRE,
}
# Singular and plural, with blanks, hyphens and underscores left out.
_NAMES: dict[str, float] = {
    **{
        name + metre + plural: float(f"1e{power + 6}")
        for name, (_, power) in _PREFIXES.items()
        for metre in ("meter", "metre")
        for plural in ("", "s")
    },
    **{
        name + plural: length
        for name, length in {
            "micron": 1.0,
            "angstrom": 1e-4,
            "ångström": 1e-4,
            "ångstrom": 1e-4,
            "fermi": 1e-9,
            "inch": _INCH,
            "foot": 12 * _INCH,
            "yard": 36 * _INCH,
            "mile": 63360 * _INCH,
            "internationalinch": _INCH,
            "internationalfoot": 12 * _INCH,
            "internationalyard": 36 * _INCH,
            "internationalmile": 63360 * _INCH,
            "nauticalmile": 1852 * _METRE,
            "fathom": 72 * _INCH,
            "rod": 198 * _INCH,
            "chain": 792 * _INCH,
            "furlong": 7920 * _INCH,
            "mil": _INCH / 1000,
            "line": _INCH / 12,
            "point": _INCH / 72,
            "pica": _INCH / 6,
            "astronomicalunit": 149597870700 * _METRE,
            "lightyear": 9460730472580800 * _METRE,
            "parsec": 3.0856775814913673e16 * _METRE,
        }.items()
        for plural in ("", "s")
    },
    "inches": _INCH,
    "feet": 12 * _INCH,
    "internationalfeet": 12 * _INCH,
    "internationalinches": _INCH,
}
_PIXEL_NAMES = frozenset({"", "pixel", "pixels", "px", "null", "none", "voxel", "voxels"})


def micrometres(unit: str) -> float | None:
    """Return the length of one `unit` in micrometres, or None for what is no unit of length."""
    text = _plain(unit)
    if text in _SYMBOLS:
        return _SYMBOLS[text]
    name = re.sub(r"[\s_-]", "", text).lower()
    if name in _NAMES:
        return _NAMES[name]
    # Written in capitals throughout, where only one symbol can be meant.
    possible = {length for symbol, length in _SYMBOLS.items() if symbol.lower() == name}
    return possible.pop() if len(possible) == 1 else None


def is_pixel_unit(unit: str) -> bool:
    """Return whether `unit` names pixels, or nothing at all."""
    return unit.strip().lower() in _PIXEL_NAMES


def unknown_unit(unit: str) -> str:
    """Return the sentence for a unit that is none of length."""
    return f"The unit {unit.strip()!r} is no length that is understood; the spacing in it is left out."


def _plain(unit: str) -> str:
    r"""Undo what programs do to µ and Å: \u00B5, &#181;, UTF-8 read as Latin-1, a lost character."""
    text = re.sub(r"\\[uU]0*([0-9a-fA-F]{2,4})", lambda found: chr(int(found[1], 16)), unit)
    text = re.sub(r"\\x([0-9a-fA-F]{2})", lambda found: chr(int(found[1], 16)), text)
    text = html.unescape(text)
    for encoding in ("latin-1", "cp1252"):
        try:
            text = text.encode(encoding).decode("utf-8")
        except UnicodeError:
            continue
    text = unicodedata.normalize("NFKC", text.strip().strip("\0").strip())
    # The one letter of these units that is no ASCII and has an m behind it.
    return re.sub(r"^[\N{REPLACEMENT CHARACTER}?]+m$", "μm", text)
