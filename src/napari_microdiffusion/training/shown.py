"""Looks at tissue as the network is shown them."""

from dataclasses import dataclass

import numpy as np

from ..diffusion.slab import NetworkInputs, network_inputs, slab_orders
from ..diffusion.statistics import statistics
from ..errors import UserError
from ..interpolation import choose_pedestal, logspline
from ..optics import IntensityScale, ProjectionOperator
from ..optics.detector.denoising import denoise
from ..optics.detector.noise import NoiseModel
from .detector import Detector
from .looks import Look
from .recordings import noise_left

# Read noise of a look at little light, relative to the range.
_READ_NOISE = 0.01


@dataclass(frozen=True, eq=False)
class Shown:
    """What the network is given, and the residual (N, ORDERS, H, W) that would be right."""

    inputs: NetworkInputs
    residual: np.ndarray


def shown(look: Look, rng: np.random.Generator) -> Shown | None:
    """A look as it is shown; None where there is no structure in it."""
    try:
        return _shown(look, rng)
    except UserError:
        return None


def _shown(look: Look, rng: np.random.Generator) -> Shown:
    n = look.step_length
    operator = ProjectionOperator(np.full(n, 1 / n))
    cut = np.ascontiguousarray(look.volume[: len(look.volume) // n * n], np.float32)
    scale = IntensityScale.of(operator.project(cut))
    truth = scale.to_unit(cut)
    measured = np.asarray(operator.project(truth), np.float32)
    projections, noise = measured, NoiseModel()
    if look.photons:
        detector = Detector(look.photons, read_noise=_READ_NOISE)
        measured = detector.record(measured, 0.0, rng)
        noise = detector.noise_model()
        projections = denoise(measured, noise)
        # From here on in the unit of what the prior sees.
        seen_scale = IntensityScale.of(projections).widened(projections)
        noise = noise.scaled(seen_scale.background, seen_scale.span)
        truth, measured, projections = (seen_scale.to_unit(part) for part in (truth, measured, projections))
    left = noise_left(noise)
    guide = logspline(projections, operator, left, pedestal=choose_pedestal(projections, operator, left))
    inputs = network_inputs(projections, guide, operator, noise, statistics(projections, n), measured)
    return Shown(inputs, slab_orders(truth, operator) - inputs.first_orders)
