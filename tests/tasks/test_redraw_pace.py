"""Redrawing takes a small share of the window's time, whatever a redraw takes."""

import pytest

from napari_microdiffusion.tasks.redraw_pace import REDRAW_SHARE, RedrawPace

TICK = 0.03


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def drawing(seconds_to_draw, seconds_to_paint, in_3d=False, is_preview=False, over=20.0, new_stage_at=None):
    """Seconds at which it is redrawn, asked once a tick, each redraw and its painting taking so long."""
    clock = Clock()
    pace, drawn = RedrawPace(TICK, clock), []
    while clock.now < 100 + over:
        is_new = new_stage_at is not None and clock.now >= 100 + new_stage_at and drawn[-1] < new_stage_at
        if pace.is_due(in_3d, is_new):
            drawn.append(clock.now - 100)
            clock.now += seconds_to_draw
            pace.drawn(in_3d, is_preview)
            clock.now += seconds_to_paint
        clock.now += TICK
    return drawn


@pytest.mark.parametrize("seconds", [0.01, 0.05, 0.1])
def test_drawing_takes_a_share_of_the_time_however_long_it_takes(seconds):
    drawn = drawing(seconds, 0.0)
    assert len(drawn) * seconds <= 1.2 * REDRAW_SHARE * 20
    assert len(drawn) > 10


def test_what_is_painted_after_drawing_counts_as_well():
    assert len(drawing(0.001, 0.1)) <= 1.2 * REDRAW_SHARE * 20 / 0.1


def test_previews_and_volumes_in_3d_are_drawn_less_often():
    plain, preview, in_3d = drawing(0, 0), drawing(0, 0, is_preview=True), drawing(0, 0, in_3d=True)
    assert len(plain) > 2 * len(in_3d) > 2 * len(preview) * 0.8


def test_the_first_is_not_drawn_at_once():
    assert drawing(0, 0)[0] >= 0.1


def test_where_3d_is_drawn_by_the_processor_a_stage_is_drawn_once():
    assert len(drawing(0.01, 0.5, in_3d=True)) == 1
    assert len(drawing(0.01, 0.5, in_3d=True, new_stage_at=5.0)) == 2
    assert len(drawing(0.01, 0.5)) > 2
