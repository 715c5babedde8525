import pytest

from napari_microdiffusion.io.metadata import items_in_lines, own_items, own_values


def test_own_lines_among_others() -> None:
    text = (
        "a = b\nmicrodiffusion.step_length = 6\r\n  microdiffusion.beam: bessel\nxmicrodiffusion.beam = no\n"
    )
    assert items_in_lines(text) == {"microdiffusion.step_length": "6", "microdiffusion.beam": "bessel"}


def test_own_items_and_values_are_inverse() -> None:
    description = {"a": [1, {"b": "line\nbreak"}]}
    items = own_items(6, "airy", description, (-1.5, 0.1, 1e-9))
    assert own_values(items) == {
        "step_length": 6,
        "beam": "airy",
        "description": description,
        "origin": (-1.5, 0.1, 1e-9),
    }
    assert all("\n" not in value for value in items.values())
    nothing = {"step_length": None, "beam": None, "description": {}, "origin": None}
    assert own_values(own_items(None, None, None)) == nothing


@pytest.mark.parametrize("text", ["{", "[1]", "[" * 100_000, "nothing"])
def test_a_description_that_is_none_of_ours_is_left_out(text: str) -> None:
    assert own_values({"microdiffusion.description": text})["description"] == {}


@pytest.mark.parametrize("text", ["", "1 2", "1 2 nan", "a b c", "1 2 3 4"])
def test_an_origin_that_is_none(text: str) -> None:
    assert own_values({"microdiffusion.origin": text})["origin"] is None
