"""How long the pieces of a batch will still take."""

import numpy as np
import pytest

from napari_microdiffusion.batch import Work, cost_of, pieces_of
from napari_microdiffusion.io import write_image
from napari_microdiffusion.reconstruction.cost.speed import MachineSpeed
from napari_microdiffusion.reconstruction.events import Progress, StageStarted
from napari_microdiffusion.tasks.several.pieces_left import PiecesLeft

WORK = Work({"method": {"threads": 1, "device": "cpu", "samples": 0}})


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def pieces(tmp_path):
    for name, side in (("a", 256), ("b", 512), ("c", 256)):
        write_image(tmp_path / f"{name}.tif", np.zeros((4, side, side), np.uint8), step_length=6)
    found, _ = pieces_of([tmp_path / f"{name}.tif" for name in "abc"], tmp_path)
    return found


def test_before_any_is_done_the_estimate_counts_and_later_what_the_others_took(pieces):
    clock = Clock()
    left = PiecesLeft(pieces, WORK, MachineSpeed(), clock)
    first, second, third = (cost_of(piece, WORK).seconds for piece in pieces)
    left.begin(0)
    assert left.seconds(1) == pytest.approx(second)
    assert left.step().fraction == 0
    assert left.step().seconds_left == pytest.approx(first + second + third, rel=0.05)
    clock.now += 5 * first  # five times as slow as thought
    left.end(is_done=True)
    left.begin(1)
    assert left.seconds(0) is None
    assert left.seconds(2) == pytest.approx(5 * third)
    assert left.step().fraction == pytest.approx(1 / 3)
    assert left.step().text == "Piece 2 of 3: b.tif"


def test_the_piece_that_is_worked_on_goes_by_its_own_progress(pieces):
    clock = Clock()
    left = PiecesLeft(pieces, WORK, MachineSpeed(), clock)
    left.begin(0)
    before = left.seconds(0)
    left.handle(StageStarted("posterior mean", "Expected volume"))
    clock.now += 1
    left.handle(Progress("posterior mean", 0.9))
    assert left.seconds(0) < before / 2
    assert left.step().fraction > 0.1


def test_what_cannot_be_used_says_nothing_and_stops_nothing(pieces, tmp_path):
    clock = Clock()
    pieces[0].source.unlink()
    left = PiecesLeft(pieces, WORK, MachineSpeed(), clock)
    left.begin(0)
    assert left.seconds(0) is None
    clock.now += 60
    left.end(is_done=False)
    left.begin(1)
    assert left.seconds(2) == pytest.approx(cost_of(pieces[2], WORK).seconds)
