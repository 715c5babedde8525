"""Implicit neural representations: fit one, or load one that was saved."""

from collections.abc import Callable
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ..settings.resolve import OPTICS, resolve, tables

if TYPE_CHECKING:
    from ..inr.fitted import FittedInr


def fit_inr(
    projections: ArrayLike,
    n: int,
    *,
    seed: int = 0,
    device: str = "auto",
    progress: Callable[[Any], object] | None = None,
    **settings: Any,
) -> "FittedInr":
    """Fit an implicit neural representation to projections, to the end.

    It is saved with its method `save` and used again with the settings `inr_file` of `reconstruct`.

    Parameters
    ----------
    projections : array_like, shape (N, H, W)
    n
        Step length in slices, 2 to 64.
    seed
        Seed of the field's start.
    device : {"auto", "cpu", "cuda", "mps"}
    progress
        Called with every `FitStep` (step, steps, loss).
    **settings
        Those of `InrSettings`, and of `make_acquisition`.

    Returns
    -------
    FittedInr
        Its method `render` gives slices at any depth, in intensities u of which grey levels are made as
        ``extra["background"] + extra["span"] * u``.

    Raises
    ------
    UserError
        If the projections or a setting cannot be used.
    """
    from ..inr.fitting import fit_inr as fit
    from ..io import validate_projections
    from ..optics import BeamOperator, IntensityScale
    from ..reconstruction.device import choose_device

    asked = tables(n, {name: settings.pop(name) for name in OPTICS & settings.keys()})
    asked["method"] = {"inr": settings, "device": device, "seed": seed}
    resolved = resolve(asked)
    acquisition, config = resolved.acquisition, resolved.method
    validate_projections(array := np.asarray(projections), "the projections")
    scale = IntensityScale.of(array)
    place = choose_device(config.device).type
    operator = None
    if not acquisition.is_disjoint:
        shape = (len(array) // acquisition.views, *array.shape[1:])
        operator = BeamOperator(acquisition.beams, acquisition.step_length, shape)
    unit = scale.to_unit(array)
    for step in fit(unit, acquisition.profile, config.inr, seed=config.seed, device=place, operator=operator):
        if progress is not None:
            progress(step)
    step.fitted.extra |= {"background": scale.background, "span": scale.span}
    return step.fitted


def load_inr(path: str | PathLike[str]) -> "FittedInr":
    """Read a fitted implicit neural representation from a file.

    Raises
    ------
    UserError
        If the file is none.
    """
    from ..inr.fitted import FittedInr

    return FittedInr.load(path)
