"""Calibrating runs the users' engine on specimens nobody has seen, the same ones for the same seed."""

import numpy as np
from calibration import fresh_stacks, outcomes

from napari_microdiffusion.diffusion.calibration import LEVELS, Calibration
from napari_microdiffusion.diffusion.slab import STATISTICS
from napari_microdiffusion.specimens import KINDS, make_specimen


def test_the_same_seed_gives_the_same_stacks_and_another_does_not():
    ours, again, others = (list(fresh_stacks(seed, 2)) for seed in (1, 1, 2))
    for (truth, projections, n), (same, _, _), (other, _, _) in zip(ours, again, others, strict=True):
        np.testing.assert_array_equal(truth, same)
        assert truth.shape == (len(projections) * n, *projections.shape[1:])
        assert other.shape != truth.shape or (other != truth).any()


def test_every_other_stack_is_plain_tissue_whose_projections_are_noisy(monkeypatch):
    made = []

    def spy(kind, shape, seed, conditions):
        made.append((kind, conditions))
        return make_specimen(kind, shape, seed, conditions)

    monkeypatch.setattr("calibration.make_specimen", spy)
    stacks = list(fresh_stacks(4, 4))
    assert len(made) == 2
    assert all(kind in KINDS and conditions.voxel_noise == 0 for kind, conditions in made)
    for truth, projections, n in stacks[::2]:
        means = truth.reshape(-1, n, *truth.shape[1:]).mean(1)
        assert np.abs(projections - means).max() > 0


def test_outcomes_tell_errors_deviations_and_the_stack():
    """On fresh specimens, which the weights were not fitted to, the deviation is of the size of the error."""
    found = list(outcomes("general", stacks=1, seed=5))
    assert len(found) == 1
    outcome = found[0]
    assert outcome.brightness.shape == outcome.error.shape == outcome.deviation.shape
    assert outcome.statistics.shape == (STATISTICS,)
    assert (outcome.deviation > 0).all()
    assert 0.2 < np.exp(np.quantile(outcome.log_ratios(), 0.9)) < 5
    calibration = Calibration.of(found)
    assert calibration.factors(outcome.statistics).shape == (len(LEVELS),)


def test_a_corner_with_next_to_nothing_is_passed_over(monkeypatch):
    speck = np.zeros((72, 96, 96), np.float32)
    speck[8:14, 8:13, 8:13] = 1
    made = []

    def sparse_at_first(kind, shape, seed, conditions):
        made.append(speck if not made else make_specimen(kind, shape, seed, conditions))
        return made[-1]

    monkeypatch.setattr("calibration.make_specimen", sparse_at_first)
    stacks = list(fresh_stacks(4, 2))
    assert len(made) == len(stacks) == 2
    assert all(truth.sum() > speck.sum() for truth, _, _ in stacks)
