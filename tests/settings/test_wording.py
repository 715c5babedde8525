"""Messages as they are read in a window."""

import ast
import re
from pathlib import Path

import pytest

import napari_microdiffusion
from napari_microdiffusion.settings.wording import in_a_window, sentence

ROOT = Path(napari_microdiffusion.__file__).parent


def texts():
    """Every text of the package that names an option, but those of the command line itself."""
    for path in sorted(ROOT.rglob("*.py")):
        if path.is_relative_to(ROOT / "cli"):
            continue
        every = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        inside = {id(part) for node in every if isinstance(node, ast.JoinedStr) for part in node.values}
        for node in every:
            if isinstance(node, ast.JoinedStr):
                parts = [part.value if isinstance(part, ast.Constant) else "zyx" for part in node.values]
                yield "".join(map(str, parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
                yield node.value


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("step length is 1", "Step length is 1."),
        ("vessel.tif is empty.", "vessel.tif is empty."),
        ("the memory is full!", "The memory is full!"),
        ("choose mask missing (--mask-missing) to go on", "Choose “Mask missing pixels” to go on."),
        ("the setting Light, or --light drift, evens it out", "The setting Light evens it out."),
        (
            "it holds 3 images; choose one with the setting position (--position): 0 or 1",
            "It holds 3 images; choose one when it is opened again: 0 or 1.",
        ),
    ],
)
def test_errors_read_as_sentences(given, shown):
    assert sentence(given) == shown


def test_no_message_names_an_option_in_a_window():
    found = [text for text in texts() if re.search(r"--[a-z]", text)]
    assert len(found) >= 5
    for text in found:
        shown = in_a_window(text)
        assert "--" not in shown, shown
        assert not re.search(r"  | [,;.:]|\(\)", shown), shown
        assert not re.search(r"the setting (axes|position|channel|time|average)", shown), shown
