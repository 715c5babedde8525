"""From projections to a volume: the whole run, or its events."""

from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ..settings.resolve import Resolved, resolve, tables

if TYPE_CHECKING:
    from ..reconstruction.events import CancelToken, Event, Events
    from ..reconstruction.result import ReconstructionResult
    from ..registration.reference_stack import ReferenceStack


def reconstruct(
    projections: ArrayLike,
    n: int,
    *,
    reference: "ArrayLike | ReferenceStack | None" = None,
    progress: "Callable[[Event], object] | None" = None,
    cancel: "CancelToken | None" = None,
    **settings: Any,
) -> "ReconstructionResult":
    """Reconstruct a volume from projections, to the end.

    Parameters
    ----------
    projections : array_like, shape (N, H, W)
        One image per slab, in any unit of intensity.
    n
        Step length in slices, 2 to 64.
    reference
        A point-scanned stack (D, H', W') of the same tissue: an array with the volume's voxels, or a
        `ReferenceStack` with others. It is registered to the projections, and the guide is then `reference`.
    progress
        Called with every event of the run.
    cancel
        Ends the run from another thread.
    **settings
        Those of `ReconstructionConfig` (guide, diffusion, consistency, samples, steps, prior, device, seed,
        memory_gb, inr, inr_file, ...) and of `make_acquisition` (beam, step, beam_file, bend, tilt, views,
        dark_level, photon_gain, read_noise, ...).

    Returns
    -------
    ReconstructionResult
        With `volume` (N*n, H, W) and, where samples were drawn, `uncertainty`, in the projections' unit.

    Raises
    ------
    UserError
        If the projections or a setting cannot be used (a setting: `UsageError`).
    Cancelled, RunFailed
        As `reconstruct_events`.
    """
    from ..reconstruction.events import Finished

    for event in reconstruct_events(projections, n, reference=reference, cancel=cancel, **settings):
        if progress is not None:
            progress(event)
        if isinstance(event, Finished):
            return event.result
    raise AssertionError("a run ends with its result or an exception")


def reconstruct_events(
    projections: ArrayLike,
    n: int,
    *,
    reference: "ArrayLike | ReferenceStack | None" = None,
    cancel: "CancelToken | None" = None,
    **settings: Any,
) -> "Events":
    """Reconstruct a volume as a generator of events, the last of which is `Finished` with the result.

    Parameters are those of `reconstruct`. Settings are checked at once, projections at the first `next`.

    Raises
    ------
    UsageError
        If a setting cannot be used.
    UserError
        If the projections cannot be used.
    Cancelled
        If the run was cancelled.
    RunFailed
        If it failed for a reason outside its settings.
    """
    from ..reconstruction.engine import reconstruct as run

    if reference is not None:
        settings.setdefault("guide", "reference")
    given = reference_stack(reference)
    resolved = resolve(tables(n, settings))
    events = run(
        np.asarray(projections), resolved.acquisition, resolved.method, reference=given, cancel=cancel
    )
    return _with_origins(events, resolved)


def reference_stack(reference: "ArrayLike | ReferenceStack | None") -> "ReferenceStack | None":
    """A reference as the engine takes it."""
    from ..registration.reference_stack import ReferenceStack

    if reference is None or isinstance(reference, ReferenceStack):
        return reference
    return ReferenceStack(np.asarray(reference))


def _with_origins(events: "Events", resolved: Resolved) -> "Events":
    """The events, with the origins of the settings in the result's provenance."""
    from ..reconstruction.events import Finished

    with closing(events):
        for event in events:
            if isinstance(event, Finished):
                event.result.provenance["origins"] = resolved.provenance()["origins"]
            yield event
