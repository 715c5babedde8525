"""How well two mirrored views tell the depths of a slab apart."""

import pytest

from napari_microdiffusion.optics import Acquisition


def parallax(n=6, **beam) -> float:
    return Acquisition(step_length=n, **beam).sampled_beam.parallax(n)


@pytest.mark.parametrize("n", [5, 6, 12])
def test_a_beam_that_bends_alike_on_both_sides_has_none(n):
    assert parallax(n, bend=0.1) == pytest.approx(0, abs=1e-9)
    assert parallax(n, bend=0.1, beam="airy", side_lobes=3, lobe_spacing=3.0) == pytest.approx(0, abs=1e-6)
    assert parallax(n, beam="bessel") == 0


@pytest.mark.parametrize("beam", [{"tilt": 0.5}, {"bend": 0.1, "apex": -3}, {"bend": 0.1, "apex": 9}])
def test_a_tilted_beam_and_one_with_its_apex_beyond_tell_every_depth(beam):
    assert parallax(**beam) == pytest.approx(1)
    # What lies outside the slab does not count.
    assert parallax(**beam, width=12) == pytest.approx(1)


def test_the_farther_the_apex_from_the_middle_the_more():
    found = [parallax(bend=0.1, apex=apex) for apex in (0, 0.5, 1, 2, 2.5)]
    assert found == sorted(found)
    assert found[0] < found[1] < found[2]
