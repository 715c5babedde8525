"""How far a run is as a whole."""

import pytest

from napari_microdiffusion.reconstruction.cost.estimate import Estimate
from napari_microdiffusion.reconstruction.events import Progress, StageStarted
from napari_microdiffusion.tasks.progress import Step
from napari_microdiffusion.tasks.remaining import Remaining

STAGES = {"start": 1.0, "preview": 1.0, "guide": 8.0, "posterior mean": 30.0, "samples": 60.0}


def run(slowness: float):
    """A run whose every part takes so many times what was expected: seconds since its begin, and the step."""
    now = 0.0
    remaining = Remaining(Estimate(sum(STAGES.values()), 0, "this CPU", stages=STAGES), clock=lambda: now)
    yield now, remaining.step()
    for stage, seconds in STAGES.items():
        if stage != "start":
            remaining.handle(StageStarted(stage, stage))
        for part in range(1, 21):
            now += slowness * seconds / 20
            if stage != "start":
                remaining.handle(Progress(stage, part / 20))
            yield now, remaining.step()


@pytest.mark.parametrize("slowness", [0.2, 1.0, 6.0])
def test_a_share_is_there_from_the_start_and_only_grows(slowness):
    shares = [step.fraction for _, step in run(slowness)]
    assert shares[0] == 0
    assert shares == sorted(shares)
    assert 0.9 < shares[-1] < 1


def test_what_is_left_counts_the_stages_to_come():
    for spent, step in run(1.0):
        assert spent + step.seconds_left == pytest.approx(100, rel=0.02, abs=2)


def test_a_slow_machine_is_noticed_within_the_run():
    steps = list(run(6.0))
    spent, step = steps[75]  # in the posterior mean
    assert spent + step.seconds_left == pytest.approx(600, rel=0.3)


def test_judging_the_result_is_a_part_of_it():
    remaining = Remaining(Estimate(100, 0, "this CPU", stages=STAGES | {"end": 1.0}))
    remaining.handle(Step("Comparing with the ground truth", 0.5))
    assert remaining.step().text == "Comparing with the ground truth"
