"""Training batches: repeatable, of the right shapes, and varied in what they are meant to vary."""

import numpy as np
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view

from napari_microdiffusion.diffusion.slab import (
    CONDITION_CHANNELS,
    GLOBALS,
    ORDERS,
    STATISTICS,
    compose,
    network_inputs,
)
from napari_microdiffusion.optics import ProjectionOperator
from napari_microdiffusion.specimens import make_specimen
from napari_microdiffusion.training.batches import (
    TrainingStack,
    batches,
    collate,
    draw_guide,
    draw_stack,
    learn_units,
)
from napari_microdiffusion.training.recordings import record
from napari_microdiffusion.training.settings import BatchSettings


@pytest.fixture(scope="module")
def references() -> tuple[np.ndarray, ...]:
    """Two small volumes, so that no large specimen is grown for a small question."""
    return tuple(make_specimen(kind, (36, 40, 48), 5) for kind in ("vasculature", "nuclei"))


def settings(references=(), **more) -> BatchSettings:
    return BatchSettings(
        **{"stacks": 3, "slabs": 4, "patch": 24, "pool": 2, "references": references, **more}
    )


def first(stream, count: int = 2):
    return [next(stream) for _ in range(count)]


def tensors(batch) -> list[torch.Tensor]:
    return [batch.condition, batch.globals, batch.unit, batch.mask, batch.residual, batch.weight]


def test_the_same_seed_gives_the_same_batches(references):
    ours = settings(references)
    one, same, other = (first(batches(ours, seed)) for seed in (1, 1, 2))
    for a, b in zip(one, same, strict=True):
        for x, y in zip(tensors(a), tensors(b), strict=True):
            torch.testing.assert_close(x, y, rtol=0, atol=0)
    assert not torch.equal(one[0].residual, other[0].residual)
    assert not torch.equal(one[0].residual, one[1].residual)


def test_shapes_masks_and_weights(references):
    for batch in first(batches(settings(references), 3), 4):
        assert batch.condition.shape == (3, 4, CONDITION_CHANNELS, 24, 24)
        assert batch.globals.shape == (3, GLOBALS)
        assert batch.unit.shape == (3, 4, 2, 24, 24)
        assert batch.mask.shape == (3, ORDERS)
        assert batch.residual.shape == (3, 4, ORDERS, 24, 24)
        described, known = batch.globals.split([GLOBALS - STATISTICS, STATISTICS], 1)
        whole = [batch.condition, described, batch.unit, batch.mask, batch.residual, batch.weight]
        assert all(torch.isfinite(tensor).all() for tensor in whole)
        # A stack's statistics are known or withheld as a whole.
        assert (torch.isfinite(known).all(1) | torch.isnan(known).all(1)).all()
        assert {tensor.dtype for tensor in tensors(batch)} == {torch.float32}
        # What a step length does not have is never to be learned.
        masked = batch.mask[:, None, :, None, None] == 0
        assert not batch.residual[masked.expand_as(batch.residual)].any()
        assert (batch.weight > 0).all()


def test_first_orders_and_residual_make_the_truth(references):
    rng = np.random.default_rng(3)
    noisy = 0
    for _ in range(12):
        recording = record(references, settings(), rng)
        stack = draw_stack(recording, settings(), rng)
        operator = recording.operator
        truth = compose(stack.problem.first_orders + stack.residual, operator)
        if recording.noise.is_negligible:
            # Slab means are then taken as they were measured.
            np.testing.assert_allclose(stack.residual[:, 0], 0, atol=1e-6)
            continue
        noisy += bool(np.abs(stack.residual[:, 0]).max() > 1e-4)
        # The patch lies somewhere in the recorded volume, at a whole slab.
        places = sliding_window_view(recording.volume, truth.shape)[:: operator.step_length]
        near = np.argwhere(np.abs(places[..., 0, 0, 0] - truth[0, 0, 0]) < 1e-4)
        assert any(np.allclose(places[tuple(place)], truth, atol=1e-4) for place in near)
    assert noisy >= 5


def test_guides_vary_but_all_agree_with_the_projections(rng):
    projections = rng.random((4, 6, 6), dtype=np.float32)
    draws = np.random.default_rng(2)
    operator = ProjectionOperator(np.full(4, 0.25))
    guides = [draw_guide(projections, operator, 0.01, draws, 0.1) for _ in range(30)]
    assert {guide.shape for guide in guides} == {(16, 6, 6)}
    assert len({round(float(guide.std()), 6) for guide in guides}) > 5


def test_a_stack_with_fewer_slabs_repeats_its_last(references):
    rng = np.random.default_rng(0)
    operator = ProjectionOperator(np.full(3, 1 / 3))

    def stack_of(slabs: int):
        projections = rng.random((slabs, 8, 8), dtype=np.float32)
        problem = network_inputs(projections, np.repeat(projections, 3, 0), operator)
        return TrainingStack(problem, rng.random((slabs, ORDERS, 8, 8), dtype=np.float32), np.ones(slabs))

    batch = collate([stack_of(2), stack_of(4)])
    torch.testing.assert_close(batch.residual[0, 1], batch.residual[0, 3])
    torch.testing.assert_close(batch.condition[0, 1], batch.condition[0, 2])


def test_the_spread_of_the_orders_is_positive_and_falls(references):
    spread, statistics = learn_units(settings(references), 0, stacks=24)
    assert spread.shape == (ORDERS,)
    assert (spread > 0).all()
    # Coarse axial structure is stronger than fine.
    assert spread[:3].mean() > spread[5:9].mean()
    assert statistics.shape == (2, STATISTICS)
    assert np.isfinite(statistics).all()
    assert (statistics[1] > 0).all()


def test_a_specimen_that_its_guide_knows_better_counts_more(references):
    """What counts is by which factor an error falls, not from where."""
    easy, hard = references[0] * 0 + np.linspace(1, 2, 36)[:, None, None], references[0]
    easy = (easy * (0.3 + 0.7 * (np.arange(48) % 5 > 1))).astype(np.float32)
    weights = []
    for volume in (easy, hard):
        rng, ours = np.random.default_rng(0), settings(step_length=6)
        recordings = [record([volume], ours, rng) for _ in range(8)]
        weights.append([draw_stack(r, ours, rng).weight.mean() for r in recordings])
    assert max(weights[0]) > 3 * max(weights[1])


def test_few_photons_count_as_much_as_many(references):
    """A stack's weight falls with what its noise costs, so that no light level is left unlearned."""
    rng, ours = np.random.default_rng(5), settings(step_length=6)
    recordings = [record(references, ours, rng) for _ in range(40)]
    noise = np.array([float(r.noise.deviation(np.array(0.2))) for r in recordings])
    shares = np.array([draw_stack(r, ours, rng).weight.mean() * r.error for r in recordings])
    few, many = shares[noise > np.quantile(noise, 0.8)], shares[noise < np.quantile(noise, 0.4)]
    assert 0.4 < np.median(few) / np.median(many) < 2.5


def test_slabs_with_little_light_are_judged_each_for_itself(references):
    """Most of what is seen of a stack are its faint slabs; its bright ones would rule the error."""
    volume = references[0].copy()
    volume[: len(volume) // 2] *= 0.1
    # All slabs of the recording in one patch.
    rng, ours = np.random.default_rng(2), settings(step_length=6, slabs=99)
    recording = record([volume], ours, rng)
    weights = draw_stack(recording, ours, rng).weight
    order = np.argsort(recording.light)
    assert weights[order[0]] > 1.5 * weights[order[-1]]
    assert (np.diff(weights[order]) <= 0).all()
