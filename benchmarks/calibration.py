"""Learning what the spread of a prior's samples is worth, with the engine that users run."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from napari_microdiffusion.diffusion.calibration import SAMPLES, Outcome, combined, sample_spread
from napari_microdiffusion.diffusion.statistics import statistics
from napari_microdiffusion.optics import Acquisition, simulate_projections
from napari_microdiffusion.reconstruction.engine import reconstruct
from napari_microdiffusion.reconstruction.events import Finished
from napari_microdiffusion.reconstruction.facts import StackFacts
from napari_microdiffusion.reconstruction.slab.uncertainty import noise_taken_over, open_share
from napari_microdiffusion.specimens import KINDS, draw_plain_conditions, make_specimen
from napari_microdiffusion.studies.benchmark import DEFAULT_METHODS, method_config
from napari_microdiffusion.training.pool import SpecimenPool
from napari_microdiffusion.training.settings import BatchSettings

# Laterally the corner of a specimen: much of the structure, and a fraction of the time.
_SIDE = 48
_LONGEST = 72
_PLAIN_SHAPE = (72, 96, 96)
# Far from the seeds of evaluation.
_PLAIN_SEEDS = (10**6, 10**9)
_FEWEST_SLABS = 4
_STEP_LENGTHS = (4, 6, 6, 8, 12)
# At full brightness.
_PHOTONS = (8, 4000)
# How many of the specimens with the noise of a point scan keep it: intervals are about the tissue, but what
# anyone can compare them with is a point scan.
_NOISY_SHARE = 0.5
# Stacks with more of their light open than this are left out.
_LEAST_OPEN = 0.05
# Voxels taken of each stack: enough for quantiles, and all stacks fit into memory.
_KEPT = 20_000


def fresh_stacks(seed: int, count: int) -> Iterator[tuple[np.ndarray, np.ndarray, int]]:
    """Truth, noisy projections and step length of specimens that training never saw.

    By turns one like those of training, which are difficult on purpose, and one of plain tissue, recorded as
    a user would be content with: what is calibrated on difficult ones alone is too wide on all others.
    """
    rng = np.random.default_rng([seed, 1_000_007])
    settings = BatchSettings(pool=1, images_per_structure=1, noisy_share=_NOISY_SHARE, plain_share=0)
    pool = SpecimenPool(settings, seed)
    while count:
        is_plain = count % 2 == 0
        if is_plain:
            whole = _plain_specimen(rng)
        else:
            pool.renew(1)
            whole = pool.volumes[0]
        truth = whole[:_LONGEST, :_SIDE, :_SIDE].astype(np.float32)
        n = int(rng.choice(_STEP_LENGTHS))
        # Photons are counted relative to that percentile, and an all but empty corner has none.
        if len(truth) < _FEWEST_SLABS * n or np.percentile(truth, 99.9) <= 0.05:
            continue
        is_noiseless = not is_plain and rng.random() < 0.3
        photons = None if is_noiseless else float(np.exp(rng.uniform(*np.log(_PHOTONS))))
        read_noise = float(rng.choice([0, rng.uniform(0, 0.01)]))
        projections = simulate_projections(
            truth,
            Acquisition(step_length=n),
            photons=photons,
            read_noise=read_noise,
            seed=int(rng.integers(2**31)),
        )
        yield truth[: len(projections) * n], projections, n
        count -= 1


def _plain_specimen(rng: np.random.Generator) -> np.ndarray:
    """Tissue of one kind, moderately blurred, on little background, free of the noise of a point scan."""
    conditions = draw_plain_conditions(rng)
    kind = str(rng.choice(KINDS))
    return make_specimen(kind, _PLAIN_SHAPE, int(rng.integers(*_PLAIN_SEEDS)), conditions)


def outcomes(prior: str | Path, stacks: int, seed: int = 503) -> Iterator[Outcome]:
    """Reconstruct fresh stacks with the default settings and compare what samples tell with the errors.

    Parameters
    ----------
    prior : str or Path
        A shipped prior's name, or a file. A calibration that it already has is not used.
    stacks : int
    seed : int

    Yields
    ------
    Outcome
        Of one stack after the other, but for those that their own thick slabs widen; `Calibration.of` makes
        a calibration of them.
    """
    rng = np.random.default_rng(seed)
    config = method_config(DEFAULT_METHODS[-1], prior=str(prior), samples=SAMPLES, keep_samples=True)
    for truth, projections, n in fresh_stacks(seed, stacks):
        facts = StackFacts(projections, Acquisition(step_length=n), config)
        for event in reconstruct(projections, facts.acquisition, config):
            if not isinstance(event, Finished):
                continue
            # What the sample's own thick slabs widen needs no factor, and would make all others too wide.
            if open_share(event.result.provenance["self_test_error"]) <= _LEAST_OPEN:
                yield _outcome(event, truth, facts, rng)


def _outcome(event: Finished, truth: np.ndarray, facts: StackFacts, rng: np.random.Generator) -> Outcome:
    """Some voxels of one reconstruction beside the truth."""
    result, n, scale = event.result, facts.step_length, facts.scale
    squares = np.mean([np.square(s - result.volume) for s in result.samples], axis=0) / scale.span**2
    slabs = squares.reshape(-1, n, *squares.shape[1:])
    deviation = [combined(sample_spread(slab), noise_taken_over(facts, i)) for i, slab in enumerate(slabs)]
    whole = Outcome(
        brightness=scale.to_unit(result.volume).ravel(),
        error=(np.abs(result.volume - truth) / scale.span).ravel(),
        deviation=np.concatenate(deviation).ravel(),
        statistics=statistics(facts.prior_scale.to_unit(facts.denoised), n),
    )
    return whole.where(rng.choice(truth.size, min(_KEPT, truth.size), replace=False))
