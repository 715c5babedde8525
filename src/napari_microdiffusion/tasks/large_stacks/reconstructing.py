"""Reconstructs a large stack block by block, on disk, while a window shows what there is."""

import shutil
import tempfile
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import Cancelled, UserError
from ...io import missing_room
from ...optics import Acquisition
from ...reconstruction.blocks.growing_volume import FINISHED, GrowingVolume
from ...reconstruction.blocks.plan import Block, BlockPlan
from ...reconstruction.events import BlockReady, CancelToken, Finished
from ...settings.method import ReconstructionConfig
from ...stacks.contrast_limits import limits_of, sampled
from ..contrast import Contrast
from ..imports import load_torch_libraries
from .focus import Focus

# Projections of up to so many bytes are copied, so that what is painted into them changes nothing.
_COPIED = 1_000_000_000
# Blocks that tell how bright the volume is.
_JUDGED_BLOCKS = 9


@dataclass(frozen=True, eq=False)
class GrowingVolumes:
    """The volume as it grows on disk, its uncertainty where there will be one, and where is looked at.

    The files are removed once nobody holds their levels any more.
    """

    volume: GrowingVolume
    uncertainty: GrowingVolume | None
    focus: Focus


def reconstructing_in_blocks(
    projections: Any,
    acquisition: Acquisition,
    config: ReconstructionConfig,
    cancel: CancelToken,
    focus: Focus | None = None,
) -> Iterator[Any]:
    """`GrowingVolumes` at once, then the engine's events, with a `Contrast` now and then.

    Parameters
    ----------
    projections : array_like, shape (N, H, W)
        May be lazy.
    acquisition : Acquisition
    config : ReconstructionConfig
        For which, with the acquisition, `needs_blocks`.
    cancel : CancelToken
    focus : Focus, optional
        Where to begin; in the middle where there is none.
    """
    n, (slabs, height, width) = acquisition.step_length, projections.shape
    has_samples = bool(config.samples) and config.diffusion != "off"
    size = 4 * slabs * n * height * width * (1 + has_samples)
    kept = _Folder(size + size // 3)
    folder = kept.path
    plan = BlockPlan.of_tiles((slabs, height, width), config)
    volume, uncertainty = GrowingVolume(projections, n, folder, plan, holds=kept), None
    if has_samples:
        uncertainty = GrowingVolume(projections, n, folder, plan, "uncertainty", kept)
    focus = focus or Focus((height / 2, width / 2))
    yield GrowingVolumes(volume, uncertainty, focus)
    if projections.size * projections.dtype.itemsize <= _COPIED:
        # Not before something is on screen: it takes as long as the preview.
        projections = np.array(projections)
    if config.diffusion != "off":
        load_torch_libraries()
    from ...reconstruction.blocks.reconstruction import reconstruct_in_blocks

    blocks = {block.keep: block for block in plan.blocks()}
    done: list[Block] = []
    try:
        for event in reconstruct_in_blocks(
            projections,
            acquisition,
            config,
            folder / FINISHED,
            plan=plan,
            next_of=focus.nearest,
            keeps_unfinished=True,
            cancel=cancel,
        ):
            if isinstance(event, BlockReady):
                done.append(blocks[event.region])
                for growing in (volume, uncertainty):
                    if growing is not None:
                        growing.add(done[-1])
            is_over = isinstance(event, Finished)
            if is_over:
                for growing in (volume, uncertainty):
                    if growing is not None:
                        growing.end()
            # The first block says most; later there is less and less to be told anew.
            if is_over or (isinstance(event, BlockReady) and len(done).bit_count() == 1):
                top = 1.0 if uncertainty is None else _limits(uncertainty, done)[1]
                yield Contrast(*_limits(volume, done), max(top, 1e-30))
            yield event
    except Cancelled:
        # Its layers go; viewers hold on to those that were chosen last.
        kept.remove()
        raise


def _limits(growing: GrowingVolume, done: list[Block]) -> tuple[float, float]:
    """Contrast limits by some of the finished blocks."""
    some = done[:: -(-len(done) // _JUDGED_BLOCKS)]
    return limits_of(np.concatenate([sampled(growing.blocks.block(block)).ravel() for block in some]))


class _Folder:
    """A new folder for so many bytes among the system's temporary files, removed with this object."""

    def __init__(self, size: int) -> None:
        place = Path(tempfile.gettempdir())
        remedy = "make room, name another folder in the variable TMPDIR, or reconstruct a part"
        if why := missing_room("the volume", size, place, remedy):
            raise UserError(why)
        self.path = Path(tempfile.mkdtemp(prefix="microdiffusion-"))
        self.remove = weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)
