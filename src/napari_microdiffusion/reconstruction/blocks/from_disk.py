"""Stacks from files: reconstructed in memory where they fit, else in blocks."""

from dataclasses import replace

import numpy as np

from ...io import ImageStack
from ...optics import Acquisition
from ...registration.reference_stack import ReferenceStack
from ...settings.method import ReconstructionConfig
from .. import engine
from ..events import CancelToken, Events
from ..outputs import Outputs
from .plan import needs_blocks
from .reconstruction import begin_blocks, reconstruct_in_blocks


def in_memory(image: ImageStack, acquisition: Acquisition, config: ReconstructionConfig) -> ImageStack:
    """A stack with its pixels read, unless it is so large that it is reconstructed in blocks.

    Parameters
    ----------
    image : ImageStack
        Of an open file, chosen lazily, see `io.depth_stack`.
    acquisition : Acquisition
    config : ReconstructionConfig
    """
    if needs_blocks(image.data.shape, acquisition, config):
        return image
    return replace(image, data=np.asarray(image.data))


def reconstruct_image(
    image: ImageStack,
    acquisition: Acquisition,
    config: ReconstructionConfig,
    outputs: Outputs,
    *,
    reference: ReferenceStack | None = None,
    cancel: CancelToken | None = None,
) -> Events:
    """Reconstruct a stack that `in_memory` gave; the last event is `Finished`.

    Parameters
    ----------
    image : ImageStack
    acquisition : Acquisition
    config : ReconstructionConfig
    outputs : Outputs
        Where the result will be written, and meanwhile its blocks.
    reference : ReferenceStack, optional
    cancel : CancelToken, optional

    Yields
    ------
    Event

    Raises
    ------
    UserError, Cancelled, RunFailed
        As `engine.reconstruct`, and where the disk has no room.
    """
    if isinstance(image.data, np.ndarray):
        yield from engine.reconstruct(image.data, acquisition, config, reference=reference, cancel=cancel)
        return
    _check_room(image, acquisition, outputs)
    yield from reconstruct_in_blocks(image.data, acquisition, config, outputs.blocks, cancel=cancel)


def begin_image(
    image: ImageStack, acquisition: Acquisition, config: ReconstructionConfig, outputs: Outputs
) -> int:
    """Begin a stack that several processes share; gives the number of its blocks.

    Parameters and errors as of `reconstruct_image`.
    """
    _check_room(image, acquisition, outputs)
    return begin_blocks(image.data, acquisition, config, outputs.blocks)


def _check_room(image: ImageStack, acquisition: Acquisition, outputs: Outputs) -> None:
    outputs.check_room(4 * acquisition.step_length * int(np.prod(image.data.shape)))
