"""The survey of a stack that is read image by image: facts from samples that say as much as all of it."""

from dataclasses import replace
from typing import Any

import numpy as np

from ...errors import UserError
from ...interpolation import choose_pedestal
from ...optics import Acquisition
from ...optics.detector.intensity import working_unit
from ...optics.detector.light import even_light, with_gains
from ...optics.detector.missing import fill_missing
from ...optics.detector.noise import likely_noise
from ...settings.method import ReconstructionConfig
from ..conditioning import Conditioning
from ..events import CancelToken
from ..facts import StackFacts
from ..run_state import RunState
from ..slab.prior_weight import measure_prior_weight
from ..slab.tile_evaluator import TileEvaluator
from ..survey import StackSurvey

# The light of a slab is judged by about as many pixels; noise by the middle of some slabs.
_PIXELS_OF_A_SLAB = 65_536
_NOISY_SLABS, _NOISY_SIDE = 32, 512
# Intensities are judged by tiles from all over the image, in some slabs; the prior by the stack's middle.
_TILE, _TILES, _TILED_SLABS = 128, 3, 32
_MIDDLE = (64, 256, 256)


def survey(
    projections: Any, acquisition: Acquisition, config: ReconstructionConfig, cancel: CancelToken
) -> StackSurvey:
    """Survey a stack.

    Parameters
    ----------
    projections : array_like, shape (N, H, W)
        Lazy; each image is read once.
    acquisition : Acquisition
        Of slabs that are recorded each for itself.
    config : ReconstructionConfig
    cancel : CancelToken

    Raises
    ------
    UserError
        For tiny or huge grey levels, which only small stacks may have.
    """
    sample = _Sample(projections, cancel)
    if working_unit(sample.sparse, acquisition.step_length) != 1:
        raise UserError("the projections of a large stack must lie near 1; multiply them by a factor")
    dark = acquisition.dark_level
    gains, notice = np.ones(len(projections)), ""
    if config.light != "as recorded":
        seen = even_light(_filled(sample.sparse), config.light, dark_level=dark)
        gains, notice = seen.gains, seen.notice
    observed = with_gains(sample.noisy, gains[sample.noisy_slabs], dark)
    found = StackSurvey(
        shape=tuple(int(size) for size in projections.shape),  # type: ignore[arg-type]
        gains=gains,
        light_notice=notice,
        likely_noise=likely_noise(observed, acquisition),
        missing_share=sample.missing / int(np.prod(projections.shape)),
    )

    def facts_of(stack: np.ndarray, slabs: np.ndarray) -> StackFacts:
        return StackFacts(stack, acquisition, config, cancel.check, survey=found.of_slabs(slabs))

    facts = facts_of(sample.tiled, sample.tiled_slabs)
    found = replace(
        found,
        noise=facts.noise,
        scale=facts.scale,
        prior_scale=facts.prior_scale,
        noise_share=facts.noise_share,
        denoising_error=facts.denoising_error if config.samples and facts.consistency == "noise" else None,
    )
    facts = facts_of(sample.middle, sample.middle_slabs)
    unit = facts.scale.to_unit(facts.denoised)
    pedestal = 0.0
    if config.guide == "logspline":
        pedestal = choose_pedestal(unit, facts.operator, facts.noise_level)
    found = replace(found, pedestal=pedestal)
    if config.diffusion != "slab":
        return found
    conditioning = Conditioning(facts, facts.denoised, unit, pedestal)
    evaluator = TileEvaluator(facts, RunState.of(facts, cancel))
    test = measure_prior_weight(conditioning, evaluator.denoiser, evaluator.plan.side)
    return replace(
        found,
        statistics=conditioning.statistics,
        flipped_statistics=conditioning.flipped_statistics,
        prior_weight=test.weight,
        self_test_error=test.error,
    )


class _Sample:
    """Parts of a stack, float32, collected in one pass over its images."""

    def __init__(self, projections: Any, cancel: CancelToken) -> None:
        count, height, width = projections.shape
        step = max(1, round((height * width / _PIXELS_OF_A_SLAB) ** 0.5))
        self.noisy_slabs = np.unique(np.linspace(0, count - 1, _NOISY_SLABS).round().astype(int))
        self.tiled_slabs = np.unique(np.linspace(0, count - 1, _TILED_SLABS).round().astype(int))
        first = max(0, (count - _MIDDLE[0]) // 2)
        self.middle_slabs = np.arange(first, min(count, first + _MIDDLE[0]))
        rows, columns = _starts(height), _starts(width)
        sparse, noisy, tiled, middle, self.missing = [], [], [], [], 0
        for index in range(count):
            cancel.check()
            plane = np.asarray(projections[index], np.float32)
            self.missing += int(np.count_nonzero(np.isnan(plane)))
            sparse.append(plane[::step, ::step].copy())
            if index in self.noisy_slabs:
                noisy.append(_middle(plane, _NOISY_SIDE))
            if index in self.tiled_slabs:
                lines = [
                    np.concatenate([plane[y : y + _TILE, x : x + _TILE] for x in columns], 1) for y in rows
                ]
                tiled.append(np.concatenate(lines))
            if index in self.middle_slabs:
                middle.append(_middle(plane, _MIDDLE[1]))
        self.sparse, self.noisy, self.tiled, self.middle = map(np.stack, (sparse, noisy, tiled, middle))


def _starts(size: int) -> list[int]:
    """Where tiles begin that lie evenly along an image, without overlap."""
    count = max(1, min(_TILES, size // _TILE))
    return [round(start) for start in np.linspace(0, max(0, size - _TILE), count)]


def _middle(plane: np.ndarray, side: int) -> np.ndarray:
    y, x = (max(0, (size - side) // 2) for size in plane.shape)
    return plane[y : y + side, x : x + side].copy()


def _filled(stack: np.ndarray) -> np.ndarray:
    gaps = np.isnan(stack)
    return fill_missing(stack, gaps) if gaps.any() else stack
