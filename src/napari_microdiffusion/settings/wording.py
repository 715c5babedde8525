"""Messages in the words of a window: its fields by their titles, and no options of the command line."""

import re

from .asked import FIELDS

# As in "mask missing (--mask-missing)".
_NAMED = re.compile(r"(?P<words>[a-z]+(?: [a-z]+)?) \(--(?P<option>[a-z-]+)\)")
# As in " (--axes zyx)", ", or --light drift," and ", for example --axes zyx".
_OPTIONS = re.compile(r" \(--[^)]*\)|,? (?:or|for example) --[a-z-]+ [a-z]+,?")
# What a window asks as it opens a file is no setting of it.
_ASKED = (
    ("name its axes with the setting axes", "save it again with its axes named, as Fiji does"),
    ("name them with the setting axes", "save it again with its axes named, as Fiji does"),
    ("say so with the setting axes", "save it again with z for this axis"),
    ("average them with the setting average frames", "choose their mean"),
)
_WHEN_OPENED = re.compile(r" with the setting (position|channel|time)\b")
_TITLES = {
    path.rpartition(".")[2].replace("_", "-"): field.title
    for path, field in FIELDS.items()
    if path.count(".") == 1 and path.startswith(("method.", "acquisition."))
}


def in_a_window(text: str) -> str:
    """A message without what it says of the command line, its fields called as they are in the docks."""
    if "--" in text:
        text = _OPTIONS.sub("", _NAMED.sub(_titled, text))
    if "the setting" in text:
        for words, instead in _ASKED:
            text = text.replace(words, instead)
        text = _WHEN_OPENED.sub(" when it is opened again", text)
    return text


def sentence(text: str) -> str:
    """The text as a sentence of a window.

    A capital comes first, unless it starts with a name with dots, and a stop last.
    """
    text = in_a_window(text).strip()
    first = text.split(" ", 1)[0]
    if not any(sign in first for sign in "./_\\"):
        text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _titled(found: re.Match[str]) -> str:
    """The title of the field that an option sets; without one, what is said beside the option."""
    words, option = found["words"], found["option"]
    title = _TITLES.get(option)
    if title is None:
        return words
    name = option.replace("-", " ")
    return f"{words.removesuffix(name)}“{title}”" if words.endswith(name) else f"{words} (“{title}”)"
