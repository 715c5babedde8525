"""The one engine: from projections to a volume, as a stream of events."""

import numpy as np

from ..diffusion.slab import MAX_DIFFUSION_STEP_LENGTH
from ..errors import Cancelled, RunFailed, UsageError, UserError
from ..inr import FittedInr
from ..interpolation import histospline_slab
from ..io import check_output, validate_projections
from ..optics import Acquisition
from ..settings.method import ReconstructionConfig
from .events import CancelToken, Events, Finished, StageStarted, StopRequested
from .guides import GUIDES
from .methods import DIFFUSIONS
from .priors import check_prior
from .provenance import provenance
from .result import ReconstructionResult
from .run import Clock, Run

# Noise, relative to the range, beyond which it is worth leaving out: below it costs about what it gives.
_NOISY = 0.02


def reconstruct(
    projections: np.ndarray,
    acquisition: Acquisition,
    config: ReconstructionConfig | None = None,
    *,
    inr: FittedInr | None = None,
    cancel: CancelToken | None = None,
) -> Events:
    """Reconstruct a volume, yielding events while it is made.

    The histospline comes first as a preview, then the guide, then the posterior mean, which is the volume,
    then samples for the uncertainty. The last event is `Finished`.

    Parameters
    ----------
    projections : ndarray, shape (N, H, W)
        One image per slab, any real type.
    acquisition : Acquisition
        Step length and beam.
    config : ReconstructionConfig, optional
        Settings; the default is the recommended method.
    inr : FittedInr, optional
        A field fitted before to these projections; the guide `inr` takes it instead of fitting one.
    cancel : CancelToken, optional
        Ends the run from another thread.

    Yields
    ------
    Event
        See `events`.

    Raises
    ------
    UserError
        If the projections or the settings cannot be used. Raised at the first `next`.
    Cancelled
        If the run was cancelled.
    RunFailed
        If it failed for a reason outside its settings.
    """
    config = config or ReconstructionConfig()
    _check(projections, acquisition, config)
    run = Run(
        np.asarray(projections, dtype=np.float32), acquisition, config, cancel or CancelToken(), inr=inr
    )
    stopped = False
    try:
        yield from _stages(run)
    except StopRequested:
        stopped = True
    except (UserError, Cancelled, RunFailed):
        raise
    except (RuntimeError, MemoryError) as error:
        # napari's workers lose a RuntimeError without a sign, and torch raises little else.
        raise RunFailed(f"the reconstruction failed: {error}") from error
    misfit = run.misfit()
    yield Finished(
        ReconstructionResult(
            volume=run.volume,
            guide=run.first_estimate,
            uncertainty=run.uncertainty,
            inr=run.inr,
            samples=run.samples,
            stopped=stopped,
            reached=run.reached,
            seconds=run.seconds,
            reprojection_max=run.reprojection_max(),
            misfit=misfit,
            device=run.device,
            notices=run.notices,
            provenance=provenance(run, stopped) | {"misfit": misfit},
        )
    )


def _check(projections: np.ndarray, acquisition: Acquisition, config: ReconstructionConfig) -> None:
    validate_projections(projections, "the projections")
    if len(projections) % acquisition.views:
        raise UserError(
            f"the projections are {len(projections)} images, but {acquisition.views} views need as many of "
            "each; give all projections of the first view, then those of the second"
        )
    if config.guide == "none" and config.diffusion == "off":
        raise UsageError(
            "guide is none and diffusion is off, which leaves nothing to reconstruct; choose one of them"
        )
    if config.diffusion == "paper" and not acquisition.is_disjoint:
        raise UsageError(
            "diffusion is paper, which knows straight beams no wider than the step only; choose slab or off"
        )
    if config.diffusion == "slab":
        check_prior(config.prior)
    if config.diffusion == "paper" and config.paper.checkpoint is not None:
        check_output(config.paper.checkpoint, (".safetensors",))


def _stages(run: Run) -> Events:
    config, n = run.config, run.acquisition.step_length
    diffusion = config.diffusion
    if run.light.notice:
        yield run.notice(run.light.notice)
    with run.timed("preview"):
        yield from _preview(run)
    if run.consistency in ("exact", "nonnegative") and run.noise_share > _NOISY:
        yield run.notice(
            f"The noise of the projections is about {run.noise_share:.0%} of their range, and a volume that "
            'agrees with them exactly takes it over. The consistency "within the noise" (noise) leaves it '
            "out."
        )
    if diffusion == "slab" and n > MAX_DIFFUSION_STEP_LENGTH:
        diffusion = "off"
        yield run.notice(
            f"The diffusion is off: its prior was trained for step lengths up to "
            f"{MAX_DIFFUSION_STEP_LENGTH}, and this is {n}."
        )
    with run.timed("guide"):
        yield from GUIDES[config.guide](run)
        if diffusion == "off":
            yield from _finish_guide(run)
    if diffusion == "off":
        return
    run.cancel.check()
    with run.timed("posterior mean"):
        method = DIFFUSIONS[diffusion](run)
        yield from method.posterior_mean()
    if config.samples:
        with run.timed("samples"):
            yield from method.samples()


def _preview(run: Run) -> Events:
    """The histospline, slab by slab: something to look at within a second."""
    yield StageStarted("preview", "Preview (histospline)")
    clock, n = Clock("preview", len(run.projections)), run.acquisition.step_length
    for i in range(len(run.projections)):
        run.cancel.check()
        slices, slab = histospline_slab(run.projections, n, i), slice(i, i + 1)
        if run.beam is None and not run.acquisition.is_uniform:
            slices = run.agree(slices, slab, run.region)
        yield from run.write(slices, slab, run.region, "preview")
        yield clock.advance()


def _finish_guide(run: Run) -> Events:
    """Without diffusion the guide is the result, brought to agree with the measurement."""
    n = run.acquisition.step_length
    for i in range(len(run.projections)):
        run.cancel.check()
        slab = slice(i, i + 1)
        slices = run.agree(run.guide[i * n : (i + 1) * n], slab, run.region)
        yield from run.write(slices, slab, run.region, "guide")
    yield from run.settle("guide")
