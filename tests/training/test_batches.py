"""Training batches: repeatable, of the right shapes, and varied in what they are meant to vary."""

import numpy as np
import pytest
import torch

from napari_microdiffusion.diffusion.slab import (
    CONDITION_CHANNELS,
    GLOBALS,
    ORDERS,
    STATISTICS,
    network_inputs,
)
from napari_microdiffusion.diffusion.statistics import FEATURES
from napari_microdiffusion.optics import ProjectionOperator
from napari_microdiffusion.specimens import make_specimen
from napari_microdiffusion.training.batches import (
    TrainingStack,
    add_noise,
    batches,
    collate,
    draw_acquisition,
    draw_guide,
    draw_stack,
    draw_statistics,
    learn_units,
)
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
    return [batch.condition, batch.globals, batch.amplitude, batch.mask, batch.residual, batch.weight]


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
        assert batch.amplitude.shape == (3, 4, 1, 24, 24)
        assert batch.mask.shape == (3, ORDERS)
        assert batch.residual.shape == (3, 4, ORDERS, 24, 24)
        described, known = batch.globals.split([GLOBALS - STATISTICS, STATISTICS], 1)
        whole = [batch.condition, described, batch.amplitude, batch.mask, batch.residual, batch.weight]
        assert all(torch.isfinite(tensor).all() for tensor in whole)
        # A stack's statistics are known or withheld as a whole.
        assert (torch.isfinite(known).all(1) | torch.isnan(known).all(1)).all()
        assert {tensor.dtype for tensor in tensors(batch)} == {torch.float32}
        # What a step length does not have is never to be learned.
        masked = batch.mask[:, None, :, None, None] == 0
        assert not batch.residual[masked.expand_as(batch.residual)].any()
        assert (batch.weight > 0).all()


def test_guide_and_residual_make_the_truth(rng):
    # A specimen that does not change along z has no orders in its null space, whatever noise the guide has.
    flat = np.repeat(rng.random((1, 40, 40), dtype=np.float32), 36, axis=0)
    stacks = [draw_stack([flat], settings(), np.random.default_rng(seed)) for seed in range(30)]
    uniform = [stack for stack in stacks if abs(stack.problem.globals[4]) < 1e-6]
    assert len(uniform) > 10
    for stack in uniform:
        np.testing.assert_allclose(stack.problem.guide_orders + stack.residual, 0, atol=1e-5)
    assert max(np.abs(stack.residual).max() for stack in uniform) > 1e-3


def test_acquisitions_cover_step_lengths_and_beams():
    rng = np.random.default_rng(0)
    drawn = [draw_acquisition(rng, 56) for _ in range(300)]
    assert {a.step_length for a in drawn} == set(range(2, 17))
    uniform = np.mean([a.is_uniform for a in drawn])
    assert 0.55 < uniform < 0.8
    lopsided = [a for a in drawn if not np.allclose(a.profile, a.profile[::-1])]
    assert len(lopsided) > 20
    assert max(draw_acquisition(rng, 5).step_length for _ in range(40)) <= 5


def test_noise_is_as_strong_as_it_is_said_to_be():
    rng = np.random.default_rng(1)
    unit = np.full((4, 60, 60), 0.5, np.float32)
    draws = [add_noise(unit, 0.1, rng) for _ in range(20)]
    clean = [level for _, level in draws if level == 0]
    assert 2 <= len(clean) <= 14
    for noisy, level in draws:
        assert noisy.dtype == np.float32
        assert (noisy - unit).std() == pytest.approx(level, rel=0.05)


def test_guides_vary_but_all_agree_with_the_projections(rng):
    projections = rng.random((4, 6, 6), dtype=np.float32)
    draws = np.random.default_rng(2)
    operator = ProjectionOperator(np.full(4, 0.25))
    guides = [draw_guide(projections, operator, 0.01, draws) for _ in range(30)]
    assert {guide.shape for guide in guides} == {(16, 6, 6)}
    assert len({round(float(guide.std()), 6) for guide in guides}) > 5


def test_a_stack_with_fewer_slabs_repeats_its_last(references):
    rng = np.random.default_rng(0)
    operator = ProjectionOperator(np.full(3, 1 / 3))

    def stack_of(slabs: int):
        projections = rng.random((slabs, 8, 8), dtype=np.float32)
        problem = network_inputs(projections, np.repeat(projections, 3, 0), operator)
        return TrainingStack(problem, rng.random((slabs, ORDERS, 8, 8), dtype=np.float32), 1.0)

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


def test_stacks_are_told_the_statistics_of_some_piece_and_now_and_then_nothing(rng):
    draws, projections = np.random.default_rng(4), rng.random((8, 60, 64), dtype=np.float32)
    told = [draw_statistics(projections, 6, draws) for _ in range(80)]
    known = [t for t in told if t is not None]
    assert 60 <= len(known) < 80
    assert all(np.isfinite(t).all() for t in known)
    # The piece varies, and the texture's energy with it, but only a little in uniform noise.
    fine = np.array([t[FEATURES.index("fine texture")] for t in known])
    assert 0 < fine.std() < 0.1


def test_a_specimen_that_its_guide_knows_better_counts_more(references):
    """What counts is by which factor an error falls, not from where."""
    easy, hard = references[0] * 0 + np.linspace(1, 2, 36)[:, None, None], references[0]
    easy = (easy * (0.3 + 0.7 * (np.arange(48) % 5 > 1))).astype(np.float32)
    weights = [
        np.median(
            [draw_stack([v], settings(step_length=6), np.random.default_rng(s)).weight for s in range(6)]
        )
        for v in (easy, hard)
    ]
    assert weights[0] > 3 * weights[1]
